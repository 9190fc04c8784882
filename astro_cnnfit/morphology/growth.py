# Licensed under a 3-clause BSD style license - see LICENSE
"""Growth curve: radii that hold given fractions of the light."""

import numpy as np

from astro_cnnfit.morphology.ellipse_sums import ellipse_sums

__all__ = ["flux_within", "fraction_radii"]

# A step of the refinement is at most this part of the radius.
_LONGEST_STEP = 0.2


def flux_within(growth, radius):
    """
    Light within a radius.

    Parameters
    ----------
    growth : `~astro_cnnfit.morphology.apertures.Growth`
    radius : float
        Semi-major axis in pixels.

    Returns
    -------
    float
    """
    return float(np.interp(radius, growth.radii, growth.flux))


def fraction_radii(columns, ellipse, growth, total, fractions=(0.2, 0.5, 0.8)):
    """
    First radii within which fractions of the total light lie.

    Parameters
    ----------
    columns : `~astro_cnnfit.morphology.ellipse_sums.Columns`
        Of the image, in its first layer.
    ellipse : `~astro_cnnfit.morphology.apertures.Ellipse`
    growth : `~astro_cnnfit.morphology.apertures.Growth`
        Of the same image and ellipse; it gives first values.
    total : float
        All light.
    fractions : tuple of float, optional
        Those of r20, r50 and r80 by default.

    Returns
    -------
    `~numpy.ndarray`
        Semi-major axes in pixels; NaN where there is no such radius.
    """
    wanted = total * np.asarray(fractions)
    reached = growth.flux[None, :] >= wanted[:, None]
    k = reached.argmax(axis=1)
    if not total > 0 or not (reached.any(axis=1) & (k > 0)).all():
        return np.full(len(wanted), np.nan)
    low, high = growth.flux[k - 1], growth.flux[k]
    step = growth.radii[1]
    first = growth.radii[k - 1] + step * (wanted - low) / (high - low)
    return _refined(columns, ellipse, wanted, first, (high - low) / step)


def _refined(columns, ellipse, wanted, first, slope):
    """Steps of the secant method on exact sums."""
    radius = first
    flux = ellipse_sums(columns, ellipse, radius)[0]
    for _ in range(2):
        change = (wanted - flux) / slope
        longest = _LONGEST_STEP * first
        new = np.maximum(radius + np.clip(change, -longest, longest), 1e-3)
        new_flux = ellipse_sums(columns, ellipse, new)[0]
        moved = np.abs(new - radius) > 1e-9
        secant = (new_flux - flux) / np.where(moved, new - radius, 1.0)
        slope = np.where(moved & (secant > 0), secant, slope)
        radius, flux = new, new_flux
    longest = _LONGEST_STEP * first
    return radius + np.clip((wanted - flux) / slope, -longest, longest)
