# Licensed under a 3-clause BSD style license - see LICENSE
"""Rough sizes of galaxies, and how many pixels to average for them to fit."""

from functools import cache
from itertools import pairwise

import numpy as np

from astro_cnnfit.cutouts.sky import masked_median, ring_median, sky_sigma
from astro_cnnfit.cutouts.stamps import cut_stamps
from astro_cnnfit.flags import FULLY_MASKED, NO_DATA, OUTSIDE_IMAGE

__all__ = ["block_factor", "estimate_half_light_radius"]

# Largest half-light radius, as a fraction of the stamp's width, that fits well:
# 7.6 of 61 pixels, so that the stamp reaches out to four of them.
_FITS = 1 / 8
# The same for an estimate, which is too small where the galaxy fills the ring
# in which the sky is measured.
_TRUSTED = 1 / 9
# Largest factor that is tried, and the largest for what no light was found of: a
# galaxy that fills a stamp looks like an empty sky.
_MAX_FACTOR, _MAX_FACTOR_IN_VAIN = 32, 4
_LARGEST = 1_000_000
# Stamps that stay in a processor's cache from one ring to the next.
_PIECE = 64
# Rings by which many profiles have vanished: there is no need to look farther out.
_FADED_BY = (8, 14)
_NO_RESULT = NO_DATA | FULLY_MASKED | OUTSIDE_IMAGE


def block_factor(r_eff, *, size=61):
    """
    How many pixels to average, along each axis, for a galaxy to fit its stamp.

    Parameters
    ----------
    r_eff : array_like
        First guess of the half-light radius in pixels.
    size : int
        Width of the stamp.

    Returns
    -------
    factor : `~numpy.ndarray` of int
        The smallest for which ``r_eff / factor`` is at most an eighth of ``size``
        (7.6 pixels of 61), of those that `divisible_factor` returns; 1 where ``r_eff``
        is not finite.
    """
    r_eff = np.asarray(r_eff, dtype=float)
    known = np.where(np.isfinite(r_eff), r_eff, 0.0)
    # A network may say anything; no image has so many pixels.
    factor = np.clip(np.ceil(known / (_FITS * size)), 1, _LARGEST)
    return divisible_factor(factor.astype(int))


def divisible_factor(factor):
    """
    Round factors up to those with many divisors.

    Models of averages are drawn on fewer, larger pixels than were averaged.

    Parameters
    ----------
    factor : array_like of int
        At least 1.

    Returns
    -------
    `~numpy.ndarray` of int
        1, 2, 3, 4, 6, 8, 10, 12, and then every fourth.
    """
    factor = np.asarray(factor)
    step = np.select([factor <= 3, factor <= 12], [1, 2], 4)
    return -(-factor // step) * step


def estimate_half_light_radius(image, x, y, *, size=61):
    """
    Estimate half-light radii from growth curves.

    Light is summed over circular rings, each with the median of its good pixels
    (which neighbours hardly move), above the median of the stamp's outer ring and
    out to where the profile vanishes in the noise. What does not fit a stamp is
    looked at again with pixels twice as large, as long as the image goes on.

    Parameters
    ----------
    image : `~astro_cnnfit.inputs.Image`
        One image.
    x, y : array_like, shape (N,)
        Positions in pixels.
    size : int
        Width of the stamps in which the estimate is made.

    Returns
    -------
    radius : `~numpy.ndarray`, shape (N,), float64
        In pixels of the image; a first guess, within 30 per cent for Sersic
        indices up to 2. It is not corrected for the PSF, smaller than the
        semi-major axis of an elongated galaxy, and too small by a factor of two
        for an index of 4, whose wings count as sky. NaN where there is no data or
        nothing above the sky.
    """
    x, y = (np.atleast_1d(np.asarray(values, dtype=float)) for values in (x, y))
    radius = np.full(len(x), np.nan)
    pending = np.arange(len(x))
    factor = 1
    while pending.size:
        found, known = _half_light_radius(image, x[pending], y[pending], size, factor)
        # A larger stamp can lose a galaxy in a bright surrounding.
        radius[pending] = np.where(np.isfinite(found), found, radius[pending])
        if factor * size >= max(image.data.shape) or factor >= _MAX_FACTOR:
            break
        again = found > _TRUSTED * size * factor
        if factor < _MAX_FACTOR_IN_VAIN:
            again |= np.isnan(found) & known
        pending = pending[again]
        factor *= 2
    return radius


def _half_light_radius(image, x, y, size, factor):
    """Half-light radii in pixels, and where there is something to be measured."""
    radius, known = np.empty(len(x)), np.empty(len(x), dtype=bool)
    # In pieces that stay in a processor's cache from one step to the next.
    step = max(1, _PIECE // factor)
    for start in range(0, len(x), step):
        some = slice(start, start + step)
        stamps = cut_stamps(image, x[some], y[some], size=size, factor=factor)
        known[some] = (stamps.flags & _NO_RESULT) == 0
        found = factor * _half_of(_light_in_rings(stamps.data, stamps.mask))
        radius[some] = np.where(known[some], found, np.nan)
    return radius, known


@cache
def _rings(size):
    """Pixels of a stamp in rings: the central one, then rings of one pixel."""
    steps = np.arange(size) - (size - 1) / 2
    distance = np.hypot(steps, steps[:, np.newaxis])
    ring = np.digitize(distance, np.arange(0.5, size / 2)).ravel()
    return [np.flatnonzero(ring == number) for number in range((size + 1) // 2)]


def _light_in_rings(data, mask):
    """Light in each ring, out to where the profile vanishes in the noise."""
    sky = ring_median(data, mask)[:, np.newaxis]
    sigma = np.nan_to_num(sky_sigma(data, mask))[:, np.newaxis]
    rings = _rings(data.shape[1])
    data, mask = data.reshape(len(data), -1), mask.reshape(len(mask), -1)
    light, rows = np.zeros((len(data), len(rings))), np.arange(len(data))
    ends = [*(end for end in _FADED_BY if end < len(rings)), len(rings)]
    for first, last in pairwise([0, *ends]):
        some = rings[first:last]
        level, count = _medians(data[rows], mask[rows], some)
        level = np.nan_to_num(level - sky[rows])
        # The scatter of a median is 1.25 times that of a mean.
        noise = 2.5 * sigma[rows] / np.sqrt(np.maximum(count, 1))
        faded = np.cumsum((count > 0) & (level <= noise), axis=1) > 0
        level *= [len(ring) for ring in some]
        light[rows, first:last] = np.where(faded, 0, level)
        rows = rows[~faded[:, -1]]
    return light


def _medians(data, mask, rings):
    """Median and number of the good pixels of rings, (N, rings) each."""
    mask = mask if mask.any() else None
    found = [
        masked_median(
            np.take(data, ring, axis=1),
            None if mask is None else np.take(mask, ring, axis=1),
        )
        for ring in rings
    ]
    return (np.stack(part, axis=1) for part in zip(*found, strict=True))


def _half_of(light):
    """Radii within which half of the light is, NaN where there is none."""
    edges = np.arange(light.shape[1]) + 0.5
    growth = np.cumsum(light, axis=1)
    half = 0.5 * growth[:, -1:]
    first = np.argmax(growth >= half, axis=1)
    rows = np.arange(len(light))
    before = np.where(first > 0, growth[rows, first - 1], 0)
    inner = np.where(first > 0, edges[first - 1], 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        part = (half[:, 0] - before) / light[rows, first]
        # Light grows with the area, not the radius, within a ring.
        radius = np.sqrt(inner**2 + part * (edges[first] ** 2 - inner**2))
    return np.where(half[:, 0] <= 0, np.nan, radius)
