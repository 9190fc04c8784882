# Licensed under a 3-clause BSD style license - see LICENSE
"""One attempt at a task, where it runs, and how it ended."""

import pickle
import traceback
from dataclasses import dataclass

__all__ = ["End", "attempt", "attempt_pickled", "described", "in_this_process"]


@dataclass(frozen=True)
class End:
    """How one attempt ended; plain values, so that it always can be sent."""

    result: object = None
    error: str | None = None
    """What was raised, in one line, or how the worker was lost."""
    errno: int | None = None
    """Number of the operating system's error, where it was one."""
    traceback: str = ""
    killed: int = 0
    """Workers that died meanwhile."""


def attempt(function, task, arguments=()):
    """
    Run a task and tell how it ended.

    What is raised is told in words: an exception may be of a class that the other
    side cannot build again.

    Parameters
    ----------
    function : callable
        Called with the task and the arguments.
    task : object
        What to do.
    arguments : sequence
        The same for all tasks.

    Returns
    -------
    `End`
    """
    try:
        return End(function(task, *arguments))
    except (Exception, SystemExit) as error:
        return End(
            error=described(error),
            errno=_errno(error),
            traceback=traceback.format_exc(),
        )


def attempt_pickled(pickled):
    """
    Run a task that was sent, and tell how it ended.

    A worker of Dask that cannot unpickle what it is sent goes away without a word;
    here that is an error of the task.

    Parameters
    ----------
    pickled : bytes
        Function, task and arguments.

    Returns
    -------
    `End`
    """
    return attempt(_run_pickled, pickled)


def _run_pickled(pickled):
    function, task, arguments = pickle.loads(pickled)
    return function(task, *arguments)


def described(error):
    """
    An exception in one line.

    Parameters
    ----------
    error : BaseException

    Returns
    -------
    str
        Its type and message.
    """
    message = " ".join(str(error).split())
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


def _errno(error):
    # A disk that fills up may be behind an exception of a library.
    while error is not None:
        if isinstance(error, OSError) and error.errno is not None:
            return error.errno
        error = error.__cause__ or error.__context__
    return None


def in_this_process(function, jobs, arguments=()):
    """
    Run tasks one after the other, here.

    Parameters
    ----------
    function : callable
        Called with the task and the arguments.
    jobs : iterable
        Objects with an attribute ``task``.
    arguments : sequence
        The same for all tasks.

    Yields
    ------
    job : object
    end : `End`
    """
    for job in jobs:
        yield job, attempt(function, job.task, arguments)
