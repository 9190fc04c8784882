# Licensed under a 3-clause BSD style license - see LICENSE
"""
The Cramer-Rao limit: how well any method can measure a scene.

The derivatives of the rendered stamp by the parameters, weighted by the noise,
give the Fisher information of a galaxy; its inverse is the smallest covariance
that an unbiased measurement can have. With the covariance of the prior added
as information it bounds the mean error of any estimator that knows the prior,
such as a trained network (van Trees 1968).
"""

import numpy as np

from astro_cnnfit.parameters import LATENT_NAMES, decode, encode
from astro_cnnfit.rendering import render_with_derivatives_numpy

from .summary import sersic_summary

__all__ = [
    "cramer_rao_covariance",
    "cramer_rao_nmad",
    "fisher_matrix",
    "joint_cramer_rao_covariance",
    "latent_derivatives",
    "prior_covariance_from_draws",
]

_N_LATENT = len(LATENT_NAMES)
_BATCH = 256


def latent_derivatives(params, psf, shape=(61, 61)):
    """
    Model stamps and their derivatives by the latent parameters and the sky.

    Parameters
    ----------
    params : array_like, shape (N, 7)
        Physical parameters, in the order of `astro_cnnfit.parameters.NAMES`,
        the centre relative to that of the stamp.
    psf : array_like, shape (N, k, k) or (1, k, k)
        Effective PSFs.
    shape : tuple of int
        (ny, nx) of the stamps.

    Returns
    -------
    model : `~numpy.ndarray`, shape (N, ny, nx)
    derivatives : `~numpy.ndarray`, shape (N, 8, ny, nx)
        By the seven parameters of `astro_cnnfit.parameters.LATENT_NAMES`, then by
        a sky pedestal (ones).
    """
    model, by_latent = render_with_derivatives_numpy(encode(params), psf, shape)
    derivatives = np.ones((len(model), _N_LATENT + 1, *shape))
    derivatives[:, :_N_LATENT] = by_latent
    return model.astype(float), derivatives


def fisher_matrix(
    params, psf, *, sky_sigma=None, gain=None, shape=(61, 61), error=None, mask=None
):
    """
    Fisher information of galaxies in noise, the sky pedestal included.

    Parameters
    ----------
    params : array_like, shape (N, 7)
        True physical parameters, in the order of
        `astro_cnnfit.parameters.NAMES`, centred on the stamp.
    psf : array_like, shape (N, k, k) or (1, k, k)
        Effective PSFs, taken as known.
    sky_sigma : float or array_like, shape (N,)
        Standard deviation of the sky's noise per pixel, in the unit of the
        flux.
    gain : float or array_like, shape (N,), optional
        Electrons per unit of flux. The variance of a pixel is then
        ``sky_sigma**2 + model / gain``; without it, that of the sky alone.
    shape : tuple of int
        (ny, nx) of the stamps.
    error : array_like, shape (N, ny, nx) or (ny, nx), optional
        Standard deviation of each pixel, in place of ``sky_sigma`` and
        ``gain``.
    mask : array_like of bool, like ``error``, optional
        True for pixels that hold no information.

    Returns
    -------
    `~numpy.ndarray`, shape (N, 8, 8)
        Order: `astro_cnnfit.parameters.LATENT_NAMES`, sky.

    Raises
    ------
    ValueError
        If neither or both of ``sky_sigma`` and ``error`` are given.

    Notes
    -----
    Noise is Gaussian and independent from pixel to pixel; the little that the
    Poisson variance itself tells about the flux is left out.
    """
    if (sky_sigma is None) == (error is None):
        raise ValueError("give either sky_sigma or error")
    params, psf = np.asarray(params, dtype=float), np.asarray(psf)
    noise = {"sky_sigma": sky_sigma, "gain": gain, "error": error, "mask": mask}
    parts = [np.empty((0, _N_LATENT + 1, _N_LATENT + 1))]
    # Derivatives take 240 kB a galaxy.
    for start in range(0, len(params), _BATCH):
        rows = slice(start, start + _BATCH)
        own = {
            name: _rows(value, rows, 3 if name in ("error", "mask") else 1)
            for name, value in noise.items()
        }
        parts.append(_fisher(params[rows], _rows(psf, rows, 3), shape, **own))
    return np.concatenate(parts)


def _rows(values, rows, ndim):
    """Rows of what has one entry a galaxy; all of what they share."""
    if values is None:
        return None
    values = np.asarray(values)
    return values[rows] if values.ndim == ndim and len(values) > 1 else values


def _fisher(params, psf, shape, *, sky_sigma, gain, error, mask):
    model, derivatives = latent_derivatives(params, psf, shape)
    if error is None:
        variance = _column(sky_sigma) ** 2
        if gain is not None:
            variance = variance + np.maximum(model, 0.0) / _column(gain)
    else:
        variance = np.asarray(error, dtype=float) ** 2
    weight = np.broadcast_to(1 / variance, model.shape)
    if mask is not None:
        weight = np.where(mask, 0.0, weight)
    flat = derivatives.reshape(len(model), _N_LATENT + 1, -1)
    weighted = flat * weight.reshape(len(model), 1, -1)
    return weighted @ np.swapaxes(flat, 1, 2)


def _column(values):
    return np.asarray(values, dtype=float).reshape(-1, 1, 1)


def prior_covariance_from_draws(params):
    """
    Covariance of a prior in latent space, from draws of it.

    Parameters
    ----------
    params : array_like, shape (N, 7)
        Physical parameters drawn from the prior, a few thousand.

    Returns
    -------
    `~numpy.ndarray`, shape (7, 7)
        The prior as one Gaussian, for `cramer_rao_covariance`.
    """
    return np.cov(encode(params), rowvar=False)


def cramer_rao_covariance(params, psf, *, prior_covariance=None, **noise):
    """
    Smallest covariance of the latent parameters, marginalised over the sky.

    Parameters
    ----------
    params : array_like, shape (N, 7)
        True physical parameters, as for `fisher_matrix`.
    psf : array_like, shape (N, k, k) or (1, k, k)
        Effective PSFs.
    prior_covariance : array_like, shape (7, 7), optional
        Covariance of the latent parameters in the population (see
        `prior_covariance_from_draws`), whose inverse is added as information:
        the limit of estimators that know the prior.
    **noise
        ``sky_sigma``, ``gain``, ``shape``, ``error`` and ``mask`` of
        `fisher_matrix`.

    Returns
    -------
    `~numpy.ndarray`, shape (N, 7, 7)
        In the order of `astro_cnnfit.parameters.LATENT_NAMES`.
    """
    fisher = fisher_matrix(params, psf, **noise)
    if prior_covariance is not None:
        fisher[:, :_N_LATENT, :_N_LATENT] += np.linalg.inv(prior_covariance)
    return _inverse(fisher)[:, :_N_LATENT, :_N_LATENT]


def joint_cramer_rao_covariance(params, psf, *, error, prior_covariance=None):
    """
    Smallest covariance of one galaxy whose neighbours are to be measured with it.

    Parameters
    ----------
    params : array_like, shape (N, 7)
        True physical parameters of all galaxies of one cut-out, in the order of
        `astro_cnnfit.parameters.NAMES`, centres relative to that of the cut-out.
    psf : array_like, shape (N, k, k) or (1, k, k)
        Effective PSFs.
    error : array_like, shape (ny, nx)
        Standard deviation of each pixel of the cut-out.
    prior_covariance : array_like, shape (7, 7), optional
        As for `cramer_rao_covariance`; the same for all.

    Returns
    -------
    `~numpy.ndarray`, shape (7, 7)
        Of the first galaxy, in the order of `astro_cnnfit.parameters.LATENT_NAMES`,
        marginalised over the others and the sky.
    """
    error = np.asarray(error, dtype=float)
    _, derivatives = latent_derivatives(params, psf, error.shape)
    # One sky, after all galaxies.
    by_latent = derivatives[:, :_N_LATENT].reshape(-1, error.size)
    flat = np.concatenate([by_latent, np.ones((1, error.size))]) / error.ravel()
    fisher = flat @ flat.T
    if prior_covariance is not None:
        information = np.kron(np.eye(len(params)), np.linalg.inv(prior_covariance))
        fisher[:-1, :-1] += information
    return _inverse(fisher[np.newaxis])[0, :_N_LATENT, :_N_LATENT]


def _inverse(fisher):
    """Inverse in units of the conditional errors, where it is well conditioned."""
    scale = 1 / np.sqrt(np.diagonal(fisher, axis1=1, axis2=2))
    unit = fisher * scale[:, :, None] * scale[:, None, :]
    return np.linalg.inv(unit) * scale[:, :, None] * scale[:, None, :]


def cramer_rao_nmad(
    params,
    psf,
    *,
    n_draws=10,
    pixel_scale=0.2,
    zeropoint=30.0,
    prior_covariance=None,
    rng=None,
    **noise,
):
    """
    Compute the statistics of GaLNets I that an ideal measurement would reach.

    Each galaxy is "measured" by draws from a Gaussian about its true latent
    parameters with the Cramer-Rao covariance.

    Parameters
    ----------
    params : array_like, shape (N, 7)
        True physical parameters, as for `fisher_matrix`.
    psf : array_like, shape (N, k, k) or (1, k, k)
        Effective PSFs.
    n_draws : int
        Draws for each galaxy.
    pixel_scale, zeropoint : float
        As for `~astro_cnnfit.evaluation.summary.sersic_summary`.
    prior_covariance : array_like, shape (7, 7), optional
        As for `cramer_rao_covariance`.
    rng : `numpy.random.Generator` or int, optional
        Source of the draws.
    **noise
        ``sky_sigma``, ``gain``, ``shape``, ``error`` and ``mask`` of
        `fisher_matrix`.

    Returns
    -------
    `~astropy.table.Table`
        As `~astro_cnnfit.evaluation.summary.sersic_summary`: R2, outliers and
        NMAD for each parameter.
    """
    rng = np.random.default_rng(rng)
    covariance = cramer_rao_covariance(
        params, psf, prior_covariance=prior_covariance, **noise
    )
    latent = encode(params)
    root = np.linalg.cholesky(covariance)
    normal = rng.standard_normal((n_draws, *latent.shape, 1))
    drawn = latent + (root @ normal)[..., 0]
    true = np.tile(np.asarray(params, dtype=float), (n_draws, 1))
    pred = decode(drawn).reshape(-1, _N_LATENT)
    return sersic_summary(pred, true, pixel_scale, zeropoint)
