# Licensed under a 3-clause BSD style license - see LICENSE
"""
Measures in elliptical apertures, as Tohill et al. (2021) define C and A.

The order of things: moments of the galaxy's pixels give centre of light, axis
ratio and angle; the Petrosian radius about that centre gives the aperture in
which the centre of least asymmetry is searched; everything is then measured
about that centre, with the Petrosian radius taken anew. The paper leaves out S,
Gini and M20: they follow Lotz et al. (2004) on the same ellipses. S is smoothed
with a quarter of the circular Petrosian radius, as statmorph does, lest edge-on
discs count as clumps; the boxcar's width need not be a whole number.
"""

import numpy as np

from astro_cnnfit.morphology.apertures import bounding_box, coverage, growth_curve
from astro_cnnfit.morphology.asymmetry import (
    asymmetry_centre,
    asymmetry_sums,
    rms_asymmetry,
)
from astro_cnnfit.morphology.concentration import concentration, concentration_error
from astro_cnnfit.morphology.gini_m20 import gini, m20, petrosian_segment
from astro_cnnfit.morphology.growth import flux_within, fraction_radius
from astro_cnnfit.morphology.petrosian import petrosian_radius
from astro_cnnfit.morphology.rotation import rotatable
from astro_cnnfit.morphology.segment import find_segment, light_ellipse
from astro_cnnfit.morphology.signal import radius_error, sn_per_pixel
from astro_cnnfit.morphology.sky_cells import (
    cell_differences,
    empty_cells,
    interpolated_background,
)
from astro_cnnfit.morphology.smoothness import boxcar, clumps

__all__ = ["COLUMNS", "FLAGS", "measure_ellipse"]

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
BOXCAR = INNER = 0.25

# Step of the first simplex in Petrosian radii, at least half a pixel.
_SIMPLEX = 0.05


def measure_ellipse(stamp, segment, sigma, mask):
    """
    Measure one stamp.

    Parameters
    ----------
    stamp : `~numpy.ndarray`
        (ny, nx)
    segment : `~numpy.ndarray` or None
        (ny, nx) of bool.
    sigma : float or None
        Noise of the sky per pixel; None says that there is none.
    mask : `~numpy.ndarray` or None
        (ny, nx) of bool.

    Returns
    -------
    dict
        Values of `COLUMNS` that are defined and `FLAGS` that are set.
    """
    valid = np.isfinite(stamp)
    if mask is not None:
        valid &= ~mask
    image = np.where(valid, stamp, 0.0).astype(float)
    if segment is None:
        segment = find_segment(image, valid)
        if segment is None:
            return {"no_petrosian": True, "undefined": True}
    light = light_ellipse(image, segment & valid)
    if light is None:
        return {"undefined": True}
    row = {"xc_centroid": light.xc, "yc_centroid": light.yc}
    row |= {"ellip": 1.0 - light.q, "theta": light.theta}
    largest = np.hypot(*image.shape)
    first = petrosian_radius(growth_curve(image, valid, light, largest, coarse=True))
    if not np.isfinite(first):
        return {**row, "no_petrosian": True, "undefined": True}
    paired = None if valid.all() else valid
    source = rotatable(image, 3)
    corners = None if sigma is None else empty_cells(valid & ~segment)
    ellipse = _centred(source, paired, light, first, corners)
    row |= _about_centre(source, valid, paired, ellipse, first, sigma, corners)
    return row


def _centred(source, paired, light, radius, corners):
    sky = None
    if corners is not None and len(corners):
        sky = interpolated_background(source, corners)
    xc, yc = asymmetry_centre(
        source, paired, light, EXTENT * radius,
        sky=sky, step=max(0.5, _SIMPLEX * radius),
    )  # fmt: skip
    return light._replace(xc=xc, yc=yc)


def _about_centre(source, valid, paired, ellipse, first, sigma, corners):
    image = source.image
    growth, radius = _petrosian(image, valid, ellipse, first, coarse=False)
    row = {"xc_asymmetry": ellipse.xc, "yc_asymmetry": ellipse.yc}
    if not np.isfinite(radius):
        return {**row, "no_petrosian": True, "undefined": True}
    row["rpetro_ellip"] = radius
    circle = ellipse._replace(q=1.0, theta=0.0)
    _, circular = _petrosian(image, valid, circle, radius, coarse=True)
    row["rpetro_circ"] = circular
    row["aperture_outside"] = _leaves(ellipse, EXTENT * radius, image.shape)
    row |= _radii(image, ellipse, growth, radius, sigma)
    row |= _asymmetries(source, paired, ellipse, radius, sigma, corners)
    width = BOXCAR * (circular if np.isfinite(circular) else radius)
    row |= _smoothness(image, valid, ellipse, radius, width, sigma, corners)
    segment = petrosian_segment(image, ellipse, radius)
    segment &= valid
    row["gini"], row["m20"] = gini(image[segment]), m20(image, segment)
    needed = ("concentration", "asymmetry", "smoothness", "gini", "m20")
    row["undefined"] = not all(np.isfinite(row[name]) for name in needed)
    return row


def _petrosian(image, valid, ellipse, guess, *, coarse):
    """Growth curve and Petrosian radius, as far out as needed."""
    largest = np.hypot(*image.shape)
    nearer = min(2.0 * guess + 5.0, largest)
    growth = growth_curve(image, valid, ellipse, nearer, coarse=coarse)
    radius = petrosian_radius(growth)
    if EXTENT * radius < nearer or nearer == largest:
        return growth, radius
    growth = growth_curve(image, valid, ellipse, largest, coarse=coarse)
    return growth, petrosian_radius(growth)


def _leaves(ellipse, radius, shape):
    """Whether an aperture leaves the image."""
    ny, nx = shape
    far = (2 * ny + int(2 * radius), 2 * nx + int(2 * radius))
    moved = ellipse._replace(xc=ellipse.xc + nx, yc=ellipse.yc + ny)
    y0, y1, x0, x1 = bounding_box(moved, radius, (far[0] + ny, far[1] + nx))
    return y0 < ny or y1 > 2 * ny or x0 < nx or x1 > 2 * nx


def _radii(image, ellipse, growth, radius, sigma):
    total = flux_within(growth, EXTENT * radius)
    r20, r50, r80 = (
        fraction_radius(image, ellipse, growth, total, fraction)
        for fraction in (0.2, 0.5, 0.8)
    )
    noise = 1.0 if sigma is None else sigma
    within = flux_within(growth, radius)
    row = {"r20": r20, "r50": r50, "r80": r80, "flux": total}
    row["sn_per_pixel"] = sn_per_pixel(within, ellipse.q, radius, noise)
    row["concentration"] = concentration(r20, r80)
    if sigma is not None and np.isfinite(row["concentration"]):
        errors = (radius_error(growth, value, sigma) for value in (r20, r80))
        row["concentration_err"] = concentration_error(r20, r80, *errors)
    return row


def _asymmetries(source, paired, ellipse, radius, sigma, corners):
    sums = asymmetry_sums(source, paired, ellipse, EXTENT * radius)
    if not sums.light > 0:
        return {"asymmetry": np.nan, "rms_asymmetry": np.nan}
    if sigma is None:
        value = sums.difference / sums.light
        return {"asymmetry": value, "rms_asymmetry": rms_asymmetry(sums, 0.0, 0.0)}
    if not len(corners):
        return {
            "asymmetry": np.nan,
            "rms_asymmetry": rms_asymmetry(sums, 2.0 * sigma**2, sigma**2),
            "no_background_cell": True,
        }
    absolute, squared = cell_differences(source, corners, ellipse.xc, ellipse.yc)
    value = (sums.difference - sums.area * np.median(absolute)) / sums.light
    row = {"asymmetry": value}
    row["rms_asymmetry"] = rms_asymmetry(sums, np.mean(squared), sigma**2)
    if len(corners) > 1:
        # Cells are independent, so the sum's scatter grows with their number.
        cells = sums.area / 100.0
        row["asymmetry_err"] = 100.0 * np.std(absolute) * np.sqrt(cells) / sums.light
    return row


def _smoothness(image, valid, ellipse, radius, width, sigma, corners):
    box = bounding_box(ellipse, EXTENT * radius, image.shape)
    y0, y1, x0, x1 = box
    ring = coverage(ellipse, EXTENT * radius, box)
    ring = ring - coverage(ellipse, INNER * radius, box)
    if not valid.all():
        ring = ring * valid[y0:y1, x0:x1]
    excess = clumps(image, boxcar(image, width))
    total = np.vdot(ring, image[y0:y1, x0:x1])
    if not total > 0:
        return {"smoothness": np.nan}
    small = np.vdot(ring, excess[y0:y1, x0:x1])
    if sigma is not None and len(corners):
        rows = corners[:, :1, None] + np.arange(10)[None, :, None]
        columns = corners[:, 1:, None] + np.arange(10)[None, None, :]
        small -= np.median(excess[rows, columns].mean((1, 2))) * ring.sum()
    return {"smoothness": float(small / total)}
