# Licensed under a 3-clause BSD style license - see LICENSE
"""Rough sizes of galaxies, and how many pixels to average for them to fit."""

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
        stamps = cut_stamps(image, x[pending], y[pending], size=size, factor=factor)
        found = factor * _half_light_radius(stamps)
        # A larger stamp can lose a galaxy in a bright surrounding.
        radius[pending] = np.where(np.isfinite(found), found, radius[pending])
        if factor * size >= max(image.data.shape) or factor >= _MAX_FACTOR:
            break
        again = found > _TRUSTED * size * factor
        if factor < _MAX_FACTOR_IN_VAIN:
            again |= np.isnan(found) & ((stamps.flags & _NO_RESULT) == 0)
        pending = pending[again]
        factor *= 2
    return radius


def _half_light_radius(stamps):
    """Half-light radii in stamp pixels, about the centres of the stamps."""
    data, mask = stamps.data, stamps.mask
    size = data.shape[1]
    steps = np.arange(size) - (size - 1) / 2
    distance = np.hypot(steps, steps[:, np.newaxis])
    edges = np.arange(0.5, size / 2)  # the central pixel, then rings of one pixel
    ring = np.digitize(distance, edges)

    sky = ring_median(data, mask)
    sigma = np.nan_to_num(sky_sigma(data, mask))
    light = np.zeros((len(data), len(edges)))
    fading = np.zeros((len(data), len(edges)), bool)
    for number in range(len(edges)):
        inside = ring == number
        level, count = masked_median(data[:, inside], mask[:, inside])
        level = np.nan_to_num(level - sky)
        light[:, number] = level * np.count_nonzero(inside)
        # The scatter of a median is 1.25 times that of a mean.
        fading[:, number] = (count > 0) & (
            level <= 2.5 * sigma / np.sqrt(np.maximum(count, 1))
        )
    light[np.cumsum(fading, axis=1) > 0] = 0
    growth = np.cumsum(light, axis=1)
    half = 0.5 * growth[:, -1:]
    first = np.argmax(growth >= half, axis=1)
    rows = np.arange(len(data))
    before = np.where(first > 0, growth[rows, first - 1], 0)
    inner = np.where(first > 0, edges[first - 1], 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        part = (half[:, 0] - before) / light[rows, first]
        # Light grows with the area, not the radius, within a ring.
        radius = np.sqrt(inner**2 + part * (edges[first] ** 2 - inner**2))
    bad = (half[:, 0] <= 0) | ((stamps.flags & _NO_RESULT) > 0)
    return np.where(bad, np.nan, radius)
