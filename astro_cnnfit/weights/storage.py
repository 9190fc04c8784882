# Licensed under a 3-clause BSD style license - see LICENSE
"""
How weights are kept: numbers of 16 or 8 bits.

An array is stored under its number of four digits. Arrays of int8 have beside
them their scales, one float32 per output channel (the last axis), under the
same name with ``.scale``; a weight is the product of both.
"""

import numpy as np

__all__ = ["STORAGES", "restored", "rounded", "stored"]

STORAGES = ("float16", "int8")

# Smaller arrays cost little and are often what a network is sensitive to.
_SMALLEST = 4096
_LEVELS = 127
_SCALE = ".scale"


def stored(values, storage="float16"):
    """
    Arrays as a file holds them.

    Parameters
    ----------
    values : sequence of `~numpy.ndarray`
        Weights in the network's order.
    storage : {'float16', 'int8'}
        With 'int8', kernels (two axes or more) of more than 4096 numbers are kept
        in 8 bits, the rest in float16.

    Returns
    -------
    dict of `~numpy.ndarray`

    Raises
    ------
    ValueError
        If there is no such storage, or a number is not finite in it.
    """
    if storage not in STORAGES:
        raise ValueError(
            f"storage must be one of {', '.join(STORAGES)}, got {storage!r}"
        )
    arrays = {}
    for index, array in enumerate(values):
        name = f"{index:04d}"
        array = np.asarray(array, dtype=np.float32)
        if storage == "int8" and array.ndim >= 2 and array.size > _SMALLEST:
            arrays[name], arrays[name + _SCALE] = _quantised(array)
        else:
            with np.errstate(over="ignore"):
                arrays[name] = array.astype(np.float16)
        if not np.isfinite(arrays.get(name + _SCALE, arrays[name])).all():
            raise ValueError(
                f"weights must be finite in {storage}, array {name} is not"
            )
    return arrays


def _quantised(array):
    largest = np.abs(array).max(axis=tuple(range(array.ndim - 1)))
    # A channel of zeros has any scale.
    scale = np.where(largest == 0, 1, largest / _LEVELS).astype(np.float32)
    with np.errstate(invalid="ignore"):
        return np.rint(array / scale).astype(np.int8), scale


def restored(arrays):
    """
    Weights from what a file holds.

    Parameters
    ----------
    arrays : dict of `~numpy.ndarray`
        Of a file that may be anybody's.

    Returns
    -------
    list of `~numpy.ndarray`
        float32, in the network's order.

    Raises
    ------
    ValueError
        If names, types or shapes are not those of `stored`, or a number is not
        finite.
    """
    names = sorted(name for name in arrays if not name.endswith(_SCALE))
    expected = [f"{index:04d}" for index in range(len(names))]
    scales = {name + _SCALE for name in names if arrays[name].dtype == np.int8}
    if names != expected or set(arrays) != {*names, *scales}:
        unexpected = sorted(set(arrays) ^ {*expected, *scales})
        raise ValueError(f"unexpected or missing arrays: {', '.join(unexpected[:5])}")
    return [_restored(name, arrays[name], arrays.get(name + _SCALE)) for name in names]


def _restored(name, array, scale):
    if array.dtype not in (np.int8, np.float16, np.float32):
        raise ValueError(f"array {name} must not be of type {array.dtype}")
    values = array.astype(np.float32)
    if scale is not None:
        if (
            scale.dtype != np.float32
            or scale.shape != array.shape[-1:]
            or not scale.ndim
        ):
            raise ValueError(
                f"scale of array {name} must be float32 of shape {array.shape[-1:]}, "
                f"got {scale.dtype} of shape {scale.shape}"
            )
        with np.errstate(over="ignore", invalid="ignore"):
            values = values * scale
    if not np.isfinite(values).all():
        raise ValueError(f"array {name} has numbers that are not finite")
    return values


def rounded(values, storage="float16"):
    """
    Weights as they will be after being written and read.

    What is calibrated must be what is written.

    Parameters
    ----------
    values, storage
        As for `stored`.

    Returns
    -------
    list of `~numpy.ndarray`
        float32.
    """
    return restored(stored(values, storage))
