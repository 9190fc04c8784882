# Licensed under a 3-clause BSD style license - see LICENSE
"""
Measures in circular apertures: those of statmorph and of Conselice (2003).

Both take C, A and S within a circle of 1.5 circular Petrosian radii about the
centre of least asymmetry. They differ in how that centre is searched, in the
background of A and in S; see `astro_cnnfit.morphology.definitions`. Gini and M20
follow Lotz et al. (2004), as statmorph has them, in both.
"""

from typing import NamedTuple

import numpy as np
from scipy import ndimage

from astro_cnnfit.morphology.apertures import (
    Ellipse,
    bounding_box,
    exact_circle,
    exact_coverage,
    weighted_sum,
)
from astro_cnnfit.morphology.asymmetry import (
    FOLDED,
    asymmetry_centre,
    asymmetry_error,
    asymmetry_function,
    asymmetry_sums,
    climbed_centre,
    rms_asymmetry,
)
from astro_cnnfit.morphology.cutout import cutout_slices, outliers
from astro_cnnfit.morphology.ellipse_sums import columns_of
from astro_cnnfit.morphology.gini_m20 import gini, m20, petrosian_segment
from astro_cnnfit.morphology.growth import flux_within, growth_curve
from astro_cnnfit.morphology.petrosian import scanned_petrosian_radius
from astro_cnnfit.morphology.record import EXTENT, leaves_image, radii, undefined
from astro_cnnfit.morphology.rotation import rotatable
from astro_cnnfit.morphology.segment import light_ellipse
from astro_cnnfit.morphology.signal import sn_per_pixel
from astro_cnnfit.morphology.sky_box import (
    box_asymmetry,
    empty_box,
    least_box_asymmetry,
)
from astro_cnnfit.morphology.smoothness import boxcar, clumps

__all__ = ["measure_circle"]

# statmorph scans the Petrosian ratio at this many radii.
_RADII = 100
# How far the centre may lie from its start, in Petrosian radii.
_DRIFT = 0.25


class Sky(NamedTuple):
    """Noise as one box of sky shows it."""

    asymmetry: float
    """Mean of abs(B - B180)."""
    sigma: float
    box: np.ndarray | None


def measure_circle(galaxy, definition):
    """
    Measure one galaxy.

    Parameters
    ----------
    galaxy : `~astro_cnnfit.morphology.record.Galaxy`
    definition : `~astro_cnnfit.morphology.definitions.Definition`

    Returns
    -------
    dict
        Values of `~astro_cnnfit.morphology.record.COLUMNS` that are defined and
        `~astro_cnnfit.morphology.record.FLAGS` that are set.
    """
    galaxy, x0, y0 = _cutout(galaxy)
    if galaxy is None:
        return {"undefined": True}
    row = {"xc_centroid": galaxy.light.xc, "yc_centroid": galaxy.light.yc}
    row |= {"ellip": 1.0 - galaxy.light.q, "theta": galaxy.light.theta}
    sky = _sky(galaxy, definition)
    if sky is None:
        sky = Sky(0.0, galaxy.sigma, None)
        row["no_background_cell"] = True
    row |= _measured(galaxy, sky, definition)
    if row.get("no_background_cell"):
        row |= {"asymmetry": np.nan, "smoothness": np.nan, "undefined": True}
    for name in ("xc_centroid", "xc_asymmetry"):
        row[name] = row.get(name, np.nan) + x0
    for name in ("yc_centroid", "yc_asymmetry"):
        row[name] = row.get(name, np.nan) + y0
    return row


def _cutout(galaxy):
    """The galaxy on statmorph's cutout and that cutout's first pixel."""
    rows, columns = cutout_slices(galaxy.segment)
    image = galaxy.image[rows, columns]
    valid = galaxy.valid[rows, columns]
    if galaxy.sigma is not None:
        valid = valid & ~outliers(image)
        image = np.where(valid, image, 0.0)
    segment = galaxy.segment[rows, columns]
    light = light_ellipse(image, segment & valid)
    if light is None:
        return None, 0, 0
    galaxy = galaxy._replace(image=image, valid=valid, segment=segment, light=light)
    return galaxy, columns.start, rows.start


def _sky(galaxy, definition):
    if galaxy.sigma is None:
        return Sky(0.0, 0.0, None)
    where = empty_box(galaxy.valid & ~galaxy.segment)
    if where is None:
        return None
    box = galaxy.image[where]
    least = definition.background == "least"
    asymmetry = least_box_asymmetry(box) if least else box_asymmetry(box)
    return Sky(asymmetry, float(box.std()), box)


def _measured(galaxy, sky, definition):
    image, valid, light = galaxy.image, galaxy.valid, galaxy.light
    diagonal = np.hypot(*image.shape)
    scan = np.linspace(1.0, diagonal, _RADII)
    circle = Ellipse(light.xc, light.yc)
    columns = columns_of(image, valid)
    _, first = _petrosian(galaxy, columns, circle, scan)
    if not np.isfinite(first):
        return {"no_petrosian": True, "undefined": True}
    source = rotatable(image, definition.order, zeros_outside=True)
    xc, yc = _centre(galaxy, source, first, sky, definition)
    row = {"xc_asymmetry": xc, "yc_asymmetry": yc}
    circle = Ellipse(xc, yc)
    growth, radius = _petrosian(galaxy, columns, circle, scan)
    ellipse = light_ellipse(image, galaxy.segment & valid, (xc, yc))
    elliptical, row["sn_per_pixel"] = _elliptical(galaxy, columns, ellipse, diagonal)
    row |= {"rpetro_circ": radius, "rpetro_ellip": elliptical}
    if not np.isfinite(radius):
        return {**row, "no_petrosian": True, "undefined": True}
    row["aperture_outside"] = leaves_image(circle, EXTENT * radius, image.shape)
    row |= radii(galaxy, columns, circle, growth, radius)
    row |= _asymmetries(galaxy, source, circle, first, sky)
    row |= _smoothness(galaxy, circle, radius, sky, definition)
    if np.isfinite(elliptical):
        ring = ellipse._replace(xc=light.xc, yc=light.yc)
        segment = petrosian_segment(image, ring, elliptical)
        row |= {"gini": gini(image[segment]), "m20": m20(image, segment)}
    return {**row, "undefined": undefined(row)}


def _petrosian(galaxy, columns, ellipse, scan):
    """Growth curve and Petrosian radius."""
    growth = growth_curve(
        galaxy.image, galaxy.valid, ellipse, scan[-1] + 1.0, coarse=True
    )
    return growth, scanned_petrosian_radius(columns, ellipse, growth, scan)


def _elliptical(galaxy, columns, ellipse, diagonal):
    """Elliptical Petrosian radius and S/N per pixel within it."""
    if ellipse is None:
        return np.nan, np.nan
    scan = np.linspace(1.0, diagonal / ellipse.q, _RADII)
    growth, radius = _petrosian(galaxy, columns, ellipse, scan)
    noise = 1.0 if galaxy.sigma is None else galaxy.sigma
    flux = flux_within(growth, radius) if np.isfinite(radius) else np.nan
    return radius, sn_per_pixel(flux, ellipse.q, radius, noise)


def _centre(galaxy, source, radius, sky, definition):
    paired = None if galaxy.valid.all() else galaxy.valid
    light = galaxy.light
    cover = exact_circle(EXTENT * radius, galaxy.image.shape)
    function = asymmetry_function(source, paired, cover, lambda xc, yc: sky.asymmetry)
    start = np.array([light.xc, light.yc])
    if definition.centre == "hill climb":
        return climbed_centre(function, start)
    found = _simplex(function, start)
    if np.hypot(*(found - start)) <= _DRIFT * radius:
        return tuple(found.tolist())
    # It drifted off: once more from the brightest pixel, or no search at all.
    own = np.where(galaxy.segment & galaxy.valid, galaxy.image, 0.0)
    y, x = np.unravel_index(np.argmax(own), own.shape)
    brightest = np.array([x, y], dtype=float)
    found = _simplex(function, brightest)
    if np.hypot(*(found - brightest)) <= _DRIFT * radius:
        return tuple(found.tolist())
    return tuple(start.tolist())


def _simplex(function, start):
    """Search that starts with steps of 5 % of the coordinates, scipy's default."""
    steps = np.where(start != 0, 0.05 * start, 0.00025)
    simplex = start + np.vstack([np.zeros(2), np.diag(steps)])
    return np.array(asymmetry_centre(function, simplex, xatol=0.005, fatol=1e-4))


def _asymmetries(galaxy, source, circle, radius, sky):
    paired = None if galaxy.valid.all() else galaxy.valid
    sums = asymmetry_sums(source, paired, circle, EXTENT * radius, exact_coverage)
    if not sums.light > 0:
        return {}
    variance = sky.sigma**2
    row = {"rms_asymmetry": rms_asymmetry(sums, 2.0 * variance, variance)}
    row["asymmetry"] = (sums.difference - sums.area * sky.asymmetry) / sums.light
    if sky.box is not None:
        # Differences come in pairs of the same amount.
        scatter = 2.0 * FOLDED * 2.0 * variance
        row["asymmetry_err"] = asymmetry_error(
            sums, row["asymmetry"], scatter, 2.0 * variance, variance, sky.box.size
        )
    return row


def _smoothness(galaxy, circle, radius, sky, definition):
    image, whole = galaxy.image, definition.name == "statmorph"
    width = definition.boxcar * radius
    box = bounding_box(circle, EXTENT * radius, image.shape)
    y0, y1, x0, x1 = box
    ring = exact_coverage(circle, EXTENT * radius, box)
    ring = ring - exact_coverage(circle, definition.inner * radius, box)
    total = weighted_sum(ring, image[y0:y1, x0:x1])
    if not total > 0 or (whole and width < 1.0):
        return {}
    small = weighted_sum(ring, _clumps(image, width, whole)[y0:y1, x0:x1])
    if sky.box is not None:
        area = np.pi * (EXTENT**2 - definition.inner**2) * radius**2
        small -= area * _clumps(sky.box, width, whole).mean()
    return {"smoothness": float(definition.smoothness_factor * small / total)}


def _clumps(image, width, whole):
    if whole:
        return clumps(image, ndimage.uniform_filter(image, int(width)))
    return clumps(image, boxcar(image, width))
