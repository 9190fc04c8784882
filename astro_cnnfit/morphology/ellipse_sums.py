# Licensed under a 3-clause BSD style license - see LICENSE
"""
Exact sums over ellipses, many radii at once.

Along a column of pixels the light below any height is a line between pixel edges,
so the sum over an ellipse is an integral over columns of the difference between its
upper and its lower edge. That is a quadrature in one dimension, far quicker than
the covered part of every pixel.
"""

from typing import NamedTuple

import numpy as np

from astro_cnnfit.morphology.apertures import axis_form

__all__ = ["Columns", "columns_of", "ellipse_sums"]

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(6)


class Columns(NamedTuple):
    """Sums along the columns of images."""

    below: np.ndarray
    """(layers, ny + 1, nx): sum of the pixels below each edge."""


def columns_of(*images):
    """
    Prepare images for sums over ellipses.

    Parameters
    ----------
    *images : `~numpy.ndarray`
        (ny, nx) each.

    Returns
    -------
    Columns
    """
    ny, nx = images[0].shape
    below = np.zeros((len(images), ny + 1, nx))
    for layer, image in zip(below, images, strict=True):
        np.cumsum(image, axis=0, out=layer[1:])
    return Columns(below)


def ellipse_sums(columns, ellipse, radii):
    """
    Sums of images over concentric ellipses.

    Parameters
    ----------
    columns : Columns
    ellipse : `~astro_cnnfit.morphology.apertures.Ellipse`
    radii : array_like
        (n,) semi-major axes in pixels, positive.

    Returns
    -------
    `~numpy.ndarray`
        (layers, n): pixels count with the part of them inside, to about 1e-4 of a
        pixel; what lies outside the image counts as zero.
    """
    radii = np.asarray(radii, dtype=float)[:, None]
    _, b, c = axis_form(ellipse)
    layers, _, nx = columns.below.shape
    half = radii * (ellipse.q * np.sqrt(c))
    first = max(0, int(np.floor(ellipse.xc - half.max() + 0.5)))
    last = min(nx, int(np.ceil(ellipse.xc + half.max() + 0.5)))
    if last <= first:
        return np.zeros((layers, len(radii)))
    # x = xc + half sin(t): smooth up to the ends of the ellipse.
    edges = np.arange(first, last + 1) - 0.5 - ellipse.xc
    t = np.arcsin(np.clip(edges / half, -1.0, 1.0))
    width = np.diff(t, axis=1)[:, :, None] / 2.0
    t = (t[:, 1:] + t[:, :-1])[:, :, None] / 2.0 + width * _NODES
    cosine = np.cos(t)
    middle = ellipse.yc + 0.5 - (b / c) * half[:, :, None] * np.sin(t)
    reach = radii[:, :, None] / np.sqrt(c) * cosine
    weights = width * _WEIGHTS * half[:, :, None] * cosine
    column = np.arange(first, last)[None, :, None]
    upper = _light_below(columns, column, middle + reach)
    lower = _light_below(columns, column, middle - reach)
    return np.einsum("rck,lrck->lr", weights, upper - lower)


def _light_below(columns, column, height):
    """Sum of each column below a height, which counts from the lowest edge."""
    _, rows, _ = columns.below.shape
    height = np.clip(height, 0.0, rows - 1.0)
    row = np.minimum(height.astype(np.intp), rows - 2)
    low = columns.below[:, row, column]
    return low + (height - row) * (columns.below[:, row + 1, column] - low)
