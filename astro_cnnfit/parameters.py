# Licensed under a 3-clause BSD style license - see LICENSE
"""
The seven parameters of a Sersic profile, in one table.

Two descriptions of the same profile are used:

* *physical* parameters, in the order of `NAMES`, are what users see. They are
  those of `astropy.modeling.models.Sersic2D`, with the total flux in place of
  the amplitude.
* *latent* parameters, in the order of `LATENT_NAMES`, are what the networks
  predict: lengths, flux and index as decimal logarithms, and shape and angle
  as the two components of one ellipticity, which have no jump at 180 degrees
  and no undefined angle for a round galaxy.

`encode` and `decode` go from one to the other, `decode_covariance` carries the
uncertainties along.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import gammaincinv, gammaln

__all__ = [
    "LATENT_NAMES",
    "NAMES",
    "PARAMETERS",
    "THETA_ERR_MAX",
    "Parameter",
    "amplitude_from_flux",
    "decode",
    "decode_covariance",
    "effective_snr",
    "encode",
    "sersic_b",
    "total_flux",
]


class Parameter(NamedTuple):
    """One parameter of the Sersic profile: a row of `PARAMETERS`."""

    name: str
    """Name of the physical parameter."""
    unit: str
    """Unit, as `astropy.units` reads it; 'image' is the unit of the image."""
    bounds: tuple[float, float]
    """Smallest and largest value that the renderer draws accurately."""
    latent_name: str
    """Name of the latent parameter at the same place of the array."""
    transform: str
    """Definition of that latent parameter."""
    description: str
    """What the physical parameter is."""


PARAMETERS = (
    Parameter(
        "x_0", "pix", (-30.0, 30.0), "x", "x_0",
        "centre along x, from the central pixel of the stamp",
    ),
    Parameter(
        "y_0", "pix", (-30.0, 30.0), "y", "y_0",
        "centre along y, from the central pixel of the stamp",
    ),
    Parameter(
        "flux", "image", (0.0, np.inf), "log_flux", "log10(flux)",
        "total flux of the profile, to infinity, before convolution",
    ),
    Parameter(
        "r_eff", "pix", (0.2, 30.0), "log_r_eff", "log10(r_eff)",
        "semi-major axis of the ellipse that holds half of the flux",
    ),
    Parameter(
        "n", "", (0.3, 8.0), "log_n", "log10(n)",
        "Sersic index",
    ),
    Parameter(
        "ellip", "", (0.0, 0.95), "e1", "(1 - q) / (1 + q) cos(2 theta)",
        "ellipticity 1 - q, with q the ratio of minor to major axis",
    ),
    Parameter(
        "theta", "rad", (0.0, np.pi), "e2", "(1 - q) / (1 + q) sin(2 theta)",
        "angle of the major axis, counter-clockwise from +x, in [0, pi)",
    ),
)  # fmt: skip

NAMES = tuple(parameter.name for parameter in PARAMETERS)
LATENT_NAMES = tuple(parameter.latent_name for parameter in PARAMETERS)

THETA_ERR_MAX = np.pi / np.sqrt(12)
"""Standard deviation of an angle of which nothing is known (uniform over pi)."""

_LN10 = np.log(10.0)


def _as_parameters(values, argument):
    values = np.asarray(values, dtype=float)
    if values.ndim == 0 or values.shape[-1] != len(PARAMETERS):
        raise ValueError(
            f"{argument} must have {len(PARAMETERS)} values along its last axis, "
            f"got shape {values.shape}"
        )
    return values


def encode(params):
    """
    Latent parameters from physical ones.

    Parameters
    ----------
    params : array_like, shape (..., 7)
        Physical parameters in the order of `NAMES`.

    Returns
    -------
    latent : `~numpy.ndarray`, shape (..., 7), float64
        In the order of `LATENT_NAMES`. A flux, size or index that is zero or
        negative has no logarithm and gives -inf or NaN.

    Raises
    ------
    ValueError
        If the last axis of ``params`` does not hold seven values.
    """
    params = _as_parameters(params, "params")
    x_0, y_0, flux, r_eff, n, ellip, theta = np.moveaxis(params, -1, 0)
    e = ellip / (2.0 - ellip)
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = [np.log10(flux), np.log10(r_eff), np.log10(n)]
    return np.stack(
        [x_0, y_0, *logs, e * np.cos(2 * theta), e * np.sin(2 * theta)], axis=-1
    )


def decode(latent):
    """
    Physical parameters from latent ones: the inverse of `encode`.

    Parameters
    ----------
    latent : array_like, shape (..., 7)
        Latent parameters in the order of `LATENT_NAMES`.

    Returns
    -------
    params : `~numpy.ndarray`, shape (..., 7), float64
        In the order of `NAMES`, with ``theta`` in [0, pi). The ellipticity
        (e1, e2) of a prediction may be longer than 1; it stands for a needle,
        ``ellip = 1``.

    Raises
    ------
    ValueError
        If the last axis of ``latent`` does not hold seven values.
    """
    latent = _as_parameters(latent, "latent")
    x, y, log_flux, log_r_eff, log_n, e1, e2 = np.moveaxis(latent, -1, 0)
    e = np.minimum(np.hypot(e1, e2), 1.0)
    theta = np.mod(0.5 * np.arctan2(e2, e1), np.pi)
    # The remainder of a tiny negative number rounds to pi itself.
    theta = np.where(theta >= np.pi, 0.0, theta)
    with np.errstate(over="ignore"):
        powers = [10.0**log_flux, 10.0**log_r_eff, 10.0**log_n]
    return np.stack([x, y, *powers, 2 * e / (1 + e), theta], axis=-1)


def decode_covariance(latent, covariance):
    """
    Covariance of the physical parameters, by linear propagation.

    For instance ``flux_err = flux ln(10) log_flux_err``. The angle of a nearly
    round galaxy is not known: its error grows without limit when it is
    propagated linearly, so it is capped at pi / sqrt(12), the standard
    deviation of an angle that is uniform over half a turn. The correlations of
    the angle with the other parameters are kept.

    Parameters
    ----------
    latent : array_like, shape (..., 7)
        Latent parameters, in the order of `LATENT_NAMES`.
    covariance : array_like, shape (..., 7, 7)
        Covariance of the latent parameters.

    Returns
    -------
    covariance : `~numpy.ndarray`, shape (..., 7, 7), float64
        Covariance of the physical parameters, in the order of `NAMES`.

    Raises
    ------
    ValueError
        If the shapes are not (..., 7) and (..., 7, 7).
    """
    latent = _as_parameters(latent, "latent")
    covariance = np.asarray(covariance, dtype=float)
    if covariance.shape != (*latent.shape, len(PARAMETERS)):
        raise ValueError(
            f"covariance must have shape {(*latent.shape, len(PARAMETERS))} to go "
            f"with latent of shape {latent.shape}, got {covariance.shape}"
        )
    jacobian = _jacobian(latent)
    with np.errstate(over="ignore", invalid="ignore"):
        result = jacobian @ covariance @ np.swapaxes(jacobian, -1, -2)
        theta_err = np.sqrt(result[..., 6, 6])
    capped = theta_err > THETA_ERR_MAX
    shrink = np.where(capped, THETA_ERR_MAX / np.where(capped, theta_err, 1.0), 1.0)
    result[..., 6, :] *= shrink[..., np.newaxis]
    result[..., :, 6] *= shrink[..., np.newaxis]
    return result


def _jacobian(latent):
    """Return the derivatives of the physical parameters by the latent ones."""
    e1, e2 = latent[..., 5], latent[..., 6]
    # Far below any error that occurs, and its square is not yet lost: the
    # angle's variance stays finite until the cap replaces it.
    e = np.maximum(np.hypot(e1, e2), 1e-12)
    double_angle = np.arctan2(e2, e1)
    cosine, sine = np.cos(double_angle), np.sin(double_angle)

    jacobian = np.zeros((*latent.shape, len(PARAMETERS)))
    jacobian[..., 0, 0] = jacobian[..., 1, 1] = 1.0
    with np.errstate(over="ignore"):
        for index in (2, 3, 4):
            jacobian[..., index, index] = _LN10 * 10.0 ** latent[..., index]
    slope = 2.0 / (1.0 + e) ** 2
    jacobian[..., 5, 5] = slope * cosine
    jacobian[..., 5, 6] = slope * sine
    jacobian[..., 6, 5] = -sine / (2.0 * e)
    jacobian[..., 6, 6] = cosine / (2.0 * e)
    return jacobian


def sersic_b(n, *, method="exact"):
    """
    Return the constant b_n that makes r_eff hold half of the light.

    Parameters
    ----------
    n : array_like
        Sersic index, positive.
    method : {'exact', 'galnets'}
        'exact' solves Gamma(2n) = 2 gamma(2n, b_n). 'galnets' takes Eq. 2 of
        Li et al. (2022), which GaLNets were trained with: the expansion of
        Ciotti & Bertin (1999) to the order 1/n from n = 0.36 on (within 0.012
        of the exact value, and within 0.002 from n = 1 on) and, below, the
        polynomial of MacArthur, Courteau & Holtzman (2003) as it is printed
        there, without its terms of third and fourth order. The latter is wrong
        by a factor of two at n = 0.3.

    Returns
    -------
    b_n : `~numpy.ndarray` or float, of the shape of ``n``

    Raises
    ------
    ValueError
        If ``method`` is not one of the two.
    """
    n = np.asarray(n, dtype=float)
    if method == "exact":
        return gammaincinv(2.0 * n, 0.5)
    if method != "galnets":
        raise ValueError(f"method must be 'exact' or 'galnets', got {method!r}")
    with np.errstate(divide="ignore"):
        upper = 2.0 * n - 1.0 / 3.0 + 4.0 / (405.0 * n)
    lower = 0.01945 - 0.8902 * n + 10.95 * n**2
    return np.where(n >= 0.36, upper, lower)[()]


def total_flux(amplitude, r_eff, n, ellip, *, method="exact"):
    """
    Total flux of a Sersic profile (Eq. 4 of Li et al. 2022).

    Parameters
    ----------
    amplitude : array_like
        Surface brightness at ``r_eff``, per square pixel: the ``amplitude`` of
        `astropy.modeling.models.Sersic2D`.
    r_eff : array_like
        Half-light semi-major axis in pixels.
    n : array_like
        Sersic index.
    ellip : array_like
        Ellipticity, 1 - q.
    method : {'exact', 'galnets'}
        How b_n is found; see `sersic_b`.

    Returns
    -------
    flux : `~numpy.ndarray` or float
        In the unit of ``amplitude`` times a pixel's area.
    """
    return np.multiply(amplitude, _flux_per_amplitude(r_eff, n, ellip, method))


def amplitude_from_flux(flux, r_eff, n, ellip, *, method="exact"):
    """
    Surface brightness at ``r_eff`` of a profile of given flux.

    The inverse of `total_flux`.

    Parameters
    ----------
    flux : array_like
        Total flux, to infinity.
    r_eff, n, ellip, method
        As for `total_flux`.

    Returns
    -------
    amplitude : `~numpy.ndarray` or float
        In the unit of ``flux`` per area of a pixel.
    """
    return np.divide(flux, _flux_per_amplitude(r_eff, n, ellip, method))


def _flux_per_amplitude(r_eff, n, ellip, method):
    n = np.asarray(n, dtype=float)
    b = sersic_b(n, method=method)
    # The factors e^b, b^-2n and Gamma(2n) are large or small one by one.
    logarithm = b - 2.0 * n * np.log(b) + gammaln(2.0 * n)
    area = 2.0 * np.pi * np.square(r_eff) * (1.0 - np.asarray(ellip, dtype=float))
    return area * n * np.exp(logarithm)


def effective_snr(params, psf_fwhm, poisson=0.0):
    """
    S/N of a galaxy within its effective radius.

    Half of the flux over the noise of the ellipse of semi-major axis R_eff, to
    whose area that of the PSF's width at half maximum is added.

    Parameters
    ----------
    params : array_like, shape (N, 7)
        Physical parameters, the flux in units of the sky noise of a pixel.
    psf_fwhm : float or array_like, shape (N,)
        Width of the PSF in pixels; 0 for none.
    poisson : float or array_like, shape (N,)
        Variance of a pixel's Poisson noise, in sky variances, per unit of its
        flux. By default only the sky's noise counts.

    Returns
    -------
    `~numpy.ndarray`, shape (N,)
    """
    params = _as_parameters(params, "params")
    _, _, flux, r_eff, _, ellip, _ = np.moveaxis(params, -1, 0)
    area = np.pi * ((1 - ellip) * r_eff**2 + np.square(psf_fwhm) / 4)
    return flux / 2 / np.sqrt(area + poisson * np.maximum(flux, 0) / 2)
