# Licensed under a 3-clause BSD style license - see LICENSE
"""Measurements in a process of their own, held to some cores, and their best time."""

import os
import subprocess
import sys
import time

from processes import THREADS

__all__ = ["best_time", "rate_of_products", "run_held"]


def run_held(script, child, options, cores=1):
    """
    Run a script's ``--child`` held to some cores.

    Parameters
    ----------
    script : path-like
    child : str
        Which measurement.
    options : dict
        Of the command line, by the names of attributes; None is left out.
    cores : int

    Returns
    -------
    `subprocess.CompletedProcess`
        With what it said as text.
    """
    own = [sys.executable, str(script), "--child", child]
    for name, value in options.items():
        if value is not None:
            own += [f"--{name.replace('_', '-')}", str(value)]
    environment = {**os.environ, **dict.fromkeys(THREADS, str(cores))}
    environment["TF_CPP_MIN_LOG_LEVEL"] = "3"

    def hold():
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-cores:])

    return subprocess.run(
        own, env=environment, preexec_fn=hold, capture_output=True, text=True
    )


def best_time(function, repeats):
    """Run once to warm up, then take the shortest of the repeats, in seconds."""
    function()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)


def rate_of_products(precision, size=2048, repeats=5):
    """
    Operations per second of the backend's product of two square matrices.

    No network is faster than that: it is the limit that the processor sets.
    """
    from keras import ops

    from astro_cnnfit.compiled import compiled

    matrix = ops.cast(ops.ones((size, size)) / size, precision)
    # Several in one go, so that starting them does not count.
    product = compiled(lambda a: ops.sum(a @ (a @ (a @ (a @ a))), axis=0))
    seconds = best_time(lambda: ops.convert_to_numpy(product(matrix)), repeats)
    return 4 * 2 * size**3 / seconds
