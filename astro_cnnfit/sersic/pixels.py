# Licensed under a 3-clause BSD style license - see LICENSE
"""Stamps made to look like those that networks are trained on."""

from functools import cache
from typing import NamedTuple

import numpy as np

from astro_cnnfit.cutouts import error_sigma, fill_masked, sky_sigma
from astro_cnnfit.psf import soften
from astro_cnnfit.psf.sampling import SOFTENING

__all__ = ["Prepared", "masked_pixels", "prepare", "sky_noise"]

# What smoothing leaves of the noise of a block average.
_NOISE_LEFT = np.sqrt(1 + 4 * SOFTENING**2) / (1 + 4 * SOFTENING)
# Noise of images without any, relative to the range of their pixels.
_NOISELESS = 1e-3


class Prepared(NamedTuple):
    """N stamps as networks see them, but for the pedestal and the unit."""

    pixels: np.ndarray
    """(N, size, size) float32, relative to ``reference``, so that float32 holds
    them whatever the pedestal. Where nothing was masked it may be the image's own."""
    reference: np.ndarray
    """(N,), zero where the image is float32."""
    sigma: np.ndarray
    """(N,) noise of the sky per pixel, before smoothing."""
    seen_sigma: np.ndarray
    """(N,) noise of the sky per pixel of ``pixels``."""
    error: np.ndarray | float
    """Noise of each pixel, before smoothing, in units of ``sigma``; 1.0 if only
    that of the sky is known."""


def prepare(stamps):
    """
    Fill what is masked, smooth block averages, and measure the noise.

    Parameters
    ----------
    stamps : `~astro_cnnfit.cutouts.Stamps`
        N stamps.

    Returns
    -------
    `Prepared`

    Notes
    -----
    A masked pixel gets the value of its counterpart on the other side of the
    galaxy. Where that is masked, too, it gets the sky *with its noise*: a network
    that has never seen a calm patch takes it for precise data.

    The PSF of a block average is sharper, in its pixels, than any that networks
    are trained with. Both are smoothed (see `~astro_cnnfit.psf.soften`).
    """
    pixels = fill_masked(stamps.data, stamps.mask)
    reference = np.zeros(len(pixels))
    if pixels.dtype != np.float32:
        reference = pixels[:, 0, 0]
        pixels = (pixels - pixels[:, :1, :1]).astype(np.float32)
    sigma = _noise(stamps, pixels)
    error = 1.0
    if stamps.error is not None:
        error = stamps.error / sigma[:, np.newaxis, np.newaxis]
    _add_noise_where_calm(pixels, stamps.mask, sigma)
    seen_sigma = sigma
    if stamps.factor > 1:
        pixels, seen_sigma = soften(pixels), sigma * _NOISE_LEFT
    return Prepared(pixels, reference, sigma, seen_sigma, error)


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


def masked_pixels(mask):
    """
    How many pixels of each stamp are masked, quickly where none is.

    Parameters
    ----------
    mask : `~numpy.ndarray` of bool
        (N, size, size).

    Returns
    -------
    `~numpy.ndarray` of int
        (N,)
    """
    number = np.zeros(len(mask), dtype=int)
    rows = np.flatnonzero(mask.any(axis=(1, 2)))
    number[rows] = np.count_nonzero(mask[rows], axis=(1, 2))
    return number


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
