# Licensed under a 3-clause BSD style license - see LICENSE
"""Effective PSFs (pixel included) as transfer functions, and the convolution."""

from functools import cache
from typing import NamedTuple

import numpy as np
import scipy.fft
from scipy.special import gamma, kv

from .grid import STEP

__all__ = ["Moffat", "convolve"]

_Z_MAX = 30.0
_N_TABLE = 3001


class Moffat(NamedTuple):
    """
    An elliptical Moffat PSF.

    Attributes
    ----------
    fwhm : float
        Geometric mean over the axes, in pixels of the stamp.
    beta : float
        Exponent of the wings, rounded to 0.1; above 1.
    q, theta : float
        Axis ratio; angle of the major axis in radians.
    """

    fwhm: float
    beta: float = 3.5
    q: float = 1.0
    theta: float = 0.0


@cache
def _table(beta):
    """The radial transfer function of a Moffat with unit scale radius."""
    z = np.linspace(0, _Z_MAX, _N_TABLE)
    order = beta - 1
    values = np.ones(_N_TABLE)
    values[1:] = z[1:] ** order * kv(order, z[1:]) * 2 ** (1 - order) / gamma(order)
    return z, values


@cache
def _frequencies(n):
    fy = np.fft.fftfreq(n, STEP).astype(np.float32)
    return fy[:, np.newaxis], np.fft.rfftfreq(n, STEP).astype(np.float32)


def transfer(psf, n):
    """Return the Fourier transform of a PSF for a grid of n x n points."""
    fy, fx = _frequencies(n)
    beta = round(float(psf.beta), 1)
    scale = psf.fwhm / (2 * np.sqrt(2 ** (1 / beta) - 1))
    cos, sin = np.cos(psf.theta), np.sin(psf.theta)
    major, minor = 2 * np.pi * scale * np.array([psf.q**-0.5, psf.q**0.5])
    along = np.float32(major * cos) * fx + np.float32(major * sin) * fy
    across = np.float32(minor * cos) * fy - np.float32(minor * sin) * fx
    z = np.sqrt(along * along + across * across)
    return np.interp(z, *_table(beta), right=0.0).astype(np.float32)


def convolve(light, psf, size, shift=(0.0, 0.0)):
    """
    Blur an image on the fine grid and sample it on the pixels of a stamp.

    Parameters
    ----------
    light : `~numpy.ndarray`, shape (n, n), float32
    psf : Moffat
    size : int
        Width of the stamp in pixels, odd.
    shift : tuple of float
        (x, y) in pixels by which the light is moved first; the grid's centre
        without it comes to lie on the stamp's central pixel.

    Returns
    -------
    stamp : `~numpy.ndarray`, shape (size, size), float32
        Of unit total flux.
    """
    n = len(light)
    fy, fx = _frequencies(n)
    spectrum = scipy.fft.rfft2(light) * transfer(psf, n)
    spectrum *= np.exp(-2j * np.pi * shift[0] * fx).astype(np.complex64)
    spectrum *= np.exp(-2j * np.pi * shift[1] * fy).astype(np.complex64)
    blurred = scipy.fft.irfft2(spectrum, s=(n, n), overwrite_x=True)
    step = round(1 / STEP)
    first = n // 2 - step * (size // 2)
    pixels = slice(first, first + step * (size - 1) + 1, step)
    # A cusp rings in the last digits.
    stamp = np.maximum(blurred[pixels, pixels], 0)
    return stamp / np.float32(stamp.sum(dtype=np.float64))
