# Licensed under a 3-clause BSD style license - see LICENSE
"""Growth curve: light within growing ellipses, and radii that hold parts of it."""

import math
from typing import NamedTuple

import numpy as np

from astro_cnnfit.morphology.apertures import bounding_box, squared_radius
from astro_cnnfit.morphology.ellipse_sums import ellipse_sums

__all__ = [
    "PER_PIXEL",
    "Growth",
    "flux_within",
    "fraction_radii",
    "growth_curve",
]

STEP = 0.1
"""Spacing of growth curves in pixels."""
PER_PIXEL = round(1 / STEP)
"""Steps of growth curves per pixel."""

# Pixels within this distance of the centre are sampled finely, others coarsely.
_INNER, _FINE, _COARSE = 6, 9, 2
_QUICK_FINE, _QUICK_COARSE = 5, 1

# A step of the refinement is at most this part of the radius.
_LONGEST_STEP = 0.2


class Growth(NamedTuple):
    """Light and area within radii of 0, 0.1, 0.2, ... pixels."""

    radii: np.ndarray
    flux: np.ndarray
    area: np.ndarray
    """Of valid pixels, in pixels."""
    full_area: np.ndarray
    """Of the aperture, also where there are no pixels."""


def _histogram(image, valid, ellipse, origin, samples, n_bins):
    """Light and area of subpixels per bin of radius."""
    ny, nx = image.shape
    x = origin[1] - 0.5 + (np.arange(nx * samples) + 0.5) / samples
    y = origin[0] - 0.5 + (np.arange(ny * samples) + 0.5) / samples
    radius = np.sqrt(squared_radius(x, y, ellipse))
    radius *= 1.0 / STEP
    bins = np.minimum(radius.astype(np.intp), n_bins).ravel()
    share = 1.0 / samples**2
    sums = []
    for values in (image, valid):
        fine = np.repeat(np.repeat(values * share, samples, 0), samples, 1)
        sums.append(np.bincount(bins, fine.ravel(), n_bins + 1)[:n_bins])
    return sums


def growth_curve(image, valid, ellipse, largest, *, coarse=False):
    """
    Light and area within growing ellipses.

    Parameters
    ----------
    image : `~numpy.ndarray`
        (ny, nx), zero where not valid.
    valid : `~numpy.ndarray`
        (ny, nx) of bool or float.
    ellipse : Ellipse
    largest : float
        Largest semi-major axis in pixels.
    coarse : bool, optional
        Fewer subpixels: enough to place an aperture, not to measure.

    Returns
    -------
    Growth
    """
    fine, rough = (_QUICK_FINE, _QUICK_COARSE) if coarse else (_FINE, _COARSE)
    n_bins = math.ceil(largest / STEP)
    b0, b1, c0, c1 = bounding_box(ellipse, largest, image.shape)
    image, valid = image[b0:b1, c0:c1], valid[b0:b1, c0:c1]
    ellipse = ellipse._replace(xc=ellipse.xc - c0, yc=ellipse.yc - b0)
    ny, nx = image.shape
    xc, yc = round(ellipse.xc), round(ellipse.yc)
    y0, y1 = max(yc - _INNER, 0), min(yc + _INNER + 1, ny)
    x0, x1 = max(xc - _INNER, 0), min(xc + _INNER + 1, nx)
    outer, outside = image.copy(), valid.astype(float)
    outer[y0:y1, x0:x1] = 0.0
    outside[y0:y1, x0:x1] = 0.0
    flux, area = _histogram(outer, outside, ellipse, (0, 0), rough, n_bins)
    if y1 > y0 and x1 > x0:
        inner = np.s_[y0:y1, x0:x1]
        more = _histogram(image[inner], valid[inner], ellipse, (y0, x0), fine, n_bins)
        flux, area = flux + more[0], area + more[1]
    radii = np.arange(n_bins + 1) * STEP
    return Growth(
        radii,
        np.concatenate(([0.0], np.cumsum(flux))),
        np.concatenate(([0.0], np.cumsum(area))),
        np.pi * ellipse.q * radii**2,
    )


def flux_within(growth, radius):
    """
    Light within a radius.

    Parameters
    ----------
    growth : Growth
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
    growth : Growth
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
