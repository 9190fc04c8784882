# Licensed under a 3-clause BSD style license - see LICENSE
"""What is bright in an image, measured: among it are the stars that show its PSF."""

import warnings
from typing import NamedTuple

import numpy as np
from astropy.stats import mad_std
from astropy.table import QTable
from astropy.utils.exceptions import AstropyUserWarning
from scipy.ndimage import gaussian_filter

from astro_cnnfit.inputs import parse_positions
from astro_cnnfit.psf.moments import adaptive_moments, cut_out

__all__ = ["Field", "measure_candidates", "prepare_field", "reject"]

# Background boxes, in widths of a stamp; smaller in small images.
_BOX = 4
# Candidates are the brightest of the peaks.
_MOST_CANDIDATES = 3000
_PEAK_SIGMAS = 5
# Light of neighbours at the star, relative to its own, for a profile that falls as
# the third power of distance (steeper than a galaxy, shallower than a star).
_NEIGHBOURS = 0.02
# Width of the frame of a stamp that tells the light around.
_FRAME = 2
_FLAT_PIXELS = 6


class Field(NamedTuple):
    """An image without its background."""

    data: np.ndarray
    """(ny, nx), zero where masked."""
    mask: np.ndarray
    """(ny, nx) bool."""
    sigma: float
    """Noise of the sky in a pixel."""


def prepare_field(image, size):
    """
    Subtract the background and measure the noise.

    Parameters
    ----------
    image : `~astro_cnnfit.inputs.Image`
        One image.
    size : int
        Width of the stamps that are to be cut.

    Returns
    -------
    `Field`

    Raises
    ------
    ValueError
        If no pixel is good, or the image has no noise.
    """
    from photutils.background import Background2D, MedianBackground

    mask = np.zeros(image.data.shape, bool) if image.mask is None else image.mask
    if mask.all():
        raise ValueError("data must have pixels that are not masked")
    data = np.where(mask, 0.0, image.data)
    box = int(np.clip(min(data.shape) // 4, 1, _BOX * size))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", AstropyUserWarning)
            background = Background2D(
                data, box, coverage_mask=mask, exclude_percentile=80,
                bkg_estimator=MedianBackground(),
            )  # fmt: skip
        data = data - background.background
        sigma = float(background.background_rms_median)
    except ValueError:  # sources or masks nearly everywhere
        data = data - np.median(data[~mask])
        sigma = float(mad_std(data[~mask]))
    if image.error is not None:
        sigma = float(np.median(image.error[~mask]))
    if not (np.isfinite(sigma) and sigma > 0):
        raise ValueError(
            "data must have noise in its background, which has the same value nearly "
            "everywhere: mask pixels that hold no data"
        )
    return Field(np.where(mask, 0.0, data), mask, sigma)


def measure_candidates(field, size, positions=None):
    """
    Measure what is bright in an image.

    Parameters
    ----------
    field : `Field`
    size : int
        Width of the stamps, odd.
    positions : optional
        Positions that are known to be stars, in any form that
        `~astro_cnnfit.inputs.parse_positions` takes. By default peaks are found.

    Returns
    -------
    table : `~astropy.table.QTable`
        ``id, x, y, flux, snr, fwhm, e1, e2, peak, local_bkg, used, reason``, the
        brightest first; ``reason`` is empty for what may be a star.
    """
    smooth = gaussian_filter(field.data, 1.0)
    x_peaks, y_peaks, heights = _peaks(field, smooth)
    if positions is None:
        x, y = x_peaks[:_MOST_CANDIDATES], y_peaks[:_MOST_CANDIDATES]
        ids = np.arange(1, len(x) + 1)
    else:
        x, y, ids = _given(positions)
    half = size // 2
    inside = (x >= half) & (y >= half)
    inside &= (x < field.data.shape[1] - half) & (y < field.data.shape[0] - half)
    table = QTable({"id": ids, "x": x.astype(float), "y": y.astype(float)})
    for name in ("flux", "snr", "fwhm", "e1", "e2", "peak", "local_bkg"):
        table[name] = np.nan
    table["used"] = False
    table["reason"] = np.where(inside, "", "edge").astype("U12")
    stamps = cut_out(field.data, x[inside], y[inside], size)
    masks = cut_out(field.mask, x[inside], y[inside], size)
    found = adaptive_moments(stamps)
    table["x"][inside] += found.x
    table["y"][inside] += found.y
    for name in ("flux", "fwhm", "e1", "e2"):
        table[name][inside] = getattr(found, name)
    table["snr"][inside] = found.snr / field.sigma
    middle = stamps[:, half - 3 : half + 4, half - 3 : half + 4]
    table["peak"][inside] = middle.max(axis=(1, 2))
    lost = np.zeros(len(table), bool)
    lost[inside] = ~np.isfinite(found.flux)
    reject(table, lost, "no source")
    flat = np.zeros(len(table), bool)
    flat[inside] = _is_flat(middle, field.sigma)
    reject(table, flat, "saturated")
    masked = np.zeros(len(table), bool)
    masked[inside] = _is_masked(masks, found.fwhm)
    reject(table, masked, "masked")
    table["local_bkg"][inside] = _light_around(stamps, masks)
    if positions is None:
        # Where stars are given, what lies next to them is left to the clipping.
        light = _light_of_neighbours(table, (x_peaks, y_peaks, heights), smooth)
        reject(table, light > _NEIGHBOURS, "neighbour")
    return table


def reject(table, bad, reason):
    """
    Give a reason to rows that have none yet.

    Parameters
    ----------
    table : `~astropy.table.QTable`
        Of `measure_candidates`.
    bad : array_like of bool
        (N,) which rows.
    reason : str
        Why they are no stars that show the PSF.
    """
    table["reason"][np.asarray(bad) & (table["reason"] == "")] = reason


def _peaks(field, smooth):
    from photutils.detection import find_peaks
    from photutils.utils.exceptions import NoDetectionsWarning

    # Smoothing by a Gaussian of 1 pixel leaves this much of uncorrelated noise.
    threshold = _PEAK_SIGMAS * field.sigma / np.sqrt(4 * np.pi)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NoDetectionsWarning)
        found = find_peaks(smooth, threshold, box_size=5, mask=field.mask)
    if found is None:
        return np.zeros(0, int), np.zeros(0, int), np.zeros(0)
    order = np.argsort(-np.asarray(found["peak_value"]), kind="stable")
    x, y, height = (
        np.asarray(found[name])[order] for name in ("x_peak", "y_peak", "peak_value")
    )
    return x.astype(int), y.astype(int), height


def _given(positions):
    try:
        found = parse_positions(positions)
    except (TypeError, ValueError) as error:
        raise type(error)(str(error).replace("init_params", "stars")) from error
    known = np.isfinite(found.x) & np.isfinite(found.y)
    # An unknown position is outside of any image.
    x, y = (
        np.rint(np.clip(np.where(known, values, -1), -1, 1e9)).astype(int)
        for values in (found.x, found.y)
    )
    return x, y, found.ids


def _is_flat(middle, sigma):
    """Whether many pixels share the highest value: no unsaturated ones do."""
    peak = middle.max(axis=(1, 2), keepdims=True)
    near = middle >= peak - np.maximum(0.02 * sigma, 1e-6 * np.abs(peak))
    return (near.sum(axis=(1, 2)) >= _FLAT_PIXELS) & (peak[:, 0, 0] > 20 * sigma)


def _light_around(stamps, masks):
    """Median of the outermost pixels: the star has little light there."""
    frame = np.ones(stamps.shape[1:], bool)
    frame[_FRAME:-_FRAME, _FRAME:-_FRAME] = False
    border = np.where(masks, np.nan, stamps)[:, frame]
    known = np.isfinite(border).any(axis=1)
    level = np.zeros(len(stamps))
    level[known] = np.nanmedian(border[known], axis=1)
    return level


def _is_masked(masks, fwhm):
    size = masks.shape[-1]
    steps = np.arange(size) - size // 2
    radius = np.hypot(steps, steps[:, np.newaxis])
    core = radius < np.nan_to_num(1.5 * fwhm, nan=2.0)[:, np.newaxis, np.newaxis]
    in_core = (masks & core).any(axis=(1, 2))
    return in_core | (masks.mean(axis=(1, 2)) > 0.2)


def _light_of_neighbours(table, peaks, smooth):
    x_peaks, y_peaks, heights = peaks
    light = np.zeros(len(table))
    for number in np.flatnonzero(table["reason"] == ""):
        x, y, fwhm = (table[name][number] for name in ("x", "y", "fwhm"))
        distance = np.hypot(x_peaks - x, y_peaks - y)
        own = distance < 1.5
        height = heights[own].max() if own.any() else smooth[round(y), round(x)]
        others = heights[~own] * (distance[~own] / fwhm) ** -3
        light[number] = np.sum(others) / height
    return light
