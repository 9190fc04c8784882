# Licensed under a 3-clause BSD style license - see LICENSE
"""Asymmetry under rotation by 180 degrees, and the centre that minimises it."""

from typing import NamedTuple

import numpy as np
from scipy import optimize

from astro_cnnfit.morphology.apertures import (
    bounding_box,
    coverage,
    weighted_sum,
)
from astro_cnnfit.morphology.rotation import clipped_box, partner_valid, rotated

__all__ = [
    "FOLDED",
    "Sums",
    "asymmetry_centre",
    "asymmetry_error",
    "asymmetry_function",
    "asymmetry_sums",
    "climbed_centre",
    "rms_asymmetry",
]

FOLDED = 1.0 - 2.0 / np.pi
"""Variance of the amount of a normal variable of variance 1."""

# A walk that gets this many steps away from its start ends there.
_FARTHEST = 30


class Sums(NamedTuple):
    """What asymmetries are made of, within an aperture."""

    difference: float
    """sum |I - I180|"""
    light: float
    """sum |I|"""
    squared_difference: float
    """sum (I - I180)^2"""
    squared_light: float
    """sum I^2"""
    area: float
    """Pixels of which both they and their partner count."""


def _pairs(source, valid, ellipse, radius, cover):
    box = bounding_box(ellipse, radius, source.image.shape)
    if source.pad < max(source.image.shape):
        box = clipped_box(box, ellipse.xc, ellipse.yc, source.image.shape)
    y0, y1, x0, x1 = box
    if y1 <= y0 or x1 <= x0:
        return None
    weights = cover(ellipse, radius, box)
    if valid is not None:
        outside = source.pad >= max(source.image.shape)
        weights = weights * partner_valid(
            valid, ellipse.xc, ellipse.yc, box, outside=outside
        )
    image = source.image[y0:y1, x0:x1]
    return weights, image, image - rotated(source, ellipse.xc, ellipse.yc, box)


def asymmetry_sums(source, valid, ellipse, radius, cover=coverage):
    """
    Sums over an aperture.

    Parameters
    ----------
    source : `~astro_cnnfit.morphology.rotation.Rotatable`
    valid : `~numpy.ndarray` or None
        (ny, nx) of bool; None if all pixels are valid.
    ellipse : `~astro_cnnfit.morphology.apertures.Ellipse`
        Its centre is that of the rotation.
    radius : float
        Semi-major axis of the aperture.
    cover : callable, optional
        How much of each pixel is covered, (ellipse, radius, box) -> array.

    Returns
    -------
    Sums
    """
    pairs = _pairs(source, valid, ellipse, radius, cover)
    if pairs is None:
        return Sums(0.0, 0.0, 0.0, 0.0, 0.0)
    weights, image, difference = pairs
    return Sums(
        float(weighted_sum(weights, np.abs(difference))),
        float(weighted_sum(weights, np.abs(image))),
        float(weighted_sum(weights, difference**2)),
        float(weighted_sum(weights, image**2)),
        float(weights.sum()),
    )


def asymmetry_function(source, valid, cover, sky=None):
    """
    Asymmetry as a function of the centre, for minimisers.

    Parameters
    ----------
    source, valid
        See `asymmetry_sums`.
    cover : callable
        (xc, yc) -> (box, weights of its pixels or None if there are none).
    sky : callable, optional
        (xc, yc) -> background of sum |I - I180| per pixel.

    Returns
    -------
    callable
        Array (xc, yc) -> asymmetry; infinite where there is no light.
    """
    magnitude = np.abs(source.image)
    outside = source.pad >= max(source.image.shape)

    def asymmetry(centre):
        xc, yc = centre.tolist()
        box, weights = cover(xc, yc)
        if weights is None:
            return np.inf
        if valid is not None:
            weights *= partner_valid(valid, xc, yc, box, outside=outside)
        inside = np.s_[box[0] : box[1], box[2] : box[3]]
        light = weighted_sum(weights, magnitude[inside])
        if not light > 0:
            return np.inf
        difference = rotated(source, xc, yc, box)
        np.subtract(difference, source.image[inside], out=difference)
        total = weighted_sum(weights, np.abs(difference, out=difference))
        if sky is not None:
            total -= sky(xc, yc) * weights.sum()
        return total / light

    return asymmetry


def asymmetry_centre(function, simplex, *, xatol=0.02, fatol=1e-3, maxfev=120):
    """
    The centre that minimises the asymmetry, by the method of Nelder and Mead.

    Parameters
    ----------
    function : callable
        From `asymmetry_function`.
    simplex : array_like
        (3, 2): x and y of the first simplex.
    xatol, fatol : float, optional
        Size of the last simplex in pixels, and its differences in asymmetry.
    maxfev : int, optional
        Evaluations at most.

    Returns
    -------
    xc, yc : float
    """
    simplex = np.asarray(simplex, dtype=float)
    options = {"initial_simplex": simplex, "xatol": xatol, "fatol": fatol}
    found = optimize.minimize(
        function,
        simplex[0],
        method="Nelder-Mead",
        options={**options, "maxfev": maxfev},
    )
    return float(found.x[0]), float(found.x[1])


def climbed_centre(function, start, steps=(1.0, 0.3, 0.1)):
    """
    The same centre by walking to the best of 3 x 3 points until that is the middle.

    Parameters
    ----------
    function : callable
        From `asymmetry_function`.
    start : tuple of float
        (xc, yc)
    steps : tuple of float, optional
        Spacings of the points in pixels, one walk after the other. Conselice et
        al. (2000) walk in steps of 0.1 pixels; larger ones first get to the same
        place sooner.

    Returns
    -------
    xc, yc : float
    """
    moves = [(i, j) for j in (-1, 0, 1) for i in (-1, 0, 1) if i or j]
    best = np.asarray(start, dtype=float)
    value = function(best)
    for step in steps:
        origin, place, seen = best, (0, 0), {(0, 0): value}
        while True:
            for move in moves:
                near = place[0] + move[0], place[1] + move[1]
                if near not in seen:
                    seen[near] = function(origin + step * np.array(near))
            lowest = min(seen, key=seen.get)
            if lowest == place or max(map(abs, lowest)) > _FARTHEST:
                break
            place = lowest
        best, value = origin + step * np.array(place), seen[place]
    return float(best[0]), float(best[1])


def rms_asymmetry(sums, noise_difference, noise):
    """
    RMS asymmetry (Sazonova et al. 2024, Eq. 27).

    Parameters
    ----------
    sums : Sums
    noise_difference : float
        Variance per pixel of I - I180 from noise alone; 2 sigma^2 where the
        rotation does not interpolate.
    noise : float
        Variance per pixel of the sky.

    Returns
    -------
    float
        Root of (sum (I - I180)^2 - N noise_difference) / (sum I^2 - N noise);
        where noise makes that negative, minus the root of its amount. NaN
        without light above the noise.
    """
    light = sums.squared_light - sums.area * noise
    if not light > 0:
        return np.nan
    squared = (sums.squared_difference - sums.area * noise_difference) / light
    return float(np.sign(squared) * np.sqrt(abs(squared)))


def asymmetry_error(sums, asymmetry, scatter, noise_difference, noise, sky_pixels):
    """
    Error of the asymmetry, from the scatter of the background.

    This package's own choice, since definitions leave it open. Three terms: the
    noise of sum |I - I180|, which is larger where the galaxy itself differs than
    where |I - I180| is folded noise; that of the background; and that of sum |I|.
    It does not hold the bias from the sum of signal and noise within amounts.

    Parameters
    ----------
    sums : Sums
    asymmetry : float
    scatter : float
        Variance of sum |I - I180| over empty sky, per pixel.
    noise_difference : float
        Variance of I - I180 over empty sky, per pixel.
    noise : float
        Variance of the sky, per pixel.
    sky_pixels : float
        How many pixels the background is from.

    Returns
    -------
    float
    """
    squared = max(sums.squared_difference, 1e-300)
    galaxy = max(0.0, 1.0 - sums.area * noise_difference / squared)
    # Noise about a difference far from zero is not folded.
    unfolded = 1.0 - galaxy + galaxy / FOLDED
    variance = scatter * sums.area * (unfolded + sums.area / sky_pixels)
    variance += asymmetry**2 * sums.area * noise
    return float(np.sqrt(variance) / sums.light)
