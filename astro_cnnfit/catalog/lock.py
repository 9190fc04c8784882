# Licensed under a 3-clause BSD style license - see LICENSE
"""One driver at a time in one output."""

import json
import logging
import os
import socket
from contextlib import contextmanager
from pathlib import Path

__all__ = ["locked"]

log = logging.getLogger(__name__)

_LOCK = "run.lock"


@contextmanager
def locked(output):
    """
    Keep other drivers out of an output.

    The lock is the operating system's, on a file that stays: it goes with the
    process that holds it, however that ends, so that none is ever left behind.

    Parameters
    ----------
    output : path-like
        Folder of a catalogue; it is made.

    Raises
    ------
    ValueError
        If another process writes to it.
    """
    output = Path(output)
    output.mkdir(parents=True, exist_ok=True)
    with (output / _LOCK).open("a+", encoding="utf-8") as file:
        _lock(file, output)
        file.truncate(0)
        json.dump({"host": socket.gethostname(), "pid": os.getpid()}, file)
        file.flush()
        try:
            yield
        finally:
            file.truncate(0)


def _lock(file, output):
    try:
        import fcntl
    except ImportError:
        log.warning("this system has no file locks; run one driver at a time")
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ValueError(
            f"output {output} is being written by another process{_holder(file)}; "
            "wait for its end, or take another output"
        ) from None
    except OSError as error:
        # Some file systems of clusters know no locks.
        log.warning("no lock on %s (%s); run one driver at a time", output, error)


def _holder(file):
    file.seek(0)
    try:
        holder = json.load(file)
        return f" ({holder['pid']} on {holder['host']})"
    except (ValueError, KeyError, TypeError):
        return ""
