# Licensed under a 3-clause BSD style license - see LICENSE
"""The part of an image that statmorph looks at, and pixels that it leaves out."""

import numpy as np
from scipy import ndimage

__all__ = ["cutout_slices", "outliers"]

EXTENT = 2.5
"""Side of the cutout relative to that of the segment's bounding box."""
SMALLEST = 48
"""Least side of the cutout in pixels."""

_SIGMAS = 10.0
_NEIGHBOURS = np.array([[1.0, 1.0, 1.0], [1.0, 0.0, 1.0], [1.0, 1.0, 1.0]]) / 8.0


def cutout_slices(segment):
    """
    Square about the segment's bounding box, as far as it lies on the image.

    Parameters
    ----------
    segment : `~numpy.ndarray`
        (ny, nx) of bool, not empty.

    Returns
    -------
    tuple of slice
        Rows and columns.
    """
    slices, longest = [], 0
    for axis in (1, 0):
        used = np.flatnonzero(segment.any(axis=axis))
        first, length = used[0], used[-1] + 1 - used[0]
        longest = max(longest, length)
        slices.append(first + length // 2)
    reach = max(int(longest * EXTENT / 2.0), SMALLEST // 2)
    return tuple(
        slice(max(0, middle - reach), min(size, middle + reach))
        for middle, size in zip(slices, segment.shape, strict=True)
    )


def outliers(image):
    """
    Pixels further from the mean of their neighbours than 10 of their scatters.

    Parameters
    ----------
    image : `~numpy.ndarray`
        (ny, nx), finite.

    Returns
    -------
    `~numpy.ndarray`
        (ny, nx) of bool. Lotz et al. (2004) look for cosmic rays so; in an image
        without noise the peak of a symmetric galaxy can be one.
    """
    mean = ndimage.correlate(image, _NEIGHBOURS, mode="nearest")
    square = ndimage.correlate(image**2, _NEIGHBOURS, mode="nearest")
    variance = np.maximum(square - mean**2, 0.0)
    return np.abs(image - mean) > _SIGMAS * np.sqrt(variance)
