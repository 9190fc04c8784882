# Licensed under a 3-clause BSD style license - see LICENSE
"""
The Dask cluster that tasks run on: a local one, or any that a user has.

Workers are spawned, each a new interpreter: TensorFlow does not survive a fork. One
on each core, with TensorFlow's own threads turned off, measures more galaxies than
one with all cores.
"""

import logging
import os
import sys
from contextlib import contextmanager
from importlib import metadata

from .optional import require

__all__ = ["check_client", "connected", "cores"]

log = logging.getLogger(__name__)

_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    # Workers share an accelerator if there is one.
    "TF_FORCE_GPU_ALLOW_GROWTH": "true",
    "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
}

# Stamps of a batch take megabytes, and are made and dropped many times for a tile. By
# default, and still more as Dask sets it, their memory goes back to the system each
# time, and to get it again takes as long as all that is done with them. One arena for
# all threads keeps the least.
_MEMORY = {
    "MALLOC_TRIM_THRESHOLD_": 2**28,
    "MALLOC_MMAP_THRESHOLD_": 2**25,
    "MALLOC_ARENA_MAX": 1,
}
_BEFORE_START = "distributed.nanny.pre-spawn-environ"

_CONFIG = {
    "distributed.worker.multiprocessing-method": "spawn",
    # A worker's death sends its tasks back at once: who was guilty is found out by
    # running them alone, not by killing more workers.
    "distributed.scheduler.allowed-failures": 0,
    # Tiles that wait do so with the scheduler.
    "distributed.scheduler.worker-saturation": 1.0,
    # Nothing large is kept between tasks, so that there is nothing to spill, and a
    # worker that pauses for want of memory might never go on.
    "distributed.worker.memory.target": False,
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.pause": False,
    # Where a worker is, a hundred times a second: a few per cent of its time, and a
    # record that grows with the run.
    "distributed.worker.profile.enabled": False,
}


@contextmanager
def connected(client=None, *, workers=None, threads_per_worker=1):
    """
    Connect to a cluster, and leave it as it was.

    Parameters
    ----------
    client : None, `distributed.Client`, cluster, or str
        None begins a cluster on this machine that ends with the context; 'serial'
        does without Dask; otherwise a client, a cluster (as of dask-jobqueue) or
        the address of a scheduler.
    workers : int, optional
        Workers of a cluster of this machine; as many as it has cores by default.
    threads_per_worker : int
        Tasks that a worker of this machine has open at a time.

    Yields
    ------
    `distributed.Client` or None
        None for 'serial'.

    Raises
    ------
    ValueError, TypeError
        If client is none of these, or workers do not fit it.
    ImportError
        If Dask is not installed.
    OSError
        If there is no scheduler at the address.
    """
    check_client(client, workers)
    if client == "serial":
        yield None
    elif client is None:
        with _local_cluster(workers, threads_per_worker) as cluster:
            with _new_client(cluster) as own:
                yield own
    elif _is_client(client):
        _check_workers(client)
        yield client
    else:
        with _new_client(client) as own:
            _check_workers(own)
            yield own


def check_client(client, workers=None):
    """
    Check the arguments of `connected`.

    Raises
    ------
    ValueError, TypeError
        If client is none of what is taken, or workers do not fit it.
    """
    if client is not None and workers is not None:
        raise ValueError("workers is for client=None, got both")
    if workers is not None and (not isinstance(workers, int) or workers < 1):
        raise ValueError(f"workers must be a positive integer, got {workers!r}")
    if client is None or isinstance(client, str) or _is_cluster(client):
        return
    if not _is_client(client):
        raise TypeError(
            "client must be None, 'serial', a dask.distributed.Client, a cluster or "
            f"the address of a scheduler, got {type(client).__name__}"
        )
    if client.asynchronous:
        raise ValueError("client must not be asynchronous, got one that is")


def cores():
    """
    Cores that this process may use.

    Returns
    -------
    int
    """
    require("distributed")
    from dask.system import CPU_COUNT

    return CPU_COUNT


def _is_client(client):
    return hasattr(client, "submit") and hasattr(client, "nthreads")


def _is_cluster(client):
    return hasattr(client, "scheduler_address") and hasattr(client, "scale")


def _new_client(address):
    # The cluster of a user's other work stays the default.
    return require("distributed").Client(address, set_as_default=False)


def _check_workers(client):
    """Check that the workers that are there have this package."""
    try:
        own = metadata.version("astro_cnnfit")
    except metadata.PackageNotFoundError:
        return
    for worker, found in client.run(
        metadata.version, "astro_cnnfit", on_error="return"
    ).items():
        if found != own:
            raise ValueError(
                f"client must have workers with astro_cnnfit {own}, got {found} at "
                f"{worker}"
            )


@contextmanager
def _local_cluster(workers, threads):
    distributed = require("distributed")
    import dask

    # What a death leaves behind is told by the run itself.
    silence = logging.WARNING if log.isEnabledFor(logging.DEBUG) else logging.CRITICAL
    with (
        dask.config.set({**_CONFIG, _BEFORE_START: _before_start()}),
        distributed.LocalCluster(
            n_workers=workers or cores(),
            threads_per_worker=threads,
            processes=True,
            dashboard_address=":0",
            silence_logs=silence,
            env=_environment(),
        ) as cluster,
    ):
        yield cluster


def _before_start():
    """What workers need in their environment when they are started, not after."""
    import dask

    # What is in the user's environment has the last word, as Dask sees to.
    return {**dask.config.get(_BEFORE_START), **_MEMORY}


def _environment():
    environment = {"TF_CPP_MIN_LOG_LEVEL": "2", **os.environ, **_ENVIRONMENT}
    if "keras" in sys.modules:
        environment["KERAS_BACKEND"] = sys.modules["keras"].backend.backend()
    return environment
