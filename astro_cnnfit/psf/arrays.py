# Licensed under a 3-clause BSD style license - see LICENSE
"""PSFs that are arrays, sampled once a pixel on stamps of one size."""

import numpy as np

from astro_cnnfit.inputs import parse_image
from astro_cnnfit.psf.sampling import centroid, interpolation_matrix, resample

__all__ = ["pixel_nodes", "sample_array"]

# Enough for a model of astropy; a sampled PSF may vary faster within a pixel.
_N_NODES = 5


def pixel_nodes(oversampling=1, *, n=_N_NODES):
    """
    Points within a pixel, and their weights, that integrate a PSF over it.

    Parameters
    ----------
    oversampling : float
        Samples per pixel, each of which may bring half a period.
    n : int
        Fewest points.

    Returns
    -------
    nodes, weights : `~numpy.ndarray`, shape (M,)
        In pixels from its centre; of unit sum.
    """
    n = max(n, int(np.ceil(oversampling)) + 4)
    nodes, weights = np.polynomial.legendre.leggauss(n)
    return nodes / 2, weights / 2


def sample_array(psf, size, *, oversampling=1, includes_pixel=True):
    """
    Sample a PSF that is an array, or a stack of them, at the pixels of a stamp.

    Parameters
    ----------
    psf
        Whatever `~astro_cnnfit.inputs.parse_image` takes.
    size : int
        Width of the stamps, odd.
    oversampling : float
        Samples per pixel of the image.
    includes_pixel : bool
        Whether the PSF is the effective one already. Otherwise the band-limited
        interpolation of its samples is integrated over each pixel.

    Returns
    -------
    stamps : `~numpy.ndarray`, shape (N, size, size), float64
        NaN all over where a pixel of the array is masked or not finite, and 0 where
        the array has no positive sum: what is cut off it can look right by accident.
    """
    image = parse_image(psf, argument="psf")
    stamps = image.data if image.data.ndim == 3 else image.data[np.newaxis]
    lost = np.zeros(len(stamps), bool)
    if image.mask is not None:
        lost = image.mask.reshape(stamps.shape).any(axis=(1, 2))
        stamps = np.where(lost[:, np.newaxis, np.newaxis], 0.0, stamps)
    empty = stamps.sum(axis=(1, 2)) <= 0
    if not includes_pixel:
        stamps = _integrated(stamps, size, oversampling)
    elif stamps.shape[1:] != (size, size) or oversampling != 1:
        steps = oversampling * (np.arange(size) - (size - 1) / 2)
        x_centre, y_centre = array_centre(stamps)
        stamps = resample(stamps, y_centre + steps, x_centre + steps)
    if lost.any() or empty.any():
        fill = np.where(lost, np.nan, 0.0)[:, np.newaxis, np.newaxis]
        stamps = np.where((lost | empty)[:, np.newaxis, np.newaxis], fill, stamps)
    return stamps


def array_centre(stamps):
    """
    Return the position that is meant as centre, one for all stamps.

    Parameters
    ----------
    stamps : `~numpy.ndarray`, shape (N, ny, nx)

    Returns
    -------
    x, y : float
        In pixels of the array.
    """
    centre = []
    for mean, length in zip(centroid(stamps), stamps.shape[:0:-1], strict=True):
        middle = (length - 1) / 2
        mean = mean[np.isfinite(mean)]
        offset = np.median(mean) - middle if len(mean) else 0.0
        # Some writers centre an array of even size on its middle, others on the
        # pixel after it (FFT, GALFIT) or before it; the PSF itself tells.
        if length % 2 == 0 and abs(offset) > 0.25:
            middle += 0.5 * np.sign(offset)
        centre.append(middle)
    return centre


def _integrated(stamps, size, oversampling):
    nodes, weights = pixel_nodes(oversampling)
    pixels = np.arange(size) - (size - 1) / 2
    x_centre, y_centre = array_centre(stamps)
    columns, rows = (
        sum(
            weight * interpolation_matrix(centre + oversampling * (pixels + node), n)
            for node, weight in zip(nodes, weights, strict=True)
        )
        for centre, n in ((x_centre, stamps.shape[2]), (y_centre, stamps.shape[1]))
    )
    return rows @ stamps @ columns.T
