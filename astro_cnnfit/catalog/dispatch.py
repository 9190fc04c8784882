# Licensed under a 3-clause BSD style license - see LICENSE
"""One pass of tasks over a Dask cluster, few of them in flight at a time."""

import logging
import time
import uuid
import warnings
from contextlib import suppress
from itertools import islice
from queue import Empty, SimpleQueue

from .attempts import End, attempt_pickled, described

__all__ = ["RunStopped", "on_cluster"]

log = logging.getLogger(__name__)

# Seconds between looks at the cluster while nothing ends, and between counts of
# its threads, which cost the scheduler a message.
_LOOK, _COUNT = 1.0, 5.0
# Seconds that a small result may take from worker to here.
_FETCH = 5.0
# A cluster that grows with what waits must see that something does.
_LEAST_IN_FLIGHT = 8
_PATIENCE = 60.0


class RunStopped(RuntimeError):
    """
    The run ended before its end, through no fault of a task.

    What is written stays, and the same call goes on.
    """


def on_cluster(client, function, jobs, arguments=(), *, in_flight=None):
    """
    Run tasks on a cluster.

    Parameters
    ----------
    client : `distributed.Client`
        Of the cluster.
    function : callable
        Called with the task and the arguments, on a worker.
    jobs : iterable
        Objects with an attribute ``task``; taken when there is room for them.
    arguments : sequence
        The same for all tasks.
    in_flight : int, optional
        Tasks that are with the scheduler at most; twice its threads by default, so
        that no worker waits for the next.

    Yields
    ------
    job : object
        In the order in which they end.
    end : `~astro_cnnfit.catalog.attempts.End`

    Raises
    ------
    RunStopped
        If the scheduler is lost and does not come back.
    """
    jobs, running, finished = iter(jobs), {}, SimpleQueue()
    cluster = _Watched(client, in_flight)

    def submit(job):
        future = cluster.submit(function, job.task, arguments)
        running[future.key] = future, job
        future.add_done_callback(finished.put)

    try:
        while True:
            for job in islice(jobs, max(cluster.room() - len(running), 0)):
                submit(job)
            if not running:
                return
            future = cluster.next(finished)
            try:
                end = _end(future)
            except TimeoutError:
                # Its worker died with the result, which is made once more.
                future.add_done_callback(finished.put)
                continue
            _, job = running.pop(future.key)
            if end is None or client.status != "running":
                cluster.wait_for_scheduler()
                submit(job)
            else:
                yield job, end
            # A result that nobody holds is forgotten by the scheduler.
            del future
    finally:
        _cancel(client, [future for future, _ in running.values()])


class _Watched:
    """A cluster that may lose its scheduler or its workers at any time."""

    def __init__(self, client, in_flight):
        self.client, self.in_flight = client, in_flight
        self.address = client.scheduler.address
        # Any other may have to wait for its machines.
        self.is_local = type(client.cluster).__name__ == "LocalCluster"
        self.counted, self.threads = -_COUNT, 0
        self.had_workers = time.monotonic()

    def submit(self, function, task, arguments):
        import cloudpickle

        name = getattr(function, "__name__", "measure_part")
        key = f"{name}-{uuid.uuid4().hex}"
        submitted = attempt_pickled, cloudpickle.dumps((function, task, arguments))
        self.wait_for_scheduler()
        with warnings.catch_warnings():
            # A grid of PSFs is large, and sent all the same.
            warnings.filterwarnings("ignore", "Sending large graph")
            return self.client.submit(*submitted, key=key, pure=False, retries=0)

    def room(self):
        if self.in_flight is not None:
            return self.in_flight
        if time.monotonic() - self.counted > _COUNT:
            self.count()
        return max(2 * self.threads, _LEAST_IN_FLIGHT)

    def count(self):
        self.counted = time.monotonic()
        with suppress(OSError, TimeoutError):
            self.threads = sum(self.client.nthreads().values())
        if self.threads:
            self.had_workers = self.counted
        elif self.counted - self.had_workers > _PATIENCE:
            if self.is_local:
                raise RunStopped(
                    "all workers of this machine are gone and none came back; what is "
                    "written stays, and the same call goes on"
                )
            log.warning("the cluster has no workers; waiting for some")
            self.had_workers = self.counted

    def next(self, finished):
        while True:
            try:
                return finished.get(timeout=_LOOK)
            except Empty:
                self.wait_for_scheduler()
                if time.monotonic() - self.counted > _COUNT:
                    self.count()

    def wait_for_scheduler(self):
        # The client tries to come back for as long as it was told to.
        while self.client.status in ("connecting", "newly-created"):
            time.sleep(0.1)
        if self.client.status != "running":
            raise RunStopped(
                f"the Dask scheduler at {self.address} is lost; what is written stays, "
                "and the same call goes on"
            )


def _end(future):
    """
    How a finished future ended; None if it was lost with its scheduler.

    A TimeoutError says that its result cannot be had now.
    """
    from distributed import CancelledError
    from distributed.scheduler import KilledWorker

    try:
        return future.result(timeout=_FETCH)
    except TimeoutError:
        raise
    except CancelledError:
        return None
    except KilledWorker as error:
        return End(error=_killed(error), killed=error.allowed_failures + 1)
    except Exception as error:
        # From Dask itself: what the task raises is told by `attempt`.
        return None if future.cancelled() else End(error=described(error))


def _killed(error):
    address = getattr(error.last_worker, "address", error.last_worker)
    return f"its worker died, perhaps for want of memory (the last at {address})"


def _cancel(client, futures):
    """Take back what runs; workers end the task that they are at."""
    if futures and client.status == "running":
        with suppress(OSError, TimeoutError):
            client.cancel(futures)
