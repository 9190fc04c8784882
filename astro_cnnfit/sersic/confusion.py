# Licensed under a 3-clause BSD style license - see LICENSE
"""
What light that was not found adds to the errors of galaxies in crowded fields.

Galaxies too faint or too close to be found make the residuals of an image vary more
than its noise does, and the more, the larger the scale. How much more, on the scale of
a galaxy, tells how much larger its errors are.
"""

import numpy as np
from scipy.ndimage import gaussian_filter

from astro_cnnfit.parameters import NAMES

from .joint_background import residual_error, smooth_sky

__all__ = ["variance_excess", "widened"]

# Standard deviations of the Gaussians that residuals are smoothed by, in pixels.
_WIDTHS = np.array([1.5, 2.0, 3.0, 4.5, 7.0, 10.0])
# An excess counts as far as it is above so many of its own standard errors.
_SURE = 2.0
# What is larger is no light of faint galaxies: artefacts, a sky that is not smooth.
_MOST = 5.0
# Standard deviation of the Gaussian that is as wide as a galaxy, in R_eff.
_WIDTH_OF_GALAXY = 0.8
# By how much the variance of each latent parameter (x, y, flux, R_eff, n, e1, e2) grows
# with the excess: fitted so that 68 % of the truths lie within one error, to simulated
# fields of one, two and four times the density of KiDS (seeds 11, 21 and 22). Blends,
# whose parts are no Gaussian noise, are in it.
_GROWTH = np.array([4.0, 4.0, 5.0, 1.5, 0.4, 1.4, 1.4])
# The same for galaxies refined together (seeds 21 and 22): their errors are smaller.
_GROWTH_TOGETHER = np.array([2.5, 2.5, 7.0, 5.0, 0.6, 1.5, 1.5])
_R_EFF, _ELLIP = NAMES.index("r_eff"), NAMES.index("ellip")
# Median of the square of a normal deviate, and the standard error of an estimate of
# the variance from it, times the root of the number of values.
_MEDIAN, _SCATTER = 0.4549, 2.33


def variance_excess(image, residual, latent):
    """
    By how much more an image varies than its noise, on some scales.

    Parameters
    ----------
    image : `~astro_cnnfit.inputs.Image`
        With all its light.
    residual : `~numpy.ndarray`
        (ny, nx), without the models of its galaxies; the sky is in it.
    latent : `~numpy.ndarray`
        (N, 7) latent parameters of its galaxies.

    Returns
    -------
    `~numpy.ndarray`
        (6,) ratios of variances less one, at least 0, once the image is smoothed by
        Gaussians with standard deviations from 1.5 to 10 pixels.
    """
    good = np.isfinite(residual)
    if image.mask is not None:
        good &= ~image.mask
    error = image.error
    if error is None:
        error = residual_error(image, residual, good, latent)
    good &= np.isfinite(error) & (error > 0)
    if not good.any():
        return np.zeros(len(_WIDTHS))
    unit = np.median(error[good])
    weight = np.where(good, unit / np.where(good, error, 1.0), 0.0)
    left = np.where(good, residual, 0.0) / unit
    relative = ((left - smooth_sky(left, weight)) * weight).astype(np.float32)
    good = good.astype(np.float32)
    return np.array([_excess(relative, good, width) for width in _WIDTHS])


def _excess(relative, good, width):
    """Of pixels in units of their noise, smoothed by a Gaussian."""
    independent = 4 * np.pi * width**2
    smooth = gaussian_filter(relative, width)
    # The square of a Gaussian is one of 1 / sqrt(2) its width.
    expected = gaussian_filter(good, width / np.sqrt(2)) / independent
    use = expected > 0.5 / independent
    if not use.any():
        return 0.0
    ratio = np.median(np.square(smooth[use]) / expected[use]) / _MEDIAN
    uncertain = _SCATTER / np.sqrt(max(np.count_nonzero(use) / independent, 1.0))
    return float(np.clip(ratio - 1 - _SURE * uncertain, 0.0, _MOST))


def widened(covariance, params, refined, excess):
    """
    Covariances with what light that was not found leaves open.

    Parameters
    ----------
    covariance : `~numpy.ndarray`
        (M, 7, 7) of the latent parameters of some galaxies.
    params : `~numpy.ndarray`
        (M, 7) their parameters, in the order of `~astro_cnnfit.parameters.NAMES`.
    refined : `~numpy.ndarray` of bool
        (M,) whether they were refined together.
    excess : `~numpy.ndarray`
        What `variance_excess` found before that.

    Returns
    -------
    `~numpy.ndarray`
        (M, 7, 7), as they were where there is no excess. The correlations stay.
    """
    axis = np.sqrt(np.clip(1 - params[:, _ELLIP], 0, 1))
    scale = np.hypot(_WIDTHS[0], _WIDTH_OF_GALAXY * params[:, _R_EFF] * axis)
    here = np.interp(np.log(scale), np.log(_WIDTHS), excess)
    growth = np.where(refined[:, np.newaxis], _GROWTH_TOGETHER, _GROWTH)
    factor = np.sqrt(1 + growth * here[:, np.newaxis])
    return covariance * factor[:, :, np.newaxis] * factor[:, np.newaxis, :]
