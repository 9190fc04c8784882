# Licensed under a 3-clause BSD style license - see LICENSE
"""The measurers of a process: each is loaded once, however many tiles there are."""

import json
import threading
import time
from typing import NamedTuple

__all__ = ["Inference", "inference", "load"]

_LOCK = threading.RLock()
_LOADED = {}
# One run needs one of each; a process that outlives a run must not keep them all.
_MOST = 4
# What networks did in this process.
_DONE = {"seconds": 0.0, "cpu_seconds": 0.0}
_SEEN = {}
# A call measures two chunks at a time: what one waits for the other is no inference.
_INFERRING = threading.Lock()


def load(settings, name):
    """
    Return the measurer of a process.

    Parameters
    ----------
    settings : `~astro_cnnfit.catalog.settings.Settings`
        What is measured.
    name : {'sersic', 'cas'}
        Which measurer.

    Returns
    -------
    `~astro_cnnfit.CNNSersicFitter` or `~astro_cnnfit.CNNCASMeasurer`
        The same one at every call. Copy it before it is called or changed.

    Raises
    ------
    ValueError
        If the arguments are not right, or the files of the network are not the
        ones that the settings were made with.
    """
    expected = settings.models.get(name, {}).get("sha256")
    key = json.dumps(
        [name, getattr(settings, name), settings.batch_size, settings.precision],
        sort_keys=True,
    )
    with _LOCK:
        # Settings that are just being checked look at the files anew.
        measurer = _LOADED.get((key, expected)) if settings.models else None
        if measurer is None:
            measurer = _build(settings, name)
            if settings.models and _sha256(measurer) != expected:
                raise ValueError(
                    f"{name} must have the model that the run was started with "
                    f"(sha256 {expected}), got {_sha256(measurer)}"
                )
            while len(_LOADED) >= _MOST:
                _LOADED.pop(next(iter(_LOADED)))
            _LOADED[key, _sha256(measurer)] = measurer
        return measurer


class Inference(NamedTuple):
    """What the networks of a process have done."""

    seconds: float
    """Time that they took."""
    cpu_seconds: float
    """Processor time of the threads that called them; not that of the threads of
    the networks."""
    stamps: dict
    """Stamps that they saw, by the measurer's name. One that is looked at again
    counts again."""


def inference(since=None):
    """
    What networks have done in this process.

    Parameters
    ----------
    since : `Inference`, optional
        An earlier answer, which is taken off.

    Returns
    -------
    `Inference`
    """
    done = Inference(**_DONE, stamps=dict(_SEEN))
    if since is None:
        return done
    return Inference(
        done.seconds - since.seconds,
        done.cpu_seconds - since.cpu_seconds,
        {name: n - since.stamps.get(name, 0) for name, n in done.stamps.items()},
    )


def _build(settings, name):
    import astro_cnnfit

    arguments = {**getattr(settings, name), "batch_size": settings.batch_size}
    if settings.precision != "float32":
        arguments["precision"] = settings.precision
    if isinstance(arguments.get("zeropoint"), str):
        arguments["zeropoint"] = None  # each tile brings its own
    if name == "sersic":
        measurer = astro_cnnfit.CNNSersicFitter(**arguments)
    else:
        measurer = astro_cnnfit.CNNCASMeasurer(**arguments)
    if measurer.model is not None:
        predict = measurer.model.predict
        measurer.model.predict = _counted(predict, name)  # this object's own
    return measurer


def _counted(predict, name):
    def counted_predict(stamps, *psfs, **options):
        with _INFERRING:
            start, cpu = time.perf_counter(), time.thread_time()
            try:
                return predict(stamps, *psfs, **options)
            finally:
                _DONE["seconds"] += time.perf_counter() - start
                _DONE["cpu_seconds"] += time.thread_time() - cpu
                _SEEN[name] = _SEEN.get(name, 0) + len(stamps)

    return counted_predict


def _sha256(measurer):
    return None if measurer.model is None else measurer.model.sha256
