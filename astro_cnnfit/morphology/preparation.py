# Licensed under a 3-clause BSD style license - see LICENSE
"""
Stamps and selection of Tohill et al. (2021, ApJ 916, 4), Section 3.1.

Their networks see 60 x 60 pixels about the galaxy, divided by the brightest of
them. A stamp of even size has no central pixel: the galaxy's is (30, 30), that
is ``size // 2``, so that of a stamp of 101 pixels, centred on pixel (50, 50),
rows and columns 20 to 79 are taken.
"""

import numpy as np

__all__ = ["MIN_RPETRO", "MIN_SNR", "cut_centre", "selected", "unit_maximum_stamps"]

MIN_SNR = 2.0
"""Smallest mean S/N of a pixel (their Eq. 3) in their sample."""

MIN_RPETRO = 5.0
"""Smallest Petrosian radius in their sample, in pixels."""


def cut_centre(stamps, size=60):
    """
    Cut smaller stamps from the middle of larger ones.

    Parameters
    ----------
    stamps : array_like
        (..., ny, nx), the galaxy's central pixel at (ny // 2, nx // 2).
    size : int
        Pixels on a side of what is cut; its central pixel is ``size // 2``.

    Returns
    -------
    `~numpy.ndarray`
        (..., size, size), a view where that is possible.

    Raises
    ------
    ValueError
        If the stamps are smaller than that.
    """
    stamps = np.asarray(stamps)
    # An even cut from an even stamp and an odd one from an odd stamp have equal
    # margins; an even one from an odd stamp leaves one pixel more at the end.
    starts = [length // 2 - size // 2 for length in stamps.shape[-2:]]
    ends = [start + size for start in starts]
    if stamps.ndim < 2 or min(starts) < 0 or np.any(np.less(stamps.shape[-2:], ends)):
        raise ValueError(
            f"stamps must have at least {size} x {size} pixels, "
            f"got shape {stamps.shape}"
        )
    return stamps[..., starts[0] : ends[0], starts[1] : ends[1]]


def unit_maximum_stamps(stamps, size=60):
    """
    Stamps as the CASNET networks take them.

    Parameters
    ----------
    stamps : array_like
        (..., ny, nx), without sky and neighbours, the galaxy's central pixel at
        (ny // 2, nx // 2).
    size : int
        Pixels on a side of what is cut.

    Returns
    -------
    `~numpy.ndarray`
        (..., size, size) float32, the brightest pixel of each is 1. A stamp
        without a positive pixel, or with one that is not finite, is NaN.

    Raises
    ------
    ValueError
        If the stamps are smaller than that.
    """
    cut = cut_centre(stamps, size).astype(np.float32)
    peak = cut.max(axis=(-2, -1), keepdims=True)  # NaN where any pixel is
    good = np.isfinite(cut).all(axis=(-2, -1), keepdims=True) & (peak > 0)
    return np.where(good, cut / np.where(good, peak, 1), np.float32(np.nan))


def selected(sn_per_pixel, rpetro):
    """
    Whether the paper's sample would hold a galaxy.

    Parameters
    ----------
    sn_per_pixel : array_like
        Mean S/N of a pixel within the Petrosian ellipse.
    rpetro : array_like
        Semi-major axis of that ellipse in pixels.

    Returns
    -------
    `~numpy.ndarray`
        bool; False where either is undefined.
    """
    return (np.asarray(sn_per_pixel) > MIN_SNR) & (np.asarray(rpetro) > MIN_RPETRO)
