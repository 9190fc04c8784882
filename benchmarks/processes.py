# Licensed under a 3-clause BSD style license - see LICENSE
"""Measurements that run in several processes at once, and begin together."""

import json
import os
import subprocess
import sys

THREADS = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS",
)  # fmt: skip
READY = "ready"


def run_together(script, child, settings, processes):
    """
    Run the same measurement in several processes of one thread each.

    Parameters
    ----------
    script : path-like
        Whose ``--child`` calls `child_of`.
    child : str
        Which measurement.
    settings : dict
        Plain values that it is given, with ``part``: the number of the process.
    processes : int
        How many.

    Returns
    -------
    list of dict
        What each process measured.

    Raises
    ------
    RuntimeError
        If one of them fails, with the end of what it said.
    """
    environment = {**os.environ, **dict.fromkeys(THREADS, "1")}
    environment["TF_CPP_MIN_LOG_LEVEL"] = "3"
    running = [
        subprocess.Popen(
            [sys.executable, str(script), "--child", child, "--settings",
             json.dumps({**settings, "part": part, "parts": processes})],
            env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True,
        )
        for part in range(processes)
    ]  # fmt: skip
    try:
        # All are warm before the first begins.
        for process in running:
            while (line := process.stdout.readline().strip()) != READY:
                if not line and process.poll() is not None:
                    raise RuntimeError(f"{child}: {process.stderr.read()[-2000:]}")
        for process in running:
            process.stdin.write("go\n")
            process.stdin.flush()
        return [_result(child, process) for process in running]
    finally:
        for process in running:
            if process.poll() is None:
                process.kill()
            process.communicate()


def _result(child, process):
    lines = process.stdout.read().splitlines()
    if process.wait():
        raise RuntimeError(f"{child}: {process.stderr.read()[-2000:]}")
    return json.loads(lines[-1])


def run_child(measure, settings):
    """
    Be one of the processes: get ready, wait for the others, measure.

    Parameters
    ----------
    measure : callable
        Called with the settings; prepares, yields, then yields a dictionary.
    settings : str
        JSON of `run_together`.
    """
    steps = measure(json.loads(settings))
    next(steps)
    print(READY, flush=True)
    sys.stdin.readline()
    print(json.dumps(next(steps)), flush=True)


def peak_memory():
    """
    Largest resident memory that this process ever had.

    Returns
    -------
    int
        Bytes; of Linux, where ``ru_maxrss`` would count the parent's as well.
    """
    with open("/proc/self/status", encoding="ascii") as file:
        kilobytes = next(line.split()[1] for line in file if line.startswith("VmHWM"))
    return 1024 * int(kilobytes)
