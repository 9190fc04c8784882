# Licensed under a 3-clause BSD style license - see LICENSE
"""
What a model's description may say: it may be anybody's.

Whatever is wrong is a ``ValueError`` before anything is built. Of the weights'
shapes it is known what the network needs without any of its arrays in memory, so
that a few bytes cannot ask for gigabytes.
"""

import inspect
import json
import math
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np

from astro_cnnfit.networks import ARCHITECTURES, build
from astro_cnnfit.parameters import LATENT_NAMES

from .point_like import FEATURES, RANGES

__all__ = ["check_description", "check_shapes", "inside", "parse_description"]

_KEYS = ("architecture", "arguments", "calibration", "sha256", "trained_ranges")
# Of a description, in bytes, and of any number in its arguments.
_MOST_BYTES, _LARGEST = 10_000_000, 4096
_LONGEST = 16
# Units of a layer of the network for point sources.
_WIDEST = 256


def inside(path):
    """
    Refuse a file that is not one, or that lies elsewhere.

    Parameters
    ----------
    path : `~pathlib.Path`
        A file of a model's folder.

    Returns
    -------
    `~pathlib.Path`
        The same.

    Raises
    ------
    ValueError
        If it is a link out of its folder, a pipe or a device.
    """
    if path.resolve().parent != path.parent.resolve():
        raise ValueError(f"model has a link to another folder: {path}")
    if path.exists() and not path.is_file():
        raise ValueError(f"model has something that is no file: {path}")
    return path


def parse_description(content):
    """
    Description from the bytes of ``model.json``.

    Parameters
    ----------
    content : bytes

    Returns
    -------
    dict

    Raises
    ------
    ValueError
        If they are too many or not JSON of an object.
    """
    if len(content) > _MOST_BYTES:
        raise ValueError(f"more than {_MOST_BYTES} bytes")
    try:
        description = json.loads(content)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(description, dict):
        raise ValueError(f"must be an object, not {type(description).__name__}")
    return description


def check_description(description):
    """
    Refuse what no network can be built or calibrated from.

    Parameters
    ----------
    description : dict
        Plain values.

    Raises
    ------
    ValueError
        That names what is wrong.
    """
    missing = [key for key in _KEYS if key not in description]
    if missing:
        raise ValueError(f"lacks {missing}")
    name = description["architecture"]
    if not isinstance(name, str) or name not in ARCHITECTURES:
        known = ", ".join(ARCHITECTURES)
        raise ValueError(f"must name an architecture ({known}), got {name!r:.80}")
    for key in ("name", "sha256"):
        value = description.get(key, "")
        if not isinstance(value, str) or len(value) > 200 or not value.isprintable():
            raise ValueError(f"must have a short text as {key}, got {value!r:.80}")
    _check_arguments(name, description["arguments"])
    _check_ranges(description["trained_ranges"])
    _check_calibration(ARCHITECTURES[name].latent, description["calibration"])
    if "point_like" in description:
        _check_point_like(ARCHITECTURES[name].latent, description["point_like"])


def _check_arguments(name, arguments):
    known = inspect.signature(ARCHITECTURES[name].build).parameters
    if not isinstance(arguments, dict) or set(arguments) - set(known):
        raise ValueError(
            f"must have arguments of {', '.join(known)}, got {arguments!r:.80}"
        )
    for key, value in arguments.items():
        values = value if isinstance(value, list | tuple) else [value]
        default = known[key].default
        kind = default[0] if isinstance(default, tuple) else default
        like = isinstance(value, list | tuple) == isinstance(default, tuple)
        if not like or len(values) > _LONGEST or not all(map(_like(kind), values)):
            raise ValueError(
                f"must have an argument {key} like {default!r}, of numbers from 0 to "
                f"{_LARGEST}, got {value!r:.80}"
            )


def _like(default):
    """Whether a value can stand for a default."""
    if isinstance(default, str):
        return lambda value: isinstance(value, str) and len(value) <= 80
    whole = isinstance(default, int)

    def number(value):
        kind = int if whole else int | float
        known = isinstance(value, kind) and not isinstance(value, bool)
        return known and 0 <= value <= _LARGEST

    return number


def _check_ranges(ranges):
    good = isinstance(ranges, dict) and all(
        _shape(limits) == (2,) and limits[0] <= limits[1] for limits in ranges.values()
    )
    if not good:
        raise ValueError(f"must have trained_ranges of [from, to], got {ranges!r:.80}")


def _check_calibration(latent, calibration):
    number = len(latent)
    shapes = {"scale": (number,), "covariance": (number, number)}
    if isinstance(calibration, dict) and "slopes" in calibration:
        features = calibration.get("features")
        if not isinstance(features, list) or not all(f in latent for f in features):
            raise ValueError(
                f"must have a calibration with features of {', '.join(latent)}, "
                f"got {features!r:.80}"
            )
        shapes["slopes"] = (number, len(features))
        shapes |= {"centre": (len(features),), "width": (len(features),), "clip": ()}
    good = isinstance(calibration, dict) and all(
        _shape(calibration.get(key)) == shape for key, shape in shapes.items()
    )
    if good:
        scale, width = (np.array(calibration.get(k, 1.0)) for k in ("scale", "width"))
        good = bool((scale > 0).all() and (width > 0).all())
    if not good:
        raise ValueError(
            f"must have a calibration with numbers of shapes {shapes}, scales and "
            f"widths positive, got {calibration!r:.80}"
        )


def _check_point_like(latent, found):
    good = isinstance(found, dict) and tuple(latent) == LATENT_NAMES
    good = good and found.get("features") == list(FEATURES)
    shapes = {"centre": (len(FEATURES),), "width": (len(FEATURES),), "clip": ()}
    good = good and all(_shape(found.get(k)) == shape for k, shape in shapes.items())
    good = good and min(found["width"]) > 0 and found["clip"] > 0
    if not (good and _are_layers(found.get("layers")) and _has_ranges(found)):
        raise ValueError(
            f"must have a point_like with features {', '.join(FEATURES)}, numbers of "
            f"shapes {shapes}, layers that go together and ranges of "
            f"{', '.join(RANGES)}, got {found!r:.80}"
        )


def _are_layers(layers):
    """Whether layers lead from the features to one number."""
    if not isinstance(layers, list) or not 0 < len(layers) <= _LONGEST:
        return False
    size = len(FEATURES)
    for layer in layers:
        if not isinstance(layer, dict):
            return False
        bias = _shape(layer.get("bias"))
        if bias is None or len(bias) != 1 or not 0 < bias[0] <= _WIDEST:
            return False
        if _shape(layer.get("weights")) != (size, *bias):
            return False
        size = bias[0]
    return size == 1


def _has_ranges(found):
    ranges = found.get("ranges")
    if not isinstance(ranges, dict) or set(ranges) != set(RANGES):
        return False
    return all(_shape(r) == (2,) and 0 < r[0] <= r[1] for r in ranges.values())


def _shape(values):
    """Shape of nested lists of finite numbers, None for anything else."""
    if isinstance(values, bool):
        return None
    if isinstance(values, int | float):
        # A whole number may be too large for a float.
        return () if abs(values) < 1e300 and math.isfinite(values) else None
    if not isinstance(values, list):
        return None
    inner = {_shape(value) for value in values}
    if len(inner) > 1 or None in inner:
        return None
    return len(values), *(inner.pop() if inner else ())


def check_shapes(description, arrays):
    """
    Refuse weights that are not those of the described network.

    Parameters
    ----------
    description : dict
        That `check_description` has accepted.
    arrays : list of `~numpy.ndarray`
        Weights.

    Raises
    ------
    ValueError
        If the network cannot be built, or its weights have other shapes.
    """
    # Keras keeps a list of variables without values for each thread, and gives them
    # some when another network is made there: of these, nothing must be left.
    with ThreadPoolExecutor(max_workers=1) as thread:
        shapes = thread.submit(_shapes, description).result()
    if [array.shape for array in arrays] != shapes:
        raise ValueError("weights do not fit its architecture")


def _shapes(description):
    """Shapes of a network's weights, none of which is in memory."""
    # Within this scope variables have shapes, but no values.
    with keras.StatelessScope(initialize_variables=False):
        try:
            model = build(description["architecture"], **description["arguments"])
        except Exception as error:
            # Whatever the backend makes of sizes that do not go together.
            raise ValueError(f"arguments make no network: {error!s:.200}") from None
        return [tuple(variable.shape) for variable in model.weights]
