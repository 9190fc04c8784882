# Licensed under a 3-clause BSD style license - see LICENSE
"""
Noise out of an image of a galaxy: what is significant at some scale stays.

The undecimated ("a trous") wavelet transform with the B3 spline and the
multiresolution support of Starck, Murtagh and Bijaoui (1995, CVGIP 57, 420).
"""

import numpy as np
from scipy.ndimage import convolve1d, uniform_filter

__all__ = ["DRIZZLED", "WHITE", "denoise", "wavelet_planes"]

_B3 = np.array([1, 4, 6, 4, 1]) / 16

WHITE = (0.8908, 0.2007, 0.0857, 0.0413, 0.0205, 0.0103)
"""Noise of each wavelet plane over that of a pixel where pixels are independent."""

DRIZZLED = (0.68, 0.335, 0.17, 0.089, 0.049, 0.027)
"""The same for ACS images drizzled to 0.03 arcsec, whose pixels are not."""

THRESHOLDS = (5.0, 4.0, 3.5, 3.0, 3.0, 3.0)
"""In noises of a plane: finer planes have more coefficients to be wrong about."""


def wavelet_planes(image, n_planes):
    """
    Wavelet transform without decimation.

    Parameters
    ----------
    image : `~numpy.ndarray`
        (ny, nx).
    n_planes : int
        Number of scales; plane j holds structure of about 2^j pixels.

    Returns
    -------
    planes : `~numpy.ndarray`
        (n_planes, ny, nx).
    smooth : `~numpy.ndarray`
        (ny, nx), what is left; the planes and it add up to the image.
    """
    smooth, planes = np.asarray(image, dtype=float), []
    for scale in range(n_planes):
        kernel = np.zeros(4 * 2**scale + 1)
        kernel[:: 2**scale] = _B3
        rough = smooth
        for axis in (0, 1):
            smooth = convolve1d(smooth, kernel, axis=axis, mode="reflect")
        planes.append(rough - smooth)
    return np.array(planes), smooth


def denoise(image, ratios=WHITE, *, thresholds=THRESHOLDS, n_planes=4, n_iter=3):
    """
    Image without the noise.

    Parameters
    ----------
    image : `~numpy.ndarray`
        (ny, nx) in units of the sky noise, sky subtracted.
    ratios : sequence of float
        Noise of each plane: `WHITE` or `DRIZZLED`.
    thresholds : sequence of float
        A coefficient of a plane below this many of its own noises is taken for
        noise.
    n_planes : int
        Number of scales, at most 6.
    n_iter : int
        Passes; each gives back what the one before took from real structure.

    Returns
    -------
    `~numpy.ndarray`
        (ny, nx), nowhere negative.
    """
    planes, smooth = wavelet_planes(image, n_planes)
    limit = np.multiply(ratios[:n_planes], thresholds[:n_planes])[:, None, None]
    support = np.abs(planes) > limit
    # A neighbour of significant structure is believed at half the threshold:
    # isolated holes in the support would otherwise print a pattern.
    near = np.array([uniform_filter(s.astype(float), 3) > 0.3 for s in support])
    support |= near & (np.abs(planes) > 0.5 * limit)
    found = np.maximum(smooth + (planes * support).sum(axis=0), 0)
    for _ in range(n_iter - 1):
        left, rest = wavelet_planes(image - found, n_planes)
        found = np.maximum(found + rest + (left * support).sum(axis=0), 0)
    return found
