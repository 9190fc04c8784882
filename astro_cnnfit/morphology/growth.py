# Licensed under a 3-clause BSD style license - see LICENSE
"""Growth curve: radii that hold given fractions of the light."""

import numpy as np

from astro_cnnfit.morphology.apertures import (
    bounding_box,
    exact_coverage,
    weighted_sum,
)

__all__ = ["flux_within", "fraction_radius"]

EXACT_BELOW = 12.0
"""Radii below this, in pixels, are found again with exact apertures."""


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


def fraction_radius(image, ellipse, growth, total, fraction, exact_below=EXACT_BELOW):
    """
    First radius within which a fraction of the total light lies.

    Parameters
    ----------
    image : `~numpy.ndarray`
        (ny, nx)
    ellipse : `~astro_cnnfit.morphology.apertures.Ellipse`
    growth : `~astro_cnnfit.morphology.apertures.Growth`
        Of the same image and ellipse.
    total : float
        All light.
    fraction : float
        0.2 for r20.
    exact_below : float, optional
        Smaller radii are refined with exact apertures.

    Returns
    -------
    float
        Semi-major axis in pixels; NaN if there is no such radius.
    """
    wanted = fraction * total
    reached = growth.flux >= wanted
    k = int(np.argmax(reached))
    if not total > 0 or not reached[k] or k == 0:
        return np.nan
    low, high = growth.flux[k - 1], growth.flux[k]
    step = growth.radii[1]
    radius = growth.radii[k - 1] + step * (wanted - low) / (high - low)
    if radius > exact_below:
        return radius
    return _refined(image, ellipse, wanted, radius, (high - low) / step)


def _refined(image, ellipse, wanted, radius, slope):
    """Two steps of the secant method on exact apertures, for small radii."""
    start, previous = radius, None
    for _ in range(2):
        box = bounding_box(ellipse, radius, image.shape)
        y0, y1, x0, x1 = box
        flux = weighted_sum(exact_coverage(ellipse, radius, box), image[y0:y1, x0:x1])
        if previous is not None and radius != previous[0]:
            secant = (flux - previous[1]) / (radius - previous[0])
            slope = secant if secant > 0 else slope
        previous = radius, flux
        change = (wanted - flux) / slope
        radius = radius + np.clip(change, -0.2 * start, 0.2 * start)
    return float(radius)
