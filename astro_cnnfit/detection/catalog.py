# Licensed under a 3-clause BSD style license - see LICENSE
"""A table of the objects of a segmentation image."""

import astropy.units as u
import numpy as np
from astropy.table import QTable

__all__ = ["segment_table"]

# Variance of light that is spread evenly over a pixel.
_PIXEL = 1 / 12


def segment_table(data, snr, segments, unit=None):
    """
    Positions, fluxes and shapes of segments.

    Parameters
    ----------
    data : `~numpy.ndarray`
        (ny, nx) without sky, 0 where a pixel is bad.
    snr : `~numpy.ndarray`
        (ny, nx), the smoothed image in which they were found.
    segments : `~numpy.ndarray`
        (ny, nx) int, 0 where there is no object.
    unit : `~astropy.units.Unit`, optional
        Of the data.

    Returns
    -------
    `~astropy.table.QTable`
        A row a segment, by label: ``id``, ``x_centroid``, ``y_centroid``, ``flux``
        (sum within the segment), ``r_eff_init`` (semi-major axis of the ellipse
        that holds half of it), ``a``, ``b`` (standard deviations along the axes),
        ``theta`` (from +x), ``n_pixels``, ``peak`` (brightest pixel) and ``snr``
        (peak of the smoothed image). All lengths in pixels.

    Notes
    -----
    The centroid is that within a Gaussian window, which neighbours and noise of the
    outskirts hardly move: the peak of the smoothed image.
    """
    rows, columns = np.nonzero(segments)
    label = segments[rows, columns]
    light = data[rows, columns].astype(float)
    ids, group = np.unique(label, return_inverse=True)
    n = len(ids)
    flux = np.bincount(group, light, n)
    peak = np.full(n, -np.inf)
    np.maximum.at(peak, group, light)
    # Noise of either sign would throw moments off.
    weight = np.maximum(light, 0)
    weight = np.where((peak > 0)[group], weight, 1.0)
    total = np.bincount(group, weight, n)

    def mean(values):
        return np.bincount(group, weight * values, n) / total

    x, y = mean(columns), mean(rows)
    dx, dy = columns - x[group], rows - y[group]
    a, b, theta = _axes(mean(dx * dx), mean(dy * dy), mean(dx * dy))
    cosine, sine = np.cos(theta)[group], np.sin(theta)[group]
    major = dx * cosine + dy * sine
    minor = (dy * cosine - dx * sine) * (a / b)[group]
    half = _half_radius(group, np.hypot(major, minor), weight, total)
    top = _first_maximum(group, snr[rows, columns], n)
    x, y = _parabola(snr, columns[top], rows[top])
    table = QTable({"id": ids, "x_centroid": x, "y_centroid": y})
    table["flux"] = flux if unit is None else flux * unit
    table["r_eff_init"], table["a"], table["b"] = half, a, b
    table["theta"] = (theta * u.rad).to(u.deg)
    table["n_pixels"] = np.bincount(group, minlength=n)
    table["peak"] = peak if unit is None else peak * unit
    table["snr"] = snr[rows[top], columns[top]].astype(float)
    return table


def _first_maximum(group, values, n):
    """Place of the largest value of each group, the first of equals."""
    order = np.lexsort((-np.arange(len(group)), values, group))
    return order[np.cumsum(np.bincount(group, minlength=n)) - 1]


def _parabola(image, x, y):
    """Maxima at whole pixels, moved to those of parabolas along the axes."""
    padded = np.pad(image, 1, mode="edge").astype(float)
    centre = padded[y + 1, x + 1]
    places = []
    for place, low, high in (
        (x, padded[y + 1, x], padded[y + 1, x + 2]),
        (y, padded[y, x + 1], padded[y + 2, x + 1]),
    ):
        bend = 2 * centre - low - high
        step = np.where(bend > 0, (high - low) / 2 / np.where(bend > 0, bend, 1), 0)
        # Within the pixel: its far edge is, at the image's end, outside.
        places.append(place + np.clip(step, -0.499, 0.499))
    return places


def _axes(xx, yy, xy):
    """Standard deviations along the axes, and the angle of the major one."""
    middle, difference = (xx + yy) / 2, np.hypot((xx - yy) / 2, xy)
    a = np.sqrt(middle + difference + _PIXEL)
    b = np.sqrt(np.maximum(middle - difference, 0) + _PIXEL)
    return a, b, 0.5 * np.arctan2(2 * xy, xx - yy) % np.pi


def _half_radius(group, radius, weight, total):
    """Radius within which each group has half of its light."""
    order = np.lexsort((radius, group))
    growth = np.cumsum(weight[order])
    before = np.concatenate([[0.0], np.cumsum(total)[:-1]])
    place = np.searchsorted(growth, before + total / 2)
    return np.maximum(radius[order][np.minimum(place, len(growth) - 1)], 0.5)
