# Licensed under a 3-clause BSD style license - see LICENSE
"""Where all centres of rotation are compared at once."""

import numpy as np
from scipy import fft

__all__ = ["symmetry_peak"]


def symmetry_peak(image):
    """
    The centre about which an image is most like itself rotated by 180 degrees.

    The sum of (I - I180)^2 over the image is least where the image's convolution
    with itself is largest; one Fourier transform gives that for all centres, to
    half a pixel. Galaxies of two nuclei have several minima of the asymmetry, of
    which a search from the centre of light may find any.

    Parameters
    ----------
    image : `~numpy.ndarray`
        (ny, nx); zero where it should not count.

    Returns
    -------
    xc, yc : float
    """
    shape = [fft.next_fast_len(2 * n - 1, real=True) for n in image.shape]
    transform = fft.rfft2(image, shape)
    overlap = fft.irfft2(transform * transform, shape)
    y, x = np.unravel_index(np.argmax(overlap), overlap.shape)
    return x / 2.0, y / 2.0
