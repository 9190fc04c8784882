# Licensed under a 3-clause BSD style license - see LICENSE
"""
An image turned by 180 degrees about any point, and sky turned the same way.

A turn by 180 degrees is a flip and a shift by part of a pixel, so interpolation
is a weighted sum of few slices. Interpolation smooths the noise of the turned
image; sky cells are shifted by the same part of a pixel, or else the background
of the asymmetry would be too large.
"""

import math
from typing import NamedTuple

import numpy as np
from scipy import ndimage

__all__ = ["Rotatable", "clipped_box", "partner_valid", "rotatable", "rotated"]

_PAD = 2


class Rotatable(NamedTuple):
    """An image, ready to be interpolated."""

    image: np.ndarray
    coefficients: np.ndarray
    """Of the interpolation, padded."""
    pad: int
    order: int


def rotatable(image, order, *, zeros_outside=False):
    """
    Prepare an image for rotation.

    Parameters
    ----------
    image : `~numpy.ndarray`
        (ny, nx)
    order : {1, 3}
        Linear or cubic spline interpolation.
    zeros_outside : bool, optional
        Pixels outside the image are zero and take part, as in statmorph.

    Returns
    -------
    Rotatable
    """
    coefficients = image
    if order == 3:
        coefficients = ndimage.spline_filter(image, 3, mode="mirror")
    if zeros_outside:
        pad = max(image.shape)
        return Rotatable(image, np.pad(coefficients, pad), pad, order)
    padded = np.pad(coefficients, _PAD, mode="reflect")
    return Rotatable(image, padded, _PAD, order)


def _taps(fraction, order):
    """Weights of neighbouring pixels at a shift of part of a pixel, and the first."""
    f, g = fraction, 1.0 - fraction
    if order == 1:
        return (g, f), 0
    weights = (g**3, 4 - 6 * f**2 + 3 * f**3, 4 - 6 * g**2 + 3 * g**3, f**3)
    return [weight / 6.0 for weight in weights], -1


def shifted(source, y, x, fy, fx):
    """
    Values of the image at whole pixels plus part of a pixel.

    Parameters
    ----------
    source : Rotatable
    y, x : tuple of int
        First and last whole pixel (exclusive) along each axis.
    fy, fx : float
        Parts of a pixel in [0, 1).

    Returns
    -------
    `~numpy.ndarray`
        (y[1] - y[0], x[1] - x[0])
    """
    weights, first = _taps(fy, source.order)
    y0, y1 = y[0] + source.pad + first, y[1] + source.pad + first
    weights_x, first = _taps(fx, source.order)
    x0, x1 = x[0] + source.pad + first, x[1] + source.pad + first
    columns = slice(x0, x1 + len(weights_x) - 1)
    rows = weights[0] * source.coefficients[y0:y1, columns]
    for k in range(1, len(weights)):
        rows += weights[k] * source.coefficients[y0 + k : y1 + k, columns]
    width = x1 - x0
    values = weights_x[0] * rows[:, :width]
    for k in range(1, len(weights_x)):
        values += weights_x[k] * rows[:, k : k + width]
    return values


def _whole(centre):
    """Whole part and rest of twice a coordinate, the sum of a pixel and its partner."""
    # Rounding keeps a centre on a half pixel from falling to either side.
    double = round(2.0 * centre, 9)
    whole = math.floor(double)
    return whole, double - whole


def clipped_box(box, xc, yc, shape):
    """
    The part of a box whose partners under rotation lie within the image.

    Parameters
    ----------
    box : tuple of int
        (y0, y1, x0, x1) as slices take them.
    xc, yc : float
        Centre of rotation.
    shape : tuple of int
        (ny, nx)

    Returns
    -------
    tuple of int
        (y0, y1, x0, x1)
    """
    y0, y1, x0, x1 = box
    (ky, fy), (kx, fx) = _whole(yc), _whole(xc)
    ny, nx = shape
    return (
        max(y0, ky + (fy > 0) - ny + 1),
        min(y1, ky + 1),
        max(x0, kx + (fx > 0) - nx + 1),
        min(x1, kx + 1),
    )


def rotated(source, xc, yc, box):
    """
    The image turned by 180 degrees, within a box.

    Parameters
    ----------
    source : Rotatable
    xc, yc : float
        Centre of rotation.
    box : tuple of int
        (y0, y1, x0, x1) as slices take them.

    Returns
    -------
    `~numpy.ndarray`
        (y1 - y0, x1 - x0)
    """
    y0, y1, x0, x1 = box
    (ky, fy), (kx, fx) = _whole(yc), _whole(xc)
    rows, columns = (ky - y1 + 1, ky - y0 + 1), (kx - x1 + 1, kx - x0 + 1)
    return shifted(source, rows, columns, fy, fx)[::-1, ::-1]


def partner_valid(valid, xc, yc, box, *, outside=False):
    """
    Pixels of a box that are valid and whose partner under rotation is.

    Parameters
    ----------
    valid : `~numpy.ndarray`
        (ny, nx) of bool.
    xc, yc : float
        Centre of rotation.
    box : tuple of int
        (y0, y1, x0, x1) as slices take them.
    outside : bool, optional
        Whether partners outside the image are valid.

    Returns
    -------
    `~numpy.ndarray`
        (y1 - y0, x1 - x0) of bool.
    """
    y0, y1, x0, x1 = box
    ny, nx = valid.shape
    rows = np.round(2.0 * yc - np.arange(y0, y1)).astype(int)
    columns = np.round(2.0 * xc - np.arange(x0, x1)).astype(int)
    inside = ((rows >= 0) & (rows < ny))[:, None] & ((columns >= 0) & (columns < nx))
    partner = valid[np.ix_(np.clip(rows, 0, ny - 1), np.clip(columns, 0, nx - 1))]
    partner = partner | ~inside if outside else partner & inside
    return valid[y0:y1, x0:x1] & partner
