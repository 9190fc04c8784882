# Licensed under a 3-clause BSD style license - see LICENSE
"""
Pixels of a stamp that belong to other objects than the galaxy in its centre.

What is left of the stamp after the galaxy's model has been taken away is
smoothed; what then stands out is a neighbour, down to where it fades into the
noise. The model itself is never perfect: where the galaxy is bright, only what
is bright beside it counts.
"""

from typing import NamedTuple

import numpy as np
from scipy import ndimage

__all__ = ["Neighbours", "find_neighbours"]

# Standard deviation of the smoothing kernel (pixels), about that of a PSF.
_SMOOTHING = 1.5
# Signal-to-noise of smoothed residuals at which a neighbour is found, and down
# to which it is then followed outwards.
_FOUND, _FOLLOWED = 4.0, 1.5
# Error that the model is allowed, relative to its own light.
_MODEL_ERROR = 0.1
# Pixels that are added around a neighbour, unless the galaxy's own smoothed light
# has a signal-to-noise above this: else its core goes when a neighbour is close.
_GROWTH, _OWN = 2, 10.0
_CROSS = ndimage.generate_binary_structure(2, 1)[None]
_SQUARE = np.ones((1, 3, 3), dtype=bool)


class Neighbours(NamedTuple):
    """What `find_neighbours` found, a row a stamp."""

    mask: np.ndarray
    """(N, ny, nx) bool, True for pixels that belong to other objects."""
    flux: np.ndarray
    """(N,) light of these objects on the stamp, relative to the galaxy's."""


def find_neighbours(pixels, model, error, mask=None):
    """
    Find the pixels that belong to other objects than the central galaxy.

    Parameters
    ----------
    pixels : `~numpy.ndarray`, shape (N, ny, nx)
        Stamps without sky pedestal, in one unit each.
    model : `~numpy.ndarray`, shape (N, ny, nx)
        The galaxies' models, convolved with the PSF.
    error : `~numpy.ndarray`, shape (N, ny, nx), or float
        Standard deviation of the pixels.
    mask : `~numpy.ndarray` of bool, shape (N, ny, nx), optional
        True for pixels that are not used; the result leaves them out.

    Returns
    -------
    `Neighbours`

    Notes
    -----
    A neighbour is found where the residuals, smoothed by a Gaussian with a
    standard deviation of 1.5 pixels, exceed 4 times their noise and a tenth of
    the model's light. It is followed to where they fall below 1.5 times their
    noise (or a tenth of the model), and grown by two pixels, but not into what is
    clearly the galaxy. Negative residuals are no neighbours.
    """
    weight = 1 / np.broadcast_to(np.asarray(error, np.float32), pixels.shape)
    used = np.isfinite(pixels) & np.isfinite(weight)
    if mask is not None:
        used &= ~mask
    weight = np.where(used, weight, np.float32(0))
    residual = np.where(used, (pixels - model) * weight, np.float32(0))
    light = _smooth(np.maximum(model, 0) * weight) / _noise(np.ones_like(used[:1]))
    significance = _smooth(residual) / _noise(used)
    found = significance > _FOUND + _MODEL_ERROR * light
    near = significance > _FOLLOWED + _MODEL_ERROR * light
    rows = np.flatnonzero(found.any(axis=(1, 2)))
    others = np.zeros(pixels.shape, dtype=bool)
    if rows.size:
        whole = ndimage.binary_propagation(found[rows], _CROSS, mask=near[rows])
        grown = ndimage.binary_dilation(whole, _SQUARE, iterations=_GROWTH)
        others[rows] = whole | (grown & (light[rows] < _OWN))
    others &= used
    excess = np.where(others, pixels - model, 0).sum(axis=(1, 2), dtype=float)
    galaxy = np.maximum(model.sum(axis=(1, 2), dtype=float), 1e-30)
    return Neighbours(others, np.maximum(excess, 0) / galaxy)


def _smooth(images):
    return ndimage.gaussian_filter(
        images, (0, _SMOOTHING, _SMOOTHING), mode="constant", truncate=3
    )


def _noise(used):
    """Standard deviation of smoothed white noise of unit variance."""
    # The square of a Gaussian is one of 1 / sqrt(2) its width.
    width = _SMOOTHING / np.sqrt(2)
    variance = ndimage.gaussian_filter(
        used.astype(np.float32), (0, width, width), mode="constant", truncate=4
    )
    norm = 1 / (4 * np.pi * _SMOOTHING**2)
    return np.sqrt(np.maximum(variance * norm, 0.05 * norm))
