# Licensed under a 3-clause BSD style license - see LICENSE
"""
Measures in elliptical apertures, as Tohill et al. (2021) define C and A.

The order of things: moments of the galaxy's pixels give centre of light, axis
ratio and angle; the Petrosian radius about that centre gives the aperture in
which the centre of least asymmetry is searched, from the centre of light and once
more where another minimum may be lower; everything is then measured about that
centre, with the Petrosian radius taken anew. The paper leaves out S,
Gini and M20: they follow Lotz et al. (2004) on the same ellipses. S is smoothed
with a quarter of the circular Petrosian radius, as statmorph does, lest edge-on
discs count as clumps; the boxcar's width need not be a whole number.
"""

import numpy as np

from astro_cnnfit.morphology.apertures import (
    bounding_box,
    coverage,
    soft_edge,
    weighted_sum,
)
from astro_cnnfit.morphology.asymmetry import (
    asymmetry_centre,
    asymmetry_error,
    asymmetry_function,
    asymmetry_sums,
    rms_asymmetry,
)
from astro_cnnfit.morphology.ellipse_sums import columns_of
from astro_cnnfit.morphology.growth import flux_within, growth_curve
from astro_cnnfit.morphology.petrosian import petrosian_radius
from astro_cnnfit.morphology.record import (
    EXTENT,
    gini_and_m20,
    leaves_image,
    radii,
    undefined,
)
from astro_cnnfit.morphology.rotation import rotatable
from astro_cnnfit.morphology.signal import sn_per_pixel
from astro_cnnfit.morphology.sky_cells import (
    cell_differences,
    cell_values,
    empty_cells,
    interpolated_background,
)
from astro_cnnfit.morphology.smoothness import boxcar, clumps
from astro_cnnfit.morphology.symmetry_peak import symmetry_peak

__all__ = ["measure_ellipse"]

# Step of the first simplex in Petrosian radii, at least half a pixel.
_SIMPLEX = 0.05
# A second search starts where the squared asymmetry is least, if that is so many
# such steps from where the first one ended.
_ELSEWHERE = 3.0


def measure_ellipse(galaxy, definition):
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
    image, valid, light = galaxy.image, galaxy.valid, galaxy.light
    _, first = _petrosian(image, valid, light, np.inf, coarse=True)
    if not np.isfinite(first):
        return {"no_petrosian": True, "undefined": True}
    source = rotatable(image, definition.order)
    corners = None
    if galaxy.sigma is not None:
        corners = empty_cells(valid & ~galaxy.segment, galaxy.cell)
    ellipse = _centred(source, galaxy, first, corners)
    row = {"xc_asymmetry": ellipse.xc, "yc_asymmetry": ellipse.yc}
    growth, radius = _petrosian(image, valid, ellipse, first, coarse=False)
    if not np.isfinite(radius):
        return {**row, "no_petrosian": True, "undefined": True}
    circle = ellipse._replace(q=1.0, theta=0.0)
    _, circular = _petrosian(image, valid, circle, radius, coarse=True)
    row |= {"rpetro_ellip": radius, "rpetro_circ": circular}
    row["aperture_outside"] = leaves_image(ellipse, EXTENT * radius, image.shape)
    row |= radii(galaxy, columns_of(image), ellipse, growth, radius)
    noise = 1.0 if galaxy.sigma is None else galaxy.sigma
    within = flux_within(growth, radius)
    row["sn_per_pixel"] = sn_per_pixel(within, ellipse.q, radius, noise)
    row |= _asymmetries(source, galaxy, ellipse, radius, corners)
    width = definition.boxcar * (circular if np.isfinite(circular) else radius)
    row |= _smoothness(galaxy, ellipse, radius, width, definition.inner, corners)
    row |= gini_and_m20(galaxy, ellipse, radius)
    return {**row, "undefined": undefined(row)}


def _paired(galaxy):
    return None if galaxy.valid.all() else galaxy.valid


def _centred(source, galaxy, radius, corners):
    sky = None
    if corners is not None and len(corners):
        sky = interpolated_background(source, corners, galaxy.cell)
    light = galaxy.light
    cover = soft_edge(light, EXTENT * radius, galaxy.image.shape)
    function = asymmetry_function(source, _paired(galaxy), cover, sky)
    step = max(0.5, _SIMPLEX * radius)
    found = _searched(function, (light.xc, light.yc), step)
    box, weights = cover(light.xc, light.yc)
    if weights is not None:
        y0, y1, x0, x1 = box
        inside = weights * galaxy.image[y0:y1, x0:x1]
        x, y = symmetry_peak(inside)
        start = x + x0, y + y0
        if np.hypot(start[0] - found[0], start[1] - found[1]) > _ELSEWHERE * step:
            other = _searched(function, start, step)
            gain = function(np.array(found)) - function(np.array(other))
            if gain > _least_gain(weights, inside, galaxy.sigma):
                found = other
    return light._replace(xc=found[0], yc=found[1])


def _least_gain(weights, light, sigma):
    """By how much an asymmetry must be lower to be so for more than the noise."""
    if sigma is None:
        return 0.0
    return 2.0 * sigma * np.sqrt(weights.sum()) / max(abs(light.sum()), 1e-30)


def _searched(function, start, step):
    x, y = start
    return asymmetry_centre(function, [(x, y), (x + step, y), (x, y + step)])


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


def _asymmetries(source, galaxy, ellipse, radius, corners):
    sums = asymmetry_sums(source, _paired(galaxy), ellipse, EXTENT * radius)
    if not sums.light > 0:
        return {}
    if corners is None:
        value = sums.difference / sums.light
        return {"asymmetry": value, "rms_asymmetry": rms_asymmetry(sums, 0.0, 0.0)}
    variance = galaxy.sigma**2
    if not len(corners):
        rms = rms_asymmetry(sums, 2.0 * variance, variance)
        return {"rms_asymmetry": rms, "no_background_cell": True}
    absolute, squared = cell_differences(
        source, corners, ellipse.xc, ellipse.yc, galaxy.cell
    )
    value = (sums.difference - sums.area * np.median(absolute)) / sums.light
    row = {"asymmetry": value}
    row["rms_asymmetry"] = rms_asymmetry(sums, np.median(squared), variance)
    if len(corners) > 1:
        pixels = np.prod(np.broadcast_to(galaxy.cell, 2))
        row["asymmetry_err"] = asymmetry_error(
            sums, value, pixels * np.var(absolute), np.median(squared), variance,
            pixels * len(corners),
        )  # fmt: skip
    return row


def _smoothness(galaxy, ellipse, radius, width, inner, corners):
    image = galaxy.image
    box = bounding_box(ellipse, EXTENT * radius, image.shape)
    y0, y1, x0, x1 = box
    ring = coverage(ellipse, EXTENT * radius, box)
    ring = ring - coverage(ellipse, inner * radius, box)
    if not galaxy.valid.all():
        ring = ring * galaxy.valid[y0:y1, x0:x1]
    excess = clumps(image, boxcar(image, width))
    total = weighted_sum(ring, image[y0:y1, x0:x1])
    if not total > 0:
        return {}
    small = weighted_sum(ring, excess[y0:y1, x0:x1])
    if corners is not None:
        if not len(corners):
            return {"no_background_cell": True}
        sky = cell_values(excess, corners, galaxy.cell).mean((1, 2))
        small -= np.median(sky) * ring.sum()
    return {"smoothness": float(small / total)}
