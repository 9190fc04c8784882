# Licensed under a 3-clause BSD style license - see LICENSE
"""Petrosian radius: where the surface brightness is a fifth of the mean within."""

import numpy as np

from astro_cnnfit.morphology.apertures import _PER_UNIT

__all__ = ["ETA", "petrosian_radius", "scanned_petrosian_radius"]

ETA = 0.2
"""Ratio of surface brightness to the mean within that defines the radius."""

# Rings with less of their area on valid pixels than this say nothing.
_LEAST_COVERED = 0.25


def petrosian_radius(growth, eta=ETA):
    """
    First radius at which I(R) / <I(< R)> falls below ``eta``.

    I(R) is the mean of a ring one pixel wide; R = 1, 2, 3, ... pixels, with
    linear interpolation between.

    Parameters
    ----------
    growth : `~astro_cnnfit.morphology.apertures.Growth`
    eta : float, optional
        The value of 0.2 is that of Petrosian (1976) as Conselice (2003) and
        Lotz et al. (2004) use it.

    Returns
    -------
    float
        In pixels; NaN if the ratio does not fall that far on the image.
    """
    centre = np.arange(_PER_UNIT, len(growth.radii) - _PER_UNIT // 2, _PER_UNIT)
    inside, outside = centre - _PER_UNIT // 2, centre + _PER_UNIT // 2
    area = growth.area[outside] - growth.area[inside]
    full = growth.full_area[outside] - growth.full_area[inside]
    covered = area > _LEAST_COVERED * full
    if not covered.all():
        last = np.argmin(covered)
        centre, inside = centre[:last], inside[:last]
        outside, area = outside[:last], area[:last]
    if not len(centre) or growth.area[centre[0]] <= 0:
        return np.nan
    ring = (growth.flux[outside] - growth.flux[inside]) / area
    ratio = np.full(len(centre), np.nan)
    mean = growth.flux[centre] / growth.area[centre]
    np.divide(ring, mean, out=ratio, where=mean > 0)
    below = np.flatnonzero(~(ratio >= eta))
    if not len(below) or below[0] == 0 or not np.isfinite(ratio[below[0]]):
        return np.nan
    k = below[0]
    share = (ratio[k - 1] - eta) / (ratio[k - 1] - ratio[k])
    return growth.radii[centre[k - 1]] + share


def scanned_petrosian_radius(growth, radii, eta=ETA):
    """
    The same radius, searched on a grid of radii and then within one of its steps.

    Parameters
    ----------
    growth : `~astro_cnnfit.morphology.apertures.Growth`
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
    below = np.flatnonzero(_ratio(growth, radii) < eta)
    if not len(below) or below[0] == 0:
        return np.nan
    fine = np.linspace(radii[below[0] - 1], radii[below[0]], 33)
    ratio = _ratio(growth, fine)
    k = np.argmax(ratio < eta)
    if k == 0:
        return float(fine[0])
    share = (ratio[k - 1] - eta) / (ratio[k - 1] - ratio[k])
    return float(fine[k - 1] + share * (fine[1] - fine[0]))


def _ratio(growth, radii):
    """Mean of rings one pixel wide over the mean within, both without sign."""

    def within(values):
        return np.interp(
            np.stack([radii - 0.5, radii, radii + 0.5]), growth.radii, values
        )

    flux, area = within(growth.flux), within(growth.area)
    means = []
    for light, pixels in ((flux[2] - flux[0], area[2] - area[0]), (flux[1], area[1])):
        safe = np.where(pixels > 1e-9, pixels, 1.0)
        means.append(np.where(pixels > 1e-9, np.abs(light) / safe, 0.0))
    ring, mean = means
    return np.where(mean > 0, ring / np.where(mean > 0, mean, 1.0), ring != 0)
