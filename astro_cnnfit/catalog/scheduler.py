# Licensed under a 3-clause BSD style license - see LICENSE
"""
Every task to an end, whatever raises, dies or is lost on the way.

A task that raises is tried again after all others: a file server may be back then.
One whose worker dies is not known to be guilty, for it may have shared the worker
with the one that is; it is tried again last of all and alone, and blamed only for
what happens then.
"""

import errno
import logging
from contextlib import closing
from dataclasses import dataclass
from functools import partial

from .attempts import in_this_process
from .dispatch import RunStopped, on_cluster

__all__ = ["Failure", "RunStopped", "run_tasks"]

log = logging.getLogger(__name__)

# What every other task would meet, too.
_FATAL = {
    errno.ENOSPC: "no space left on the disk",
    errno.EDQUOT: "the disk quota is used up",
    errno.EROFS: "the file system can no longer be written to",
}


@dataclass(frozen=True)
class Failure:
    """A task that was given up."""

    reason: str
    """What was raised last, or that its worker died."""
    attempts: int
    """How often it was tried."""


@dataclass
class _Job:
    task: object
    attempts: int = 0

    def tried(self, end):
        self.attempts += end.killed or 1
        if end.error is not None:
            log.warning("%s: %s", _name(self.task), end.error)
            log.debug("%s", end.traceback)
        if end.errno in _FATAL:
            raise RunStopped(
                f"{_FATAL[end.errno]} ({end.error}); what is written stays, and the "
                "same call goes on when there is room"
            )


def run_tasks(function, tasks, client=None, *, arguments=(), retries=2, in_flight=None):
    """
    Run tasks to their ends.

    Parameters
    ----------
    function : callable
        Called with a task and the arguments; of a module, so that it can be sent.
    tasks : iterable
        What to do. They are taken when there is room for them, so that the memory
        of this process and of the scheduler does not grow with their number.
    client : `distributed.Client`, optional
        Of a Dask cluster; without it tasks run here, one after the other.
    arguments : sequence
        The same for all tasks; small, for they are sent with each.
    retries : int
        How often a task is tried again that raised or whose worker died.
    in_flight : int, optional
        Tasks that are with the scheduler at most; twice its threads by default.

    Yields
    ------
    task : object
        In the order in which they end.
    outcome : object or `Failure`
        What the function returned, or why the task was given up.

    Raises
    ------
    RunStopped
        If the scheduler is lost, or the disk is full.
    """
    if client is None:
        run = partial(in_this_process, function, arguments=arguments)
    else:
        run = partial(on_cluster, client, function, arguments=arguments)
    suspects, wave = [], map(_Job, tasks)
    width = {} if client is None else {"in_flight": in_flight}
    while wave:
        again = []
        with closing(run(wave, **width)) as ends:
            for job, end in ends:
                job.tried(end)
                if end.error is None:
                    yield job.task, end.result
                elif end.killed:
                    suspects.append(job)
                elif job.attempts <= retries:
                    again.append(job)
                else:
                    yield job.task, Failure(end.error, job.attempts)
        wave = again
    for job in suspects:
        yield job.task, _alone(run, job, retries)


def _alone(run, job, retries):
    """Try a task with nothing beside it, once at least."""
    while True:
        ((_, end),) = run([job])
        job.tried(end)
        if end.error is None:
            return end.result
        if job.attempts > retries:
            return Failure(end.error, job.attempts)


def _name(task):
    return getattr(task, "name", task)
