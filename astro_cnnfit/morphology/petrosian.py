# Licensed under a 3-clause BSD style license - see LICENSE
"""Petrosian radius: where the surface brightness is a fifth of the mean within."""

import numpy as np

from astro_cnnfit.morphology.apertures import _PER_UNIT

__all__ = ["ETA", "petrosian_radius"]

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
