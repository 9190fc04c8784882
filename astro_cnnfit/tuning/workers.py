# Licensed under a 3-clause BSD style license - see LICENSE
"""
Several workers on one machine, with Keras Tuner's chief.

Each is a process of its own, begun as a new interpreter: TensorFlow is imported in
it and never forked. Workers read the data from files that they map into memory, and
end when the process that began them does, however that ends.
"""

import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from .data import TuningData
from .records import count_records

__all__ = ["load_data", "run_workers", "save_data"]

_DATA, _LOGS = "data", "workers"
_HOST = "127.0.0.1"
# A worker that dies is begun anew. If each dies so often with no trial finished by
# any, they cannot work: a trial is given up after three deaths.
_MOST_DEATHS = 4
_PAUSE = 0.2


def run_workers(directory, data, number, after_trial):
    """
    Run the trials of a search in several processes.

    Parameters
    ----------
    directory : path-like
        Where the search lies; its settings are there.
    data : `~astro_cnnfit.tuning.TuningData`
        What is learned.
    number : int
        Workers.
    after_trial : callable
        Called, without arguments, when more trials are finished.

    Raises
    ------
    RuntimeError
        If the chief or the workers cannot work; with the end of their log.
    """
    directory = Path(directory)
    (directory / _LOGS).mkdir(exist_ok=True)
    save_data(directory, data)
    port = _free_port()
    processes = {}
    try:
        names = ["chief", *(f"worker{i}" for i in range(number))]
        for name in names:
            processes[name] = _begin(directory, name, port, number)
        _watch(directory, processes, port, number, after_trial)
    finally:
        for process in processes.values():
            _end(process)
        shutil.rmtree(directory / _DATA, ignore_errors=True)


def _watch(directory, processes, port, number, after_trial):
    """Wait for the end; begin workers anew that were lost."""
    deaths = finished = 0
    while True:
        time.sleep(_PAUSE)
        known = count_records(directory)
        if known != finished:
            deaths, finished = 0, known
            after_trial()
        codes = {name: process.poll() for name, process in processes.items()}
        if codes.pop("chief") is not None:
            # It ends well when no trial is left, even if a worker never asked.
            if processes["chief"].returncode:
                raise _failure(directory, "chief")
            return
        if all(code == 0 for code in codes.values()):
            return
        for name, code in codes.items():
            if not code:
                continue
            deaths += 1
            if deaths > _MOST_DEATHS * number:
                raise _failure(directory, name)
            processes[name] = _begin(directory, name, port, number)


def _begin(directory, name, port, number):
    threads = str(max((os.cpu_count() or 1) // number, 1))
    environment = {
        # Keras runs as in this process.
        "TF_CPP_MIN_LOG_LEVEL": "2",
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
        "TF_NUM_INTRAOP_THREADS": threads,
        "OMP_NUM_THREADS": threads,
        **os.environ,
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "KERASTUNER_TUNER_ID": name,
        "KERASTUNER_ORACLE_IP": _HOST,
        "KERASTUNER_ORACLE_PORT": str(port),
    }
    if "keras" in sys.modules:
        environment["KERAS_BACKEND"] = sys.modules["keras"].backend.backend()
    module = f"{__package__}.worker_process"
    with _log(directory, name).open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", module, str(directory)],
            stdin=subprocess.PIPE, stdout=log, stderr=log, env=environment,
        )  # fmt: skip


def _end(process):
    process.stdin.close()
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _failure(directory, name):
    lines = _log(directory, name).read_text(errors="replace").strip().splitlines()
    last = lines[-1] if lines else "no message"
    return RuntimeError(f"{name} of the search cannot work: {last} (see {directory})")


def _log(directory, name):
    return Path(directory) / _LOGS / f"{name}.log"


def _free_port():
    with socket.socket() as free:
        free.bind((_HOST, 0))
        return free.getsockname()[1]


def save_data(directory, data):
    """
    Write data where the workers of a search find them.

    Parameters
    ----------
    directory : path-like
        Where the search lies.
    data : `~astro_cnnfit.tuning.TuningData`
        What is learned.
    """
    folder = Path(directory) / _DATA
    folder.mkdir(exist_ok=True)
    for part in ("train", "validation"):
        inputs, truth = getattr(data, part)
        np.save(folder / f"{part}_truth.npy", truth)
        for place, array in enumerate(inputs):
            np.save(folder / f"{part}_{place}.npy", array)


def load_data(directory):
    """
    Read what `save_data` wrote, mapped from disk.

    Parameters
    ----------
    directory : path-like
        Where the search lies.

    Returns
    -------
    `~astro_cnnfit.tuning.TuningData`
    """
    folder = Path(directory) / _DATA
    parts = []
    for part in ("train", "validation"):
        paths = sorted(folder.glob(f"{part}_[0-9].npy"))
        inputs = [np.load(path, mmap_mode="r") for path in paths]
        parts.append((inputs, np.load(folder / f"{part}_truth.npy")))
    return TuningData(*parts)
