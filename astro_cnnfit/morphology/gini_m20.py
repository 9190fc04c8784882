# Licensed under a 3-clause BSD style license - see LICENSE
"""Gini and M20 (Lotz et al. 2004), and the pixels they are taken from."""

import numpy as np
from scipy import ndimage

from astro_cnnfit.morphology.apertures import weighted_sum
from astro_cnnfit.morphology.ellipse_sums import columns_of, ellipse_sums

__all__ = ["gini", "m20", "petrosian_segment"]

SMOOTHING = 0.2
"""Width (sigma) of the smoothing in Petrosian radii, as Lotz et al. (2004) have it."""

_EIGHT = np.ones((3, 3), dtype=bool)


def petrosian_segment(image, ellipse, radius):
    """
    Pixels brighter than the surface brightness at the Petrosian radius.

    Parameters
    ----------
    image : `~numpy.ndarray`
        (ny, nx), zero where not valid.
    ellipse : `~astro_cnnfit.morphology.apertures.Ellipse`
    radius : float
        Petrosian radius in pixels.

    Returns
    -------
    `~numpy.ndarray`
        (ny, nx) of bool: pixels connected with the brightest one in the image
        smoothed with a Gaussian of 0.2 radii, above its mean in a ring one
        pixel wide at the radius.
    """
    smooth = ndimage.gaussian_filter(image, SMOOTHING * radius, mode="constant")
    inner, outer = ellipse_sums(
        columns_of(smooth), ellipse, [radius - 0.5, radius + 0.5]
    )[0]
    level = (outer - inner) / (2.0 * np.pi * ellipse.q * radius)
    labels, count = ndimage.label(smooth >= level, structure=_EIGHT)
    if count <= 1:
        return labels > 0
    return labels == labels.ravel()[np.argmax(smooth)]


def gini(values):
    """
    Gini coefficient of pixel values (Lotz et al. 2004, Eq. 6).

    Parameters
    ----------
    values : `~numpy.ndarray`
        (n,); their amounts count.

    Returns
    -------
    float
        0 where all pixels are equal, 1 where one has all light; NaN for fewer
        than two pixels or no light.
    """
    values = np.sort(np.abs(values))
    n, total = len(values), values.sum()
    if n < 2 or not total > 0:
        return np.nan
    ranks = 2.0 * np.arange(1, n + 1) - n - 1
    return float(weighted_sum(ranks, values) / ((n - 1) * total))


def m20(image, segment):
    """
    Second moment of the brightest 20 % of the light (Lotz et al. 2004, Eq. 8).

    Parameters
    ----------
    image : `~numpy.ndarray`
        (ny, nx)
    segment : `~numpy.ndarray`
        (ny, nx) of bool.

    Returns
    -------
    float
        log10 of that moment relative to that of all light, both about the
        centre of light; NaN where one is not positive.
    """
    y, x = np.nonzero(segment)
    values = image[y, x]
    total = values.sum()
    if len(values) < 2 or not total > 0:
        return np.nan
    xc, yc = weighted_sum(values, x) / total, weighted_sum(values, y) / total
    moments = values * ((x - xc) ** 2 + (y - yc) ** 2)
    order = np.sort(values)
    place = np.argmax(np.cumsum(order) >= 0.8 * total)
    brightest = moments[values >= order[place]].sum()
    if not (brightest > 0 and moments.sum() > 0):
        return np.nan
    return float(np.log10(brightest / moments.sum()))
