# Licensed under a 3-clause BSD style license - see LICENSE
"""What stamps say about the quality of a measurement."""

import numpy as np

from astro_cnnfit.parameters import NAMES, amplitude_from_flux, sersic_b

__all__ = ["goodness", "light_at", "within_r_eff"]

# The ellipse within which residuals are counted is not smaller than this.
_MIN_RADIUS = 3.0
# What makes a model poor: the share of it that it may be wrong by, and chi-squared
# per pixel, which correlated noise and misjudged errors raise.
_MODEL_ERROR, _POOR, _POOR_SIGMAS = 0.03, 1.5, 6.0


def light_at(params, x, y):
    """
    Surface brightness of Sersic profiles, not convolved.

    Parameters
    ----------
    params : `~numpy.ndarray`
        (N, 7), the centre relative to that of the stamp.
    x, y : `~numpy.ndarray`
        (M,) positions relative to the centre of the stamp. Far from a galaxy's
        centre, where this is used, the PSF changes little.

    Returns
    -------
    `~numpy.ndarray`
        (N, M) float32.
    """
    columns = dict(zip(NAMES, params.T[:, :, np.newaxis], strict=True))
    flux, r_eff, n, ellip = (columns[k] for k in ("flux", "r_eff", "n", "ellip"))
    with np.errstate(all="ignore"):
        amplitude = amplitude_from_flux(flux, r_eff, n, ellip).astype(np.float32)
        squared = _squared_radius(columns, x, y)
        power, b = (0.5 / n).astype(np.float32), sersic_b(n).astype(np.float32)
        return amplitude * np.exp(-b * (squared**power - 1))


def goodness(residual, models, mask, sigma, params):
    """
    How well models describe stamps within the effective radius.

    Parameters
    ----------
    residual, models : `~numpy.ndarray`
        (N, ny, nx) stamps without sky less models, and the models.
    mask : `~numpy.ndarray`
        (N, ny, nx), True for pixels to leave out.
    sigma : `~numpy.ndarray` or float
        Noise of the pixels, in the unit of the stamps; a float where only that
        of the sky is known.
    params : `~numpy.ndarray`
        (N, 7), the centre relative to that of the stamp.

    Returns
    -------
    qfit : `~numpy.ndarray`
        (N,) sum of absolute residuals over total flux, as in photutils.psf.
    reduced_chi2 : `~numpy.ndarray`
        (N,) Eq. 11 of Li et al. (2022). NaN where there are no more pixels
        than parameters.
    is_poor : `~numpy.ndarray` of bool
        (N,) whether chi-squared per pixel is above 1.5 by more than 6 of its
        standard deviations, sqrt(2 / pixels), when 3 % of the model are allowed
        beside the noise.

    Notes
    -----
    Pixels within the ellipse of semi-major axis R_eff count, as in the paper,
    but neither axis of it is taken below 3 pixels.

    Where only the noise of the sky is known, ``is_poor`` takes the noise from the
    scatter of the residuals from pixel to pixel, if that is larger, so that a
    bright galaxy's own noise makes no poor model.
    """
    used = within_r_eff(params, residual.shape[1:]) & ~mask
    residual = np.where(used, residual, 0.0)
    count = used.sum(axis=(1, 2))
    with np.errstate(divide="ignore", invalid="ignore"):
        qfit = np.abs(residual).sum(axis=(1, 2)) / params[:, NAMES.index("flux")]
        chi2 = np.where(used, (residual / sigma) ** 2, 0.0).sum(axis=(1, 2))
        freedom = np.where(count > len(NAMES), count - len(NAMES), np.nan)
        variance = np.square(sigma) + np.square(_MODEL_ERROR * models)
        if np.ndim(sigma) == 0:
            scatter = np.maximum(_scatter(residual, used), sigma**2)
            variance = variance + (scatter - sigma**2)[:, np.newaxis, np.newaxis]
        excess = np.where(used, residual**2 / variance, 0.0).sum(axis=(1, 2)) / count
        is_poor = excess > _POOR + _POOR_SIGMAS * np.sqrt(2 / count)
        return np.where(count > 0, qfit, np.nan), chi2 / freedom, is_poor


def within_r_eff(params, shape):
    """
    Pixels within the effective radius of galaxies.

    Parameters
    ----------
    params : `~numpy.ndarray`
        (N, 7), the centre relative to that of the stamp.
    shape : tuple of int
        (ny, nx) of the stamps.

    Returns
    -------
    `~numpy.ndarray` of bool
        (N, ny, nx), True within the ellipse of semi-major axis R_eff, neither
        axis of which is taken below 3 pixels.
    """
    columns = dict(zip(NAMES, params.T[:, :, np.newaxis], strict=True))
    major = np.maximum(columns["r_eff"], _MIN_RADIUS)
    minor = np.maximum(columns["r_eff"] * (1 - columns["ellip"]), _MIN_RADIUS)
    columns |= {"r_eff": major, "ellip": 1 - minor / major}
    ny, nx = shape
    y, x = np.mgrid[:ny, :nx].reshape(2, -1)
    inside = _squared_radius(columns, x - (nx - 1) / 2, y - (ny - 1) / 2) <= 1
    return inside.reshape(-1, ny, nx)


def _scatter(residual, used):
    """Variance of white noise that makes pixels differ from those beside them."""
    step = residual[:, :, 2:] - 2 * residual[:, :, 1:-1] + residual[:, :, :-2]
    whole = used[:, :, 2:] & used[:, :, 1:-1] & used[:, :, :-2]
    squares = np.where(whole, step**2, 0.0).sum(axis=(1, 2))
    return squares / 6 / np.maximum(whole.sum(axis=(1, 2)), 1)


def _squared_radius(columns, x, y):
    """Squared elliptical radius in units of R_eff, (N, M) float32."""
    x = np.asarray(x, np.float32) - columns["x_0"].astype(np.float32)
    y = np.asarray(y, np.float32) - columns["y_0"].astype(np.float32)
    theta = columns["theta"].astype(np.float32)
    r_eff = columns["r_eff"].astype(np.float32)
    q = (1 - columns["ellip"]).astype(np.float32)
    along = x * np.cos(theta) + y * np.sin(theta)
    across = (y * np.cos(theta) - x * np.sin(theta)) / q
    return (along**2 + across**2) / r_eff**2
