# Licensed under a 3-clause BSD style license - see LICENSE
"""What stamps say about the quality of a measurement."""

import numpy as np

from astro_cnnfit.parameters import NAMES, amplitude_from_flux, sersic_b

__all__ = ["aperture_snr", "goodness", "light_at"]

# Radius in pixels of the aperture of the S/N: 1.5 arcsec in Li et al. (2022).
SNR_RADIUS = 7.5
# The ellipse within which residuals are counted is not smaller than this.
_MIN_RADIUS = 3.0


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


def aperture_snr(stamps, sky):
    """
    S/N in a central circular aperture of 7.5 pixels, from sky noise alone.

    Parameters
    ----------
    stamps : `~numpy.ndarray`
        (N, ny, nx) in units of the sky noise.
    sky : `~numpy.ndarray`
        (N,) pedestals to subtract.

    Returns
    -------
    `~numpy.ndarray`
        (N,)
    """
    ny, nx = stamps.shape[1:]
    y, x = np.mgrid[:ny, :nx]
    radius = np.hypot(x - (nx - 1) / 2, y - (ny - 1) / 2)
    aperture = np.flatnonzero(radius <= SNR_RADIUS)
    flux = stamps.reshape(len(stamps), -1)[:, aperture].sum(axis=1, dtype=float)
    return (flux - sky * len(aperture)) / np.sqrt(len(aperture))


def goodness(stamps, models, mask, sigma, params):
    """
    How well models describe stamps within the effective radius.

    Parameters
    ----------
    stamps, models : `~numpy.ndarray`
        (N, ny, nx), the sky in neither.
    mask : `~numpy.ndarray`
        (N, ny, nx), True for pixels to leave out.
    sigma : `~numpy.ndarray` or float
        Noise of the pixels, in the unit of the stamps.
    params : `~numpy.ndarray`
        (N, 7), the centre relative to that of the stamp.

    Returns
    -------
    qfit : `~numpy.ndarray`
        (N,) sum of absolute residuals over total flux, as in photutils.psf.
    reduced_chi2 : `~numpy.ndarray`
        (N,) Eq. 11 of Li et al. (2022). NaN where there are no more pixels
        than parameters.

    Notes
    -----
    Pixels within the ellipse of semi-major axis R_eff count, as in the paper,
    but neither axis of it is taken below 3 pixels.
    """
    columns = dict(zip(NAMES, params.T[:, :, np.newaxis], strict=True))
    major = np.maximum(columns["r_eff"], _MIN_RADIUS)
    minor = np.maximum(columns["r_eff"] * (1 - columns["ellip"]), _MIN_RADIUS)
    columns |= {"r_eff": major, "ellip": 1 - minor / major}
    ny, nx = stamps.shape[1:]
    y, x = np.mgrid[:ny, :nx].reshape(2, -1)
    inside = _squared_radius(columns, x - (nx - 1) / 2, y - (ny - 1) / 2) <= 1
    used = inside.reshape(stamps.shape) & ~mask
    residual = np.where(used, stamps - models, 0.0)
    count = used.sum(axis=(1, 2))
    with np.errstate(divide="ignore", invalid="ignore"):
        qfit = np.abs(residual).sum(axis=(1, 2)) / params[:, NAMES.index("flux")]
        chi2 = np.where(used, (residual / sigma) ** 2, 0.0).sum(axis=(1, 2))
        freedom = np.where(count > len(NAMES), count - len(NAMES), np.nan)
        return np.where(count > 0, qfit, np.nan), chi2 / freedom


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
