# Licensed under a 3-clause BSD style license - see LICENSE
"""Draws from the posterior of measured galaxies."""

import numpy as np

from astro_cnnfit.parameters import LATENT_NAMES, NAMES, PARAMETERS, decode

from .columns import assemble
from .results import COLUMNS
from .sky import sky_columns

__all__ = ["draw_parameters", "draw_table"]

# How often draws beyond the range are drawn again, before they are moved to it.
_ATTEMPTS = 30
_BOUNDS = {parameter.name: parameter.bounds for parameter in PARAMETERS}
_LOG_N, _E1, _E2 = (LATENT_NAMES.index(name) for name in ("log_n", "e1", "e2"))


def draw_parameters(latent, covariance, n, rng):
    """
    Draw physical parameters from Gaussian posteriors in latent space.

    Parameters
    ----------
    latent : `~numpy.ndarray`
        (N, 7) in the order of `~astro_cnnfit.parameters.LATENT_NAMES`.
    covariance : `~numpy.ndarray`
        (N, 7, 7), of ``latent``.
    n : int
        Draws for each galaxy.
    rng : `numpy.random.Generator`
        Source of random numbers.

    Returns
    -------
    `~numpy.ndarray`
        (N, n, 7) in the order of `~astro_cnnfit.parameters.NAMES`; NaN for rows
        that are not finite.

    Notes
    -----
    The Gaussian is cut off at the bounds of the Sersic index, 0.3 and 8, and of
    the ellipticity, 0.95, beyond which there are no galaxies in training: draws
    beyond them are drawn again. Where nearly all of the posterior lies beyond,
    the last draws are moved to the bound.
    """
    params = np.full((len(latent), n, len(NAMES)), np.nan)
    good = np.isfinite(latent).all(axis=1) & np.isfinite(covariance).all(axis=(1, 2))
    rows = np.flatnonzero(good)
    if rows.size == 0 or n == 0:
        return params
    root = _roots(covariance[rows])
    draws = np.empty((len(rows), n, len(NAMES)))
    again = np.ones(draws.shape[:2], dtype=bool)
    for _ in range(_ATTEMPTS):
        galaxy, _ = np.nonzero(again)
        normal = rng.standard_normal((len(galaxy), len(NAMES)))
        offset = np.einsum("mij,mj->mi", root[galaxy], normal)
        draws[again] = latent[rows[galaxy]] + offset
        again = _outside(draws)
        if not again.any():
            break
    params[rows] = decode(_moved_inside(draws))
    return params


def _roots(covariance):
    """Square roots of covariances, which need not be strictly positive."""
    scale = np.sqrt(np.maximum(np.diagonal(covariance, axis1=1, axis2=2), 1e-30))
    correlation = covariance / (scale[:, :, None] * scale[:, None, :])
    values, vectors = np.linalg.eigh(correlation)
    root = vectors * np.sqrt(np.maximum(values, 0.0))[:, None, :]
    return scale[:, :, None] * root


def _limits():
    low, high = np.log10(_BOUNDS["n"])
    ellip = _BOUNDS["ellip"][1]
    return low, high, ellip / (2 - ellip)


def _outside(draws):
    low, high, longest = _limits()
    log_n = draws[..., _LOG_N]
    length = np.hypot(draws[..., _E1], draws[..., _E2])
    return (log_n < low) | (log_n > high) | (length > longest)


def _moved_inside(draws):
    low, high, longest = _limits()
    draws[..., _LOG_N] = np.clip(draws[..., _LOG_N], low, high)
    length = np.hypot(draws[..., _E1], draws[..., _E2])
    shrink = np.minimum(1.0, longest / np.maximum(length, longest))
    draws[..., [_E1, _E2]] *= shrink[..., np.newaxis]
    return draws


def draw_table(params, ids, *, unit=None, zeropoint=None, pixel_scale=None, wcs=None):
    """
    Draws under the names and with the units of the table of results.

    Parameters
    ----------
    params : `~numpy.ndarray`
        (N, n, 7), ``x_0, y_0`` in pixels of the image.
    ids : array_like
        (N,)
    unit : `~astropy.units.Unit`, optional
        Unit of the image.
    zeropoint : float, optional
        Adds ``mag_fit``.
    pixel_scale : float, optional
        In arcsec; adds ``r_eff_sky_fit``.
    wcs : WCS, optional
        Of the image; adds ``r_eff_sky_fit`` and ``pa_fit``.

    Returns
    -------
    `~astropy.table.QTable`
        Columns ``id`` (N,) and (N, n).
    """
    values = {"id": np.asarray(ids)}
    for index, name in enumerate(NAMES):
        values[f"{name.removesuffix('_0')}_fit"] = params[..., index]
    values["theta_fit"] = np.degrees(values["theta_fit"])
    if zeropoint is not None:
        values["mag_fit"] = zeropoint - 2.5 * np.log10(values["flux_fit"])
    values |= _on_the_sky(params, pixel_scale, wcs)
    return assemble(COLUMNS, values, unit=unit, meta={})


def _on_the_sky(params, pixel_scale, wcs):
    flat = params.reshape(-1, len(NAMES))
    nothing = np.zeros((len(flat), len(NAMES), len(NAMES)))
    columns = sky_columns(flat, nothing, wcs=wcs, pixel_scale=pixel_scale)
    names = ("r_eff_sky_fit", "pa_fit")
    return {
        name: np.reshape(columns[name], params.shape[:2])
        for name in names
        if name in columns
    }
