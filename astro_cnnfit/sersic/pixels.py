# Licensed under a 3-clause BSD style license - see LICENSE
"""Stamps made to look like those that networks are trained on."""

from functools import cache

import numpy as np

from astro_cnnfit.cutouts import error_sigma, fill_masked, sky_sigma

__all__ = ["prepare", "sky_noise", "soften"]

# Weight of the four nearest pixels in the kernel that smooths block averages:
# the strongest correlation of noise that networks are trained with.
_WEIGHT = 0.3
# What it leaves of the noise of a pixel.
_NOISE_LEFT = np.sqrt(1 + 4 * _WEIGHT**2) / (1 + 4 * _WEIGHT)
# Noise of images without any, relative to the range of their pixels.
_NOISELESS = 1e-3


def prepare(stamps):
    """
    Fill what is masked, smooth block averages, and measure the noise.

    Parameters
    ----------
    stamps : `~astro_cnnfit.cutouts.Stamps`
        N stamps.

    Returns
    -------
    pixels : `~numpy.ndarray`
        (N, size, size) float32, relative to ``reference``, so that float32 holds
        them whatever the pedestal.
    reference : `~numpy.ndarray`
        (N,)
    sigma : `~numpy.ndarray`
        (N,) noise of the sky per pixel.
    error : `~numpy.ndarray` or float
        Noise of each pixel in units of ``sigma``.

    Notes
    -----
    A masked pixel gets the value of its counterpart on the other side of the
    galaxy. Where that is masked, too, it gets the sky *with its noise*: a network
    that has never seen a calm patch takes it for precise data.

    The PSF of a block average is sharper, in its pixels, than any that networks
    are trained with. Both are smoothed (see `soften`).
    """
    data = fill_masked(stamps.data, stamps.mask)
    reference = data[:, 0, 0]
    pixels = (data - data[:, :1, :1]).astype(np.float32)
    sigma = _noise(stamps, pixels)
    error = 1.0
    if stamps.error is not None:
        error = stamps.error / sigma[:, np.newaxis, np.newaxis]
    _add_noise_where_calm(pixels, stamps.mask, sigma)
    if stamps.factor > 1:
        pixels, sigma = soften(pixels), sigma * _NOISE_LEFT
    return pixels, reference, sigma, error


def soften(stamps):
    """
    Mix the four nearest pixels into each.

    Parameters
    ----------
    stamps : `~numpy.ndarray`
        (N, size, size) stamps or PSFs.

    Returns
    -------
    `~numpy.ndarray`
        The same shape and, for PSFs, sum.
    """
    padded = np.pad(stamps, ((0, 0), (1, 1), (1, 1)), mode="edge")
    near = padded[:, 2:, 1:-1] + padded[:, :-2, 1:-1]
    near += padded[:, 1:-1, 2:] + padded[:, 1:-1, :-2]
    return (stamps + np.float32(_WEIGHT) * near) / np.float32(1 + 4 * _WEIGHT)


@cache
def sky_noise(size):
    """
    One stamp of unit white noise, always the same.

    It depends on nothing, so that a galaxy's result does not depend on those
    that are measured with it.
    """
    noise = np.random.default_rng(61).standard_normal((size, size), np.float32)
    noise.flags.writeable = False
    return noise


def _add_noise_where_calm(pixels, mask, sigma):
    rows = np.flatnonzero(mask.any(axis=(1, 2)))
    if rows.size == 0:
        return
    calm = mask[rows] & mask[rows, ::-1, ::-1]
    noise = sigma[rows, None, None].astype(np.float32) * sky_noise(mask.shape[1])
    pixels[rows] += np.where(calm, noise, np.float32(0))


def _noise(stamps, pixels):
    """Sky noise of each stamp, positive and finite."""
    if stamps.error is not None:
        sigma = error_sigma(stamps.error, stamps.mask)
    else:
        sigma = sky_sigma(pixels, stamps.mask)
    bad = ~(sigma > 0)
    if bad.any():
        # Images without noise, such as models, or nearly all masked.
        sigma[bad] = _NOISELESS * np.ptp(pixels[bad], axis=(1, 2))
    return sigma
