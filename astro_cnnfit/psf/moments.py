# Licensed under a 3-clause BSD style license - see LICENSE
"""Centre, width and shape of sources, by moments with an adaptive Gaussian weight."""

from typing import NamedTuple

import numpy as np

from astro_cnnfit.psf.sampling import resample

__all__ = ["Moments", "adaptive_moments", "cut_out"]

_ITERATIONS = 15
_NARROWEST = 0.4
# Sums over pixels are integrals only where image and weight are sampled finely.
_FINER = 2
# Stamps treated at once: their upsampled copies are large.
_CHUNK = 256
_FWHM = 2 * np.sqrt(2 * np.log(2.0))


class Moments(NamedTuple):
    """Of each cut-out, (N,); NaN where the iteration leaves it."""

    x: np.ndarray
    """Centre, in pixels from that of the cut-out."""
    y: np.ndarray
    fwhm: np.ndarray
    """Width, that of a Gaussian with these moments, in pixels."""
    e1: np.ndarray
    """Ellipticity along x (positive) and y (negative)."""
    e2: np.ndarray
    """Ellipticity along the diagonals."""
    flux: np.ndarray
    """Total of that Gaussian."""
    snr: np.ndarray
    """Flux over its error, where the noise of each pixel is 1."""


def cut_out(data, x, y, size):
    """
    Cut square stamps about whole pixels.

    Parameters
    ----------
    data : `~numpy.ndarray`, shape (ny, nx)
    x, y : `~numpy.ndarray` of int, shape (N,)
        Central pixels, at least ``size // 2`` from the edges.
    size : int
        Width, odd.

    Returns
    -------
    `~numpy.ndarray`, shape (N, size, size)
        A copy.
    """
    steps = np.arange(size) - size // 2
    rows = y[:, np.newaxis, np.newaxis] + steps[:, np.newaxis]
    return data[rows, x[:, np.newaxis, np.newaxis] + steps]


def adaptive_moments(stamps):
    """
    Measure sources near the centres of stamps.

    The round Gaussian weight follows the source in position and width until both
    settle (Bernstein & Jarvis 2002, Sect. 3.1, with a round weight): faint wings,
    noise and neighbours hardly count.

    Parameters
    ----------
    stamps : `~numpy.ndarray`, shape (N, k, k)
        Without sky.

    Returns
    -------
    `Moments`
    """
    if len(stamps) == 0:
        return Moments(*np.zeros((7, 0)))
    chunks = [
        _measured(stamps[start : start + _CHUNK])
        for start in range(0, len(stamps), _CHUNK)
    ]
    return Moments(*(np.concatenate(values) for values in zip(*chunks, strict=True)))


def _measured(stamps):
    size = stamps.shape[-1]
    points = np.arange(0, size - 1 + 0.5 / _FINER, 1 / _FINER)
    stamps = resample(stamps, points, points) / _FINER**2
    steps = points - (size - 1) / 2
    x_0, y_0 = np.zeros((2, len(stamps)))
    sigma2 = np.full(len(stamps), 1.5**2)
    with np.errstate(all="ignore"):
        for _ in range(_ITERATIONS):
            u = steps - x_0[:, np.newaxis]
            v = steps - y_0[:, np.newaxis]
            # The weight is a product: sums over an axis at a time.
            wu = np.exp(-(u**2) / (2 * sigma2[:, np.newaxis]))
            wv = np.exp(-(v**2) / (2 * sigma2[:, np.newaxis]))
            rows = stamps @ np.stack([wu, wu * u, wu * u**2], axis=2)
            total, first_u, second_u = np.einsum("nyk,ny->kn", rows, wv)
            first_v = np.einsum("ny,ny->n", rows[..., 0], wv * v)
            second_v = np.einsum("ny,ny->n", rows[..., 0], wv * v**2)
            cross = np.einsum("ny,ny->n", rows[..., 1], wv * v)
            # Twice: a Gaussian times one of its own width has half its variance.
            x_0 = x_0 + np.clip(2 * first_u / total, -1, 1)
            y_0 = y_0 + np.clip(2 * first_v / total, -1, 1)
            both = second_u + second_v
            sigma2 = np.clip(both / total, _NARROWEST**2, (size / 4) ** 2)
        flux = 2 * total
        snr = total / np.sqrt(np.pi * sigma2)
        lost = ~((total > 0) & (np.hypot(x_0, y_0) < size / 4))
        e1, e2 = (second_u - second_v) / both, 2 * cross / both
    values = (x_0, y_0, _FWHM * np.sqrt(sigma2), e1, e2, flux, snr)
    return Moments(*(np.where(lost, np.nan, value) for value in values))
