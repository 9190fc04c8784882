# Licensed under a 3-clause BSD style license - see LICENSE
"""Random fields: the flocculent light of star formation, and patches of dust."""

from functools import cache

import numpy as np
import scipy.fft

from .grid import STEP

__all__ = ["correlated_field", "dust_patches", "flocculence"]


@cache
def _frequencies(n):
    """Cycles per pixel of half the band, which the PSF leaves at most."""
    fy = np.fft.fftfreq(n, STEP).astype(np.float32)
    fx = np.fft.rfftfreq(n, STEP).astype(np.float32)
    return fy[:, np.newaxis], fx


def correlated_field(rng, grid, *, slope=3.0, scale=10.0, q=1.0, theta=0.0):
    """
    A Gaussian random field of zero mean and unit variance.

    Parameters
    ----------
    rng : `~numpy.random.Generator`
    grid : Grid
    slope : float
        Exponent with which the power falls at short wavelengths.
    scale : float
        Wavelength above which the power is flat, in pixels.
    q, theta : float
        The field is foreshortened like a disc of this axis ratio and angle.

    Returns
    -------
    field : `~numpy.ndarray`, float32
    """
    n = len(grid.x)
    fy, fx = _frequencies(n)
    rows = n // 4
    kept = np.concatenate([np.arange(rows), np.arange(n - rows, n)])
    fy, fx = fy[kept], fx[:rows]
    cos, sin = np.float32(np.cos(theta)), np.float32(np.sin(theta))
    along, across = cos * fx + sin * fy, np.float32(q) * (cos * fy - sin * fx)
    k2 = (along * along + across * across) * np.float32(scale**2)
    amplitude = np.exp(np.log1p(k2) * np.float32(-slope / 4))
    # What the stamp's pixels cannot hold must not alias into them.
    amplitude[0, 0] = 0
    noise = rng.standard_normal((2, *amplitude.shape), dtype=np.float32)
    spectrum = np.zeros((n, n // 2 + 1), np.complex64)
    spectrum.real[kept, :rows] = noise[0] * amplitude
    spectrum.imag[kept, :rows] = noise[1] * amplitude
    field = scipy.fft.irfft2(spectrum, s=(n, n))
    return field / np.float32(np.sqrt(np.mean(field * field)))


def rotated(field):
    """The field turned by 180 degrees about the grid's centre."""
    return np.roll(field[::-1, ::-1], 1, axis=(0, 1))


def flocculence(rng, grid, strength, *, symmetry=0.0, **spectrum):
    """
    Factors of mean about 1 by which a disc becomes flocculent.

    Parameters
    ----------
    rng : `~numpy.random.Generator`
    grid : Grid
    strength : float
        Standard deviation of the factors' logarithm.
    symmetry : float
        From 0 to 1: by how much the texture repeats itself half a turn on.
    **spectrum
        See `correlated_field`.

    Returns
    -------
    factors : `~numpy.ndarray`, float32
    """
    field = correlated_field(rng, grid, **spectrum)
    if symmetry:
        field = field + np.float32(symmetry) * rotated(field)
        field /= np.float32(np.hypot(1, symmetry))
    return np.exp(np.float32(strength) * field - np.float32(strength**2 / 2))


def dust_patches(rng, grid, depth, *, threshold=0.5, **spectrum):
    """
    Factors by which patches of dust dim the light.

    Parameters
    ----------
    rng : `~numpy.random.Generator`
    grid : Grid
    depth : float
        Optical depth per standard deviation of the field above the threshold.
    threshold : float
        In standard deviations: the higher, the fewer patches.
    **spectrum
        See `correlated_field`.

    Returns
    -------
    factors : `~numpy.ndarray`, float32
        Between 0 and 1.
    """
    field = correlated_field(rng, grid, **spectrum)
    excess = np.maximum(field - np.float32(threshold), 0)
    return np.exp(np.float32(-depth) * excess)
