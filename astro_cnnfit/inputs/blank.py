# Licensed under a 3-clause BSD style license - see LICENSE
"""Zeros that stand for no data, as mosaics have them beyond what was observed."""

import numpy as np
from scipy.ndimage import binary_opening

__all__ = ["blank_pixels"]

# Zeros that stand for no data come in blocks of this width, and hardly any apart; of
# counts of photons, where zero is a number like others, they are everywhere.
_BLOCK, _APART = 5, 0.25
# Zero is among the values of the sky if some of the others are negative; it is none of
# them if three quarters of the others exceed this many times their noise.
_NEGATIVE, _QUARTER, _FAR = 0.02, 0.25, 4.0
# Second differences of white noise, from pixel to pixel: the median of their absolute
# values in standard deviations of the noise. They change sign at two steps of three;
# those of light alone hardly ever do.
_STEP, _CHANGES = 1.65, 0.2


def blank_pixels(values):
    """
    Find pixels that are zero because nothing was observed there.

    Parameters
    ----------
    values : `~numpy.ndarray`
        One image (ny, nx) or a stack (N, ny, nx), each judged by itself.

    Returns
    -------
    `~numpy.ndarray` of bool, or False
        True in blocks of 5 x 5 pixels or more that are exactly zero, in an image whose
        other pixels have noise about zero or a sky far above it. False if there are
        none. An image without noise, and one of zeros alone, has none.
    """
    planes = values if values.ndim == 3 else values[np.newaxis]
    zeros = planes[0].size - np.count_nonzero(planes.reshape(len(planes), -1), axis=1)
    some = np.flatnonzero((zeros >= _BLOCK**2) & (zeros < planes[0].size))
    found = {number: _blank_of(planes[number]) for number in some.tolist()}
    if not any(np.any(blank) for blank in found.values()):
        return False
    blank = np.zeros(planes.shape, bool)
    for number, where in found.items():
        blank[number] = where
    return blank.reshape(values.shape)


def _blank_of(plane):
    zero = plane == 0
    blocks = binary_opening(zero, np.ones((_BLOCK, _BLOCK), bool))
    if np.count_nonzero(zero & ~blocks) > _APART * np.count_nonzero(zero):
        return False
    rest = plane[~zero & np.isfinite(plane)]
    if rest.size == 0:
        return False
    noise = _noise(np.where(zero, np.nan, plane))
    negative = np.count_nonzero(rest < 0) >= _NEGATIVE * rest.size
    is_far = np.quantile(rest, _QUARTER) > _FAR * noise
    # Without noise, nothing is far from anything.
    return blocks & (np.isfinite(noise) and (negative or is_far))


def _noise(plane):
    """Noise of an image from pixel to pixel; NaN where it has none."""
    with np.errstate(invalid="ignore", over="ignore"):
        step = plane[:, 2:] - 2 * plane[:, 1:-1] + plane[:, :-2]
        product = step[:, 1:] * step[:, :-1]
    known = np.isfinite(product)
    if np.count_nonzero(product[known] < 0) <= _CHANGES * np.count_nonzero(known):
        return np.nan
    return np.median(np.abs(step[np.isfinite(step)])) / _STEP
