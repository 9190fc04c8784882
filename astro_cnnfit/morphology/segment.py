# Licensed under a 3-clause BSD style license - see LICENSE
"""The galaxy's own pixels where none are given, and their moments."""

import numpy as np

from astro_cnnfit.morphology.apertures import Ellipse, weighted_sum
from astro_cnnfit.morphology.gini_m20 import petrosian_segment
from astro_cnnfit.morphology.growth import growth_curve
from astro_cnnfit.morphology.petrosian import petrosian_radius

__all__ = ["find_segment", "light_ellipse"]

_LEAST_AXIS_RATIO = 0.05
# Variance of a pixel about its centre, the least that a moment can be.
_PIXEL = 1.0 / 12.0


def light_ellipse(image, segment, centre=None):
    """
    Centre of light, axis ratio and angle from moments.

    Parameters
    ----------
    image : `~numpy.ndarray`
        (ny, nx)
    segment : `~numpy.ndarray`
        (ny, nx) of bool.
    centre : tuple of float, optional
        (xc, yc) to take second moments about, instead of the centre of light.

    Returns
    -------
    Ellipse or None
        None if the light is not positive or its centre lies outside the image.
    """
    y, x = np.nonzero(segment)
    values = image[y, x]
    total = values.sum()
    if not total > 0:
        return None
    if centre is None:
        centre = weighted_sum(values, x) / total, weighted_sum(values, y) / total
    xc, yc = centre
    ny, nx = image.shape
    if not (-0.5 <= xc < nx - 0.5 and -0.5 <= yc < ny - 0.5):
        return None
    dx, dy = x - xc, y - yc
    xx = weighted_sum(values, dx * dx) / total
    yy = weighted_sum(values, dy * dy) / total
    xy = weighted_sum(values, dx * dy) / total
    mean, half = (xx + yy) / 2.0, np.hypot((xx - yy) / 2.0, xy)
    major, minor = abs(mean + half), abs(mean - half)
    major, minor = max(major, minor), min(major, minor)
    if major * minor < _PIXEL**2:
        major, minor = major + _PIXEL, minor + _PIXEL
    q = max(np.sqrt(minor / major), _LEAST_AXIS_RATIO)
    theta = 0.5 * np.arctan2(2.0 * xy, xx - yy)
    return Ellipse(float(xc), float(yc), float(q), float(theta))


def find_segment(image, valid):
    """
    Pixels above the surface brightness at the circular Petrosian radius.

    Meant for galaxies alone in their stamp and without noise, or nearly so.

    Parameters
    ----------
    image : `~numpy.ndarray`
        (ny, nx), zero where not valid.
    valid : `~numpy.ndarray`
        (ny, nx) of bool.

    Returns
    -------
    `~numpy.ndarray` or None
        (ny, nx) of bool; None without a centre of light or a Petrosian radius
        about it.
    """
    circle = light_ellipse(image, np.ones(image.shape, dtype=bool))
    if circle is None:
        return None
    circle = circle._replace(q=1.0, theta=0.0)
    growth = growth_curve(image, valid, circle, np.hypot(*image.shape), coarse=True)
    radius = petrosian_radius(growth)
    if not np.isfinite(radius):
        return None
    return petrosian_segment(image, circle, radius)
