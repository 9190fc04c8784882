# Licensed under a 3-clause BSD style license - see LICENSE
"""
How probable it is that an object is a point source, from its posterior.

A small network (two hidden layers of `tanh`) looks at what the large one said: size
relative to the PSF, index, ellipticity, and the error of each. Its weights are in the
model's description, under ``point_like``; `astro_cnnfit.training.point_like` fits them.
"""

import numpy as np

from astro_cnnfit.parameters import LATENT_NAMES, decode, effective_snr

__all__ = ["apply_layers", "point_like_features", "point_like_probability"]

_NAMES = ("log_flux", "log_r_eff", "log_n", "e1", "e2")
_FLUX, _R_EFF, _N, _E1, _E2 = (LATENT_NAMES.index(name) for name in _NAMES)
FEATURES = (
    *("log_size", "log_size_err", "log_n", "log_n_err"),
    *("flux_err", "psf_fwhm", "ellipticity", "ellipticity_err"),
)
"""Names of the features; those of errors and of the PSF's width are logarithms."""
RANGES = "psf_fwhm", "snr"
"""What must lie in its range for the probability to hold: ``snr`` is only bounded
below, for bright objects are no harder than less bright ones."""


def point_like_features(latent, covariance, psf_fwhm):
    """
    What tells a point source from a galaxy.

    Parameters
    ----------
    latent : `~numpy.ndarray`
        (N, 7) in the order of `~astro_cnnfit.parameters.LATENT_NAMES`, in pixels of
        the stamp.
    covariance : `~numpy.ndarray`
        (N, 7, 7)
    psf_fwhm : float or `~numpy.ndarray`
        Width of the PSF in pixels of the stamp, (N,) or one for all.

    Returns
    -------
    `~numpy.ndarray`
        (N, 8), in the order of `FEATURES`; not finite where something is not.
    """
    latent, covariance = np.asarray(latent, float), np.asarray(covariance, float)
    with np.errstate(divide="ignore", invalid="ignore"):
        width = np.broadcast_to(np.log10(psf_fwhm), len(latent))
        variance = np.diagonal(covariance, axis1=1, axis2=2)
        error = np.log10(variance) / 2
        shape_error = np.log10(variance[:, _E1] + variance[:, _E2]) / 2
    return np.column_stack(
        [
            latent[:, _R_EFF] - width,
            error[:, _R_EFF],
            latent[:, _N],
            error[:, _N],
            error[:, _FLUX],
            width,
            np.hypot(latent[:, _E1], latent[:, _E2]),
            shape_error,
        ]
    )


def point_like_probability(latent, covariance, psf_fwhm, point_like):
    """
    Probability that objects are point sources.

    Parameters
    ----------
    latent : `~numpy.ndarray`
        (N, 7) in the order of `~astro_cnnfit.parameters.LATENT_NAMES`, in pixels of
        the stamp, the flux in units of the sky noise of a pixel of the stamp.
    covariance : `~numpy.ndarray`
        (N, 7, 7), calibrated, of a network and not of a refinement.
    psf_fwhm : float or `~numpy.ndarray`
        Width of the PSF in pixels of the stamp, (N,) or one for all.
    point_like : dict or None
        What the network's description has under ``point_like``.

    Returns
    -------
    `~numpy.ndarray`
        (N,), among equal numbers of point sources and galaxies of the training. NaN
        where the network has no ``point_like``, something is not finite, the PSF is
        not as wide as those of the training or the object is fainter.

    Notes
    -----
    Where a fraction f of the objects are point sources, a probability p becomes
    p f / (p f + (1 - p) (1 - f)).
    """
    latent = np.asarray(latent, float)
    if point_like is None:
        return np.full(len(latent), np.nan)
    seen = point_like_features(latent, covariance, psf_fwhm)
    with np.errstate(all="ignore"):
        snr = effective_snr(decode(latent), psf_fwhm)
        known = np.isfinite(seen).all(axis=1) & np.isfinite(latent).all(axis=1)
        low, high = point_like["ranges"]["psf_fwhm"]
        known &= (np.asarray(psf_fwhm) >= low) & (np.asarray(psf_fwhm) <= high)
        known &= snr >= point_like["ranges"]["snr"][0]
    probability = np.full(len(latent), np.nan)
    probability[known] = apply_layers(seen[known], point_like)
    return probability


def apply_layers(seen, fit):
    """
    Probability that a small network gives.

    Parameters
    ----------
    seen : `~numpy.ndarray`
        (N, K) features, finite.
    fit : dict
        ``centre``, ``width``, ``clip`` and ``layers`` of ``weights`` and ``bias``.

    Returns
    -------
    `~numpy.ndarray`
        (N,)
    """
    values = (seen - fit["centre"]) / fit["width"]
    values = np.clip(values, -fit["clip"], fit["clip"])
    *hidden, last = fit["layers"]
    for layer in hidden:
        values = np.tanh(values @ np.array(layer["weights"]) + layer["bias"])
    logit = values @ np.array(last["weights"]) + last["bias"]
    return 1 / (1 + np.exp(-np.clip(logit[:, 0], -700, 700)))
