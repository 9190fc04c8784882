# Licensed under a 3-clause BSD style license - see LICENSE
"""
PSFs of block averages, and of the finer pixels that these are modelled on.

The PSF of a block is about as sharp as the block: sampled once a block, images
are aliased, and a model that takes them as band-limited finds cuspy galaxies too
small by several per cent. Means over finer pixels have the same aliases.
"""

from functools import cache

import numpy as np

from astro_cnnfit.psf import block_average

__all__ = ["averaged_psfs", "finer_psfs"]

# Most of the finer pixels along the side of an averaged one: a model takes a time
# that grows with their square. Three of them leave errors of 2 per cent in the
# sizes of galaxies with an index of 4, four of 1 per cent, unless they are those
# of the image itself.
_FINEST = 6


def averaged_psfs(psfs, factor):
    """
    PSFs of images whose pixels were averaged in blocks.

    Parameters
    ----------
    psfs : `~numpy.ndarray` or None
        (N or 1, k, k) at the sampling of the image.
    factor : int
        Side of the blocks.

    Returns
    -------
    `~numpy.ndarray` or None
        (N or 1, k, k) at that of the averages.
    """
    if psfs is None or factor == 1:
        return psfs
    return block_average(psfs, factor, size=psfs.shape[-1])


def finer_psfs(psfs, factor):
    """
    PSFs of the finer pixels whose means are models of averaged ones.

    Parameters
    ----------
    psfs : `~numpy.ndarray`
        (N or 1, k, k) at the sampling of the image.
    factor : int
        Side of the blocks that were averaged.

    Returns
    -------
    psfs : `~numpy.ndarray`
        (N or 1, m, m), of the same extent.
    block : int
        Finer pixels along the side of an averaged one: the largest divisor of
        ``factor`` up to 6.
    """
    block = max(n for n in range(1, _FINEST + 1) if factor % n == 0)
    if block == factor:
        return psfs, block
    matrix = _low_pass(psfs.shape[-1], factor // block)
    return (matrix @ psfs.astype(float) @ matrix.T).astype(np.float32), block


@cache
def _low_pass(size, step):
    """
    Matrix of box means at every ``step``-th of ``size`` pixels, without aliases.

    A mean that is merely sampled would pass waves shorter than two of its steps
    for longer ones, and the PSF for a sharper one than it is.
    """
    n = -(-size // step) | 1
    number = np.arange(n) - n // 2
    frequency = 2 * np.pi / (n * step) * number
    places = np.arange(step) - (step - 1) / 2
    left = np.cos(np.outer(places, frequency)).mean(axis=0) / n
    offset = step * number[:, None] - (np.arange(size) - (size - 1) / 2)
    return np.cos(offset[:, :, None] * frequency) @ left
