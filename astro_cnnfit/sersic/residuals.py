# Licensed under a 3-clause BSD style license - see LICENSE
"""
What residuals say about the model and the PSF.

Too narrow or too wide a PSF leaves a pattern in the residual of any galaxy: to
first order the Laplacian of the model, since a PSF whose variance is larger by s
along each axis adds s/2 times the Laplacian to every image. A fit hides part of
it in the galaxy's own parameters; what is left is what `psf_excess` measures.
"""

from functools import cache
from typing import NamedTuple

import numpy as np
from keras import ops

from astro_cnnfit.compiled import compiled
from astro_cnnfit.parameters import decode
from astro_cnnfit.rendering.derivatives import render_with_derivatives

from .statistics import goodness

__all__ = ["Examined", "examine", "psf_excess"]

# Galaxies rendered together; their derivatives stay within a CPU's cache.
_BATCH = 64
# Distance from the stamp's centre, in pixels, within which the PSF is judged, and
# the share of the model that it may be wrong by, about the renderer's accuracy.
_CORE, _MODEL_ERROR = 10.0, 0.001
# Pixels that exceed the model by so many noises and this share of it are others'.
_SIGNIFICANT, _OWN_LIGHT = 4.0, 0.1
_FWHM_TO_SIGMA = 1 / np.sqrt(8 * np.log(2))
_N_TERMS = 9


class Examined(NamedTuple):
    """What the residuals of N galaxies tell."""

    qfit: np.ndarray
    """(N,) sum of absolute residuals over total flux."""
    reduced_chi2: np.ndarray
    """(N,)"""
    is_poor: np.ndarray
    """(N,) bool, whether the model is poor."""
    psf_error: np.ndarray
    """(N,) by how much the PSF's width seems to be off: positive where the true
    PSF is wider, in units of its width."""
    psf_sigmas: np.ndarray
    """(N,) that in units of its error."""


def examine(light, mask, error, latent, psfs, widths):
    """
    Compare stamps with the models of their galaxies.

    Parameters
    ----------
    light : `~numpy.ndarray`
        (N, ny, nx) float32 stamps without sky, in units of the sky noise.
    mask : `~numpy.ndarray`
        (N, ny, nx), True for pixels to leave out.
    error : `~numpy.ndarray` or float
        Noise of the pixels in that unit; 1.0 where only that of the sky is known.
    latent : `~numpy.ndarray`
        (N, 7) latent parameters, the centre relative to that of the stamp. Rows
        that are not finite have NaN in the result.
    psfs : `~numpy.ndarray`
        (N or 1, k, k)
    widths : `~numpy.ndarray`
        (N,) FWHM of the PSFs in pixels.

    Returns
    -------
    `Examined`
    """
    parts = []
    for start in range(0, len(light), _BATCH):
        rows = slice(start, start + _BATCH)
        parts.append(
            _examine_batch(
                light[rows],
                mask[rows],
                error if np.ndim(error) == 0 else error[rows],
                latent[rows],
                psfs if len(psfs) == 1 else psfs[rows],
                widths[rows],
            )
        )
    found = Examined(*(np.concatenate(part) for part in zip(*parts, strict=True)))
    lost = ~np.isfinite(latent).all(axis=1)
    for values in found:
        values[lost] = False if values.dtype == bool else np.nan
    return found


def _examine_batch(light, mask, error, latent, psfs, widths):
    latent = np.nan_to_num(latent, posinf=0.0, neginf=0.0)
    variance = np.broadcast_to(np.square(error, dtype=np.float32), light.shape)
    with np.errstate(divide="ignore"):
        weight = np.where(mask | (variance <= 0), 0, 1 / variance)
    weight = weight * _core(light.shape[1:])
    padded = [
        np.pad(array, ((0, _BATCH - len(light)), *[(0, 0)] * (array.ndim - 1)), "edge")
        for array in (light, weight, latent)
    ]
    # A PSF of all is one of a batch, so that only one shape is traced.
    psfs = psfs[np.minimum(np.arange(_BATCH), len(psfs) - 1)]
    light, weight, values = (array.astype(np.float32) for array in padded)
    found = _compare(light, weight, values, psfs.astype(np.float32))
    model, matrix, vector = (ops.convert_to_numpy(x)[: len(latent)] for x in found)
    residual = light[: len(latent)] - model
    sigma = 1.0 if np.ndim(error) == 0 else np.where(error > 0, error, np.inf)
    fits = goodness(residual, model, mask, sigma, decode(latent))
    return *fits, *psf_excess(matrix, vector, widths)


@compiled
def _compare(light, weight, latent, psf):
    """Models, and the normal equations of PSF width, sky and parameters."""
    shape = (int(light.shape[1]), int(light.shape[2]))
    model, derivatives = render_with_derivatives(latent, psf, shape)
    residual = light - model
    others = (residual - _OWN_LIGHT * model) * ops.sqrt(weight) > _SIGNIFICANT
    weight = ops.where(others, 0.0, weight)
    weight = weight / (1 + weight * ops.square(_MODEL_ERROR * model))
    terms = ops.concatenate(
        [_half_laplacian(model)[:, None], ops.ones_like(model)[:, None], derivatives],
        axis=1,
    )
    terms = ops.reshape(terms, (-1, _N_TERMS, shape[0] * shape[1]))
    weighted = terms * ops.reshape(weight, (-1, 1, shape[0] * shape[1]))
    residual = ops.reshape(residual, (-1, shape[0] * shape[1], 1))
    matrix = ops.matmul(weighted, ops.transpose(terms, (0, 2, 1)))
    return model, matrix, ops.matmul(weighted, residual)[:, :, 0]


def _half_laplacian(image):
    around = ops.roll(image, 1, 1) + ops.roll(image, -1, 1)
    around = around + ops.roll(image, 1, 2) + ops.roll(image, -1, 2)
    return 0.5 * (around - 4 * image)


def psf_excess(matrix, vector, widths):
    """
    Error of the PSF's width that residuals ask for.

    Parameters
    ----------
    matrix : `~numpy.ndarray`
        (N, M, M) normal equations; the first term is the PSF's variance.
    vector : `~numpy.ndarray`
        (N, M) their right-hand sides.
    widths : `~numpy.ndarray`
        (N,) FWHM of the PSFs.

    Returns
    -------
    error : `~numpy.ndarray`
        (N,) relative error of the width, all other terms being free; 0 where the
        pixels do not tell.
    sigmas : `~numpy.ndarray`
        (N,) the same in units of its standard deviation.
    """
    matrix, vector = matrix.astype(float), vector.astype(float)
    diagonal = np.diagonal(matrix, axis1=1, axis2=2)
    known = np.isfinite(matrix).all(axis=(1, 2)) & (diagonal > 0).all(axis=1)
    known &= np.isfinite(vector).all(axis=1)
    error, sigmas = np.zeros((2, len(matrix)))
    if known.any():
        scale = 1 / np.sqrt(diagonal[known])
        unit = matrix[known] * scale[:, :, None] * scale[:, None, :]
        # Rounding leaves that much of terms that others explain.
        unit += 1e-5 * np.eye(unit.shape[1])
        covariance = np.linalg.inv(unit)
        found = np.einsum("nij,nj->ni", covariance, vector[known] * scale)[:, 0]
        spread = np.sqrt(np.maximum(covariance[:, 0, 0], 1e-30))
        sigmas[known] = found / spread
        sigma2 = np.square(_FWHM_TO_SIGMA * widths[known])
        error[known] = found * scale[:, 0] / (2 * sigma2)
    return error, sigmas


@cache
def _core(shape):
    y, x = (np.arange(n) - (n - 1) / 2 for n in shape)
    return (np.hypot(x, y[:, np.newaxis]) <= _CORE).astype(np.float32)
