# Licensed under a 3-clause BSD style license - see LICENSE
"""One part of a catalogue: a tile measured, written, and written down."""

import datetime as dt
import logging
import socket
import threading
import time
from pathlib import Path

import astro_cnnfit
from astro_cnnfit.keras_start import load_keras

from .fingerprint import checksum, describe_files, rows_digest, versions
from .measure import measure_task
from .records import write_side

__all__ = ["measure_part"]

log = logging.getLogger(__name__)

_STARTING = threading.Lock()


def measure_part(task, settings, output, run, measure=measure_task):
    """
    Measure the galaxies of a task and write their part of the catalogue.

    Parameters
    ----------
    task : `~astro_cnnfit.catalog.tiles.Task`
        The tile with its rows.
    settings : `~astro_cnnfit.catalog.settings.Settings`
        What is measured.
    output : str
        Folder of the catalogue.
    run : dict
        ``version`` of this package that the run was begun with, and the checksum
        ``configuration`` of its settings.
    measure : callable
        What reads, measures and writes, as `~astro_cnnfit.catalog.measure.measure_task`
        does.

    Returns
    -------
    dict
        What the side file holds: ``rows``, ``flags``, ``seconds``, ``inputs`` with
        their checksums, ``versions``, and what tells to which run it belongs.

    Raises
    ------
    Exception
        Whatever reading, measuring and writing raise.
    RuntimeError
        If this process runs another version of the package.
    OSError
        If a file of the tile was changed meanwhile.
    """
    if astro_cnnfit.__version__ != run["version"]:
        raise RuntimeError(
            f"a worker has astro_cnnfit {astro_cnnfit.__version__}, the driver "
            f"{run['version']}"
        )
    if measure is measure_task:
        # It turns standard error off meanwhile, which two threads must not do.
        with _STARTING:
            load_keras(debug=log.isEnabledFor(logging.DEBUG))
    start, cpu = time.perf_counter(), time.thread_time()
    files = describe_files(task.tile)
    inputs = [{**file, "sha256": _checksum(task, file)} for file in files]
    spent = {
        "seconds": time.perf_counter() - start,
        "cpu_seconds": time.thread_time() - cpu,
    }
    content = measure(task, settings, output)
    if describe_files(task.tile) != files:
        raise OSError(f"{task.tile.path} was changed while it was measured")
    record = {
        **content,
        **{name: _with_reading(content.get(name), spent[name]) for name in spent},
        "total_seconds": time.perf_counter() - start,
        "configuration": run["configuration"],
        "rows_sha256": rows_digest(task.rows),
        "inputs": inputs,
        "versions": versions(),
        "host": socket.gethostname(),
        "date": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
    }
    write_side(output, task.name, record)
    return record


def _with_reading(stages, more):
    """Checksums are made of what is read."""
    stages = dict(stages or {})
    return stages | {"reading": stages.get("reading", 0.0) + more}


def _checksum(task, file):
    # A stack is read in many parts, and may be larger than any tile: its size and
    # time of change have to do. So have they where no galaxy is measured, and for a
    # file that is not there, which fails later.
    if task.tile.kind == "stack" or not len(task.rows):
        return None
    path = Path(file["path"])
    return checksum(path) if path.is_file() else None
