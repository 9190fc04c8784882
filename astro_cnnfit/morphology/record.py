# Licensed under a 3-clause BSD style license - see LICENSE
"""What is measured of one galaxy, and what is needed for it."""

from typing import NamedTuple

import numpy as np

from astro_cnnfit.morphology.apertures import Ellipse, bounding_box
from astro_cnnfit.morphology.concentration import concentration, concentration_error
from astro_cnnfit.morphology.ellipse_sums import ellipse_sums
from astro_cnnfit.morphology.gini_m20 import gini, m20, petrosian_segment
from astro_cnnfit.morphology.growth import fraction_radii
from astro_cnnfit.morphology.signal import radius_error

__all__ = [
    "COLUMNS",
    "EXTENT",
    "FLAGS",
    "Galaxy",
    "gini_and_m20",
    "leaves_image",
    "radii",
    "undefined",
]

COLUMNS = (
    *("concentration", "asymmetry", "smoothness", "gini", "m20", "rms_asymmetry"),
    *("concentration_err", "asymmetry_err"),
    *("r20", "r50", "r80", "rpetro_ellip", "rpetro_circ"),
    *("xc_asymmetry", "yc_asymmetry", "xc_centroid", "yc_centroid"),
    *("ellip", "theta", "flux", "sn_per_pixel"),
)
FLAGS = ("no_petrosian", "aperture_outside", "no_background_cell", "undefined")

EXTENT = 1.5
"""Semi-major axis of the aperture in Petrosian radii."""


class Galaxy(NamedTuple):
    """One stamp, ready to be measured."""

    image: np.ndarray
    """(ny, nx), zero where not valid."""
    valid: np.ndarray
    """(ny, nx) of bool."""
    segment: np.ndarray
    """(ny, nx) of bool: the galaxy's own pixels."""
    light: Ellipse
    """From the moments of those."""
    sigma: float | None
    """Noise of the sky per pixel; None says that there is none."""
    cell: int | tuple = 10
    """Side of the cells of sky in pixels, or (height, width)."""


def leaves_image(ellipse, radius, shape):
    """
    Whether an aperture leaves the image.

    Parameters
    ----------
    ellipse : `~astro_cnnfit.morphology.apertures.Ellipse`
    radius : float
        Semi-major axis in pixels.
    shape : tuple of int
        (ny, nx)

    Returns
    -------
    bool
    """
    ny, nx = shape
    far = (2 * ny + int(2 * radius), 2 * nx + int(2 * radius))
    moved = ellipse._replace(xc=ellipse.xc + nx, yc=ellipse.yc + ny)
    y0, y1, x0, x1 = bounding_box(moved, radius, (far[0] + ny, far[1] + nx))
    return y0 < ny or y1 > 2 * ny or x0 < nx or x1 > 2 * nx


def radii(galaxy, columns, ellipse, growth, radius):
    """
    Radii and concentration.

    Parameters
    ----------
    galaxy : Galaxy
    columns : `~astro_cnnfit.morphology.ellipse_sums.Columns`
        Of the galaxy's image.
    ellipse : `~astro_cnnfit.morphology.apertures.Ellipse`
    growth : `~astro_cnnfit.morphology.growth.Growth`
        In that ellipse.
    radius : float
        Petrosian radius in pixels.

    Returns
    -------
    dict
        ``flux`` is the light within 1.5 Petrosian radii.
    """
    largest = EXTENT * radius
    total = abs(float(ellipse_sums(columns, ellipse, [largest])[0, 0]))
    r20, r50, r80 = fraction_radii(columns, ellipse, growth, total).tolist()
    row = {"r20": r20, "r50": r50, "r80": r80, "flux": total}
    row["concentration"] = concentration(r20, r80)
    if galaxy.sigma is not None and np.isfinite(row["concentration"]):
        errors = (
            radius_error(growth, value, fraction, largest, galaxy.sigma)
            for value, fraction in ((r20, 0.2), (r80, 0.8))
        )
        row["concentration_err"] = concentration_error(r20, r80, *errors)
    return row


def gini_and_m20(galaxy, ellipse, radius):
    """
    Gini and M20 of the pixels above the surface brightness at a radius.

    Parameters
    ----------
    galaxy : Galaxy
    ellipse : `~astro_cnnfit.morphology.apertures.Ellipse`
        In whose ring that brightness is taken.
    radius : float
        Petrosian radius in pixels.

    Returns
    -------
    dict
    """
    segment = petrosian_segment(galaxy.image, ellipse, radius) & galaxy.valid
    return {"gini": gini(galaxy.image[segment]), "m20": m20(galaxy.image, segment)}


def undefined(row):
    """
    Whether one of the measures has no value.

    Parameters
    ----------
    row : dict

    Returns
    -------
    bool
    """
    return not all(np.isfinite(row.get(name, np.nan)) for name in COLUMNS[:5])
