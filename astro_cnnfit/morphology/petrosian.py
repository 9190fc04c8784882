# Licensed under a 3-clause BSD style license - see LICENSE
"""Petrosian radius: where the surface brightness is a fifth of the mean within."""

import numpy as np

from astro_cnnfit.morphology.ellipse_sums import ellipse_sums
from astro_cnnfit.morphology.growth import PER_PIXEL

__all__ = ["ETA", "petrosian_radius", "petrosian_ratio", "scanned_petrosian_radius"]

ETA = 0.2
"""Ratio of surface brightness to the mean within that defines the radius."""

# Radii that are tried before the place where the growth curve shows the ratio to
# fall, and how many at once.
_MARGIN, _CHUNK = 2, 4
_NO_AREA = 1e-6

# Rings with less of their area on valid pixels than this say nothing.
_LEAST_COVERED = 0.25


def petrosian_radius(growth, eta=ETA):
    """
    First radius at which I(R) / <I(< R)> falls below ``eta``.

    I(R) is the mean of a ring one pixel wide; R = 1, 2, 3, ... pixels, with
    linear interpolation between.

    Parameters
    ----------
    growth : `~astro_cnnfit.morphology.growth.Growth`
    eta : float, optional
        The value of 0.2 is that of Petrosian (1976) as Conselice (2003) and
        Lotz et al. (2004) use it.

    Returns
    -------
    float
        In pixels; NaN if the ratio does not fall that far on the image.
    """
    radii, ratio = petrosian_ratio(growth)
    below = np.flatnonzero(~(ratio >= eta))
    if not len(below) or below[0] == 0 or not np.isfinite(ratio[below[0]]):
        return np.nan
    k = below[0]
    share = (ratio[k - 1] - eta) / (ratio[k - 1] - ratio[k])
    return radii[k - 1] + share


def petrosian_ratio(growth):
    """
    I(R) / <I(< R)> at whole radii.

    Parameters
    ----------
    growth : `~astro_cnnfit.morphology.growth.Growth`

    Returns
    -------
    radii, ratio : `~numpy.ndarray`
        R = 1, 2, 3, ... pixels, as far as rings are on valid pixels, and the mean of
        a ring one pixel wide over that within. NaN where that is not positive.
    """
    centre = np.arange(PER_PIXEL, len(growth.radii) - PER_PIXEL // 2, PER_PIXEL)
    inside, outside = centre - PER_PIXEL // 2, centre + PER_PIXEL // 2
    area = growth.area[outside] - growth.area[inside]
    full = growth.full_area[outside] - growth.full_area[inside]
    covered = area > _LEAST_COVERED * full
    if not covered.all():
        last = np.argmin(covered)
        centre, inside = centre[:last], inside[:last]
        outside, area = outside[:last], area[:last]
    if not len(centre) or growth.area[centre[0]] <= 0:
        return np.empty(0), np.empty(0)
    ring = (growth.flux[outside] - growth.flux[inside]) / area
    ratio = np.full(len(centre), np.nan)
    mean = growth.flux[centre] / growth.area[centre]
    np.divide(ring, mean, out=ratio, where=mean > 0)
    return growth.radii[centre], ratio


def scanned_petrosian_radius(columns, ellipse, growth, radii, eta=ETA):
    """
    The same radius, searched on a grid of radii and then within one of its steps.

    Parameters
    ----------
    columns : `~astro_cnnfit.morphology.ellipse_sums.Columns`
        Of the image and of its valid pixels.
    ellipse : `~astro_cnnfit.morphology.apertures.Ellipse`
    growth : `~astro_cnnfit.morphology.growth.Growth`
        Of the same, to find the place with.
    radii : `~numpy.ndarray`
        (n,) rising, in pixels. statmorph takes 100 from 1 to the stamp's diagonal,
        so that a dip of the ratio between two of them goes unseen.
    eta : float, optional
        See `petrosian_radius`.

    Returns
    -------
    float
        In pixels; NaN if the ratio is below ``eta`` from the start or never.
    """
    rough = _rough_ratio(growth, radii) < eta
    k = int(np.argmax(rough)) if rough.any() else len(radii) - 1
    # The curve is not exact: look from a few radii before it falls.
    for first in range(max(k - _MARGIN, 0), len(radii), _CHUNK):
        exact = _ratio(columns, ellipse, radii[first : first + _CHUNK]) < eta
        if exact.any():
            k = first + int(np.argmax(exact))
            break
    else:
        return np.nan
    if k == 0:
        return np.nan
    low, high, _ = _falls(columns, ellipse, radii[k - 1], radii[k], eta)
    low, high, (before, after) = _falls(columns, ellipse, low, high, eta)
    return low + (high - low) * before / (before - after) if before > after else low


def _falls(columns, ellipse, low, high, eta):
    """The quarter of a step in which the ratio falls below eta, and its excess."""
    fine = np.linspace(low, high, 5)
    excess = _ratio(columns, ellipse, fine) - eta
    k = max(int(np.argmax(excess < 0)), 1)
    return fine[k - 1], fine[k], excess[k - 1 : k + 1]


def _ratio(columns, ellipse, radii):
    """Mean of rings one pixel wide over the mean within, both without sign."""
    many = np.concatenate([radii - 0.5, radii, radii + 0.5])
    return _of_means(ellipse_sums(columns, ellipse, many).reshape(2, 3, -1))


def _rough_ratio(growth, radii):
    many = np.stack([radii - 0.5, radii, radii + 0.5])
    sums = [np.interp(many, growth.radii, curve) for curve in growth[1:3]]
    return _of_means(np.array(sums))


def _of_means(sums):
    flux, area = sums
    means = []
    for light, pixels in ((flux[2] - flux[0], area[2] - area[0]), (flux[1], area[1])):
        safe = np.where(pixels > _NO_AREA, pixels, 1.0)
        means.append(np.where(pixels > _NO_AREA, np.abs(light) / safe, 0.0))
    ring, mean = means
    return np.where(mean > 0, ring / np.where(mean > 0, mean, 1.0), ring != 0)
