# Licensed under a 3-clause BSD style license - see LICENSE
"""
The fair opponent of a network: a regression on what the classical code measures.

A ridge regression with all terms up to the third power of five measured values. It
is told of the same galaxies and noise as the networks, and so knows by how much a
classical measurement is biased at its S/N.
"""

from itertools import combinations_with_replacement

import numpy as np

__all__ = ["INPUTS", "fit_regression", "predict_regression", "regression_inputs"]

INPUTS = ("C", "A", "log R_p", "log SNR_p", "r50 / R_p")
_DEGREE = 3
# In standard deviations: beyond, a cubic is no longer a guess but an accident.
_CLIP = 3.0


def regression_inputs(measured):
    """
    The five values, from the dictionary of the classical code.

    Parameters
    ----------
    measured : dict of `~numpy.ndarray`
        (N,) arrays of `astro_cnnfit.morphology.classical.measure_stamps`.

    Returns
    -------
    `~numpy.ndarray`
        (N, 5), NaN where one of them is undefined.
    """
    radius = measured["rpetro_ellip"]
    with np.errstate(invalid="ignore", divide="ignore"):
        columns = [
            measured["concentration"],
            measured["asymmetry"],
            np.log10(radius),
            np.log10(measured["sn_per_pixel"]),
            measured["r50"] / radius,
        ]
    inputs = np.stack(columns, axis=1)
    inputs[~np.isfinite(inputs).all(axis=1)] = np.nan
    return inputs


def fit_regression(inputs, targets, ridge=1e-3):
    """
    Fit the regression.

    Parameters
    ----------
    inputs : `~numpy.ndarray`
        (N, D); rows with NaN are left out.
    targets : `~numpy.ndarray`
        (N, K)
    ridge : float
        Weight of the squared coefficients, per galaxy.

    Returns
    -------
    dict
        ``centre`` and ``width`` (D,) and ``coefficients`` (terms, K).
    """
    good = np.isfinite(inputs).all(axis=1) & np.isfinite(targets).all(axis=1)
    inputs, targets = inputs[good], targets[good]
    low, centre, high = np.quantile(inputs, [0.16, 0.5, 0.84], axis=0)
    fit = {"centre": centre, "width": (high - low) / 2}
    terms = _terms(inputs, fit)
    penalty = ridge * len(terms) * np.eye(terms.shape[1])
    penalty[0, 0] = 0.0
    normal = terms.T @ terms + penalty
    return fit | {"coefficients": np.linalg.solve(normal, terms.T @ targets)}


def predict_regression(fit, inputs):
    """
    Apply the regression.

    Parameters
    ----------
    fit : dict
        From `fit_regression`.
    inputs : `~numpy.ndarray`
        (N, D)

    Returns
    -------
    `~numpy.ndarray`
        (N, K), NaN where an input is.
    """
    return _terms(inputs, fit) @ fit["coefficients"]


def _terms(inputs, fit):
    """All products of up to three inputs, the constant first."""
    scaled = np.clip((inputs - fit["centre"]) / fit["width"], -_CLIP, _CLIP)
    columns = range(scaled.shape[1])
    terms = [np.ones(len(scaled))]
    for degree in range(1, _DEGREE + 1):
        for chosen in combinations_with_replacement(columns, degree):
            terms.append(np.prod(scaled[:, chosen], axis=1))
    return np.stack(terms, axis=1)
