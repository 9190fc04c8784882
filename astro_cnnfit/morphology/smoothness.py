# Licensed under a 3-clause BSD style license - see LICENSE
"""Smoothness: light of structures smaller than a fraction of the galaxy."""

import numpy as np
from scipy import ndimage

__all__ = ["boxcar", "clumps"]


def boxcar(image, width):
    """
    Mean over a square, of any width.

    Parameters
    ----------
    image : `~numpy.ndarray`
        (ny, nx)
    width : float
        In pixels. Pixels at the edge count with the part that is covered, so
        that the result does not jump with the width. Up to 1 changes nothing.

    Returns
    -------
    `~numpy.ndarray`
        (ny, nx)
    """
    if width <= 1.0:
        return image
    half = int(np.ceil((width - 1.0) / 2.0))
    edge = (width - (2 * half - 1)) / 2.0
    # A box with whole pixels within and partly covered ones at both ends.
    inner = 2 * half - 1
    smooth = image
    for axis in (0, 1):
        kernel = np.full(inner + 2, 1.0 / width)
        kernel[[0, -1]] = edge / width
        smooth = ndimage.correlate1d(smooth, kernel, axis, mode="reflect")
    return smooth


def clumps(image, smooth):
    """
    Light above the smoothed image.

    Parameters
    ----------
    image, smooth : `~numpy.ndarray`

    Returns
    -------
    `~numpy.ndarray`
        Their difference where positive, elsewhere 0.
    """
    return np.maximum(image - smooth, 0.0)
