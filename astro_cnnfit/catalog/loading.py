# Licensed under a 3-clause BSD style license - see LICENSE
"""The measurers of a process: each is loaded once, however many tiles there are."""

import json
import threading
import time

__all__ = ["inference_seconds", "load"]

_LOCK = threading.RLock()
_LOADED = {}
# One run needs one of each; a process that outlives a run must not keep them all.
_MOST = 4
# Time that networks took in this process, in seconds.
_SPENT = [0.0]
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


def inference_seconds():
    """
    Time that networks have taken in this process so far.

    Returns
    -------
    float
        In seconds.
    """
    return _SPENT[0]


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
        measurer.model.predict = _timed(measurer.model.predict)  # this object's own
    return measurer


def _timed(predict):
    def timed_predict(*args, **kwargs):
        with _INFERRING:
            start = time.perf_counter()
            try:
                return predict(*args, **kwargs)
            finally:
                _SPENT[0] += time.perf_counter() - start

    return timed_predict


def _sha256(measurer):
    return None if measurer.model is None else measurer.model.sha256
