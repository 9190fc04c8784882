# Licensed under a 3-clause BSD style license - see LICENSE
"""
Errors that hold, from scenes that the training never saw.

Each standard deviation is multiplied by a factor that depends, log-linearly, on
a few quantities that the network measured, such as flux and size: errors that are
right on average, but too small for large galaxies and too large for small ones,
would not be honest.
"""

import numpy as np
from scipy.optimize import minimize

__all__ = ["fit_calibration"]

LEVEL = 0.6827
_CLIP = 2.0
# Width over which the corner of the pinball loss is rounded, in log error.
_ROUNDING = 0.05


def fit_calibration(mean, covariance, true, *, latent, features):
    """
    Factors that make the 68 % intervals hold 68 % of the truths.

    Parameters
    ----------
    mean, covariance : `~numpy.ndarray`
        (N, K) and (N, K, K), latent, as the network gives them.
    true : `~numpy.ndarray`
        (N, K)
    latent : sequence of str
        Names of the K quantities.
    features : sequence of str
        Those with which the factors change.

    Returns
    -------
    dict
        As `~astro_cnnfit.weights.network.calibrate` takes it. A network that gives no
        errors gets the scatter that it showed instead, as ``covariance``.
    """
    error = mean - true
    sigma = np.sqrt(np.einsum("ijj->ij", covariance))
    if not np.any(sigma > 0):
        scatter = np.quantile(np.abs(error), LEVEL, axis=0)
        clipped = np.clip(error / scatter, -3, 3)
        correlation = np.atleast_2d(np.corrcoef(clipped.T))
        covariance = correlation * scatter[:, None] * scatter
        return {"scale": [1.0] * len(latent), "covariance": covariance.tolist()}
    index = [latent.index(name) for name in features]
    centre, width = mean[:, index].mean(axis=0), mean[:, index].std(axis=0)
    seen = np.clip((mean[:, index] - centre) / width, -_CLIP, _CLIP)
    excess = np.log(np.maximum(np.abs(error), 1e-12) / sigma)
    lines = np.array([_quantile_line(seen, column) for column in excess.T])
    return {
        "scale": np.exp(lines[:, 0]).tolist(),
        "covariance": np.zeros((len(latent), len(latent))).tolist(),
        "features": list(features),
        "centre": centre.tolist(),
        "width": width.tolist(),
        "clip": _CLIP,
        "slopes": lines[:, 1:].tolist(),
    }


def _quantile_line(seen, values):
    """Intercept and slopes of the 68 % quantile of values, linear in what is seen."""
    design = np.column_stack([np.ones(len(seen)), seen])

    def loss(line):
        above = values - design @ line
        # The pinball loss, its corner rounded.
        soft = np.logaddexp(0, above / _ROUNDING)
        slope = LEVEL - 1 + 1 / (1 + np.exp(-np.clip(above / _ROUNDING, -50, 50)))
        total = (LEVEL - 1) * above + _ROUNDING * soft
        return total.mean(), -(slope @ design) / len(values)

    start = np.zeros(design.shape[1])
    start[0] = np.quantile(values, LEVEL)
    return minimize(loss, start, jac=True, method="BFGS").x
