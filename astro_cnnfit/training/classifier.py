# Licensed under a 3-clause BSD style license - see LICENSE
"""A small network that tells two classes apart, fitted by their likelihood."""

from itertools import pairwise

import numpy as np
from scipy.optimize import minimize

__all__ = ["fit_layers", "round_digits"]

_HIDDEN = 16, 16
_CLIP = 2.5
# Weight of the squared weights, by held-out scenes.
_RIDGE = 1e-4


def fit_layers(seen, truth, seed):
    """
    Fit a small network to two classes, by their likelihood.

    Parameters
    ----------
    seen : `~numpy.ndarray`
        (N, K) features; rows that are not finite are left out.
    truth : `~numpy.ndarray` of bool
        (N,)
    seed : int
        Of the weights with which the fit begins.

    Returns
    -------
    dict
        As `~astro_cnnfit.weights.point_like.apply_layers` takes it.
    """
    good = np.isfinite(seen).all(axis=1)
    seen, truth = seen[good], truth[good].astype(float)
    centre, width = seen.mean(axis=0), seen.std(axis=0)
    values = np.clip((seen - centre) / width, -_CLIP, _CLIP)
    rng = np.random.default_rng(seed)
    sizes = (values.shape[1], *_HIDDEN, 1)
    # The last row of each is the bias.
    start = [
        np.concatenate([rng.normal(0, 1 / np.sqrt(a), (a, b)), np.zeros((1, b))])
        for a, b in pairwise(sizes)
    ]
    layers = _minimize(values, truth, start)
    return {
        "centre": round_digits(centre),
        "width": round_digits(width),
        "clip": _CLIP,
        "layers": [
            {"weights": round_digits(layer[:-1]), "bias": round_digits(layer[-1])}
            for layer in layers
        ],
    }


def round_digits(values):
    """Nested lists of numbers, to six digits."""
    return np.vectorize(lambda x: float(f"{x:.6g}"))(np.asarray(values)).tolist()


def _minimize(values, truth, start):
    """Layers with the largest likelihood."""
    edges = np.cumsum([layer.size for layer in start])[:-1]

    def unpack(flat):
        parts = zip(np.split(flat, edges), start, strict=True)
        return [part.reshape(layer.shape) for part, layer in parts]

    def loss(flat):
        total, slopes = _loss(unpack(flat), values, truth)
        slope = np.concatenate([part.ravel() for part in slopes])
        return total + _RIDGE * flat @ flat, slope + 2 * _RIDGE * flat

    first = np.concatenate([layer.ravel() for layer in start])
    found = minimize(loss, first, jac=True, method="L-BFGS-B", options={"maxiter": 600})
    return unpack(found.x)


def _loss(layers, values, truth):
    """Mean of minus the log likelihood, and its slopes."""
    seen = [values]
    for layer in layers[:-1]:
        seen.append(np.tanh(seen[-1] @ layer[:-1] + layer[-1]))
    logit = (seen[-1] @ layers[-1][:-1] + layers[-1][-1])[:, 0]
    total = np.mean(np.logaddexp(0, logit) - truth * logit)
    back = ((1 / (1 + np.exp(-logit)) - truth) / len(truth))[:, np.newaxis]
    slopes = []
    for layer, below in zip(layers[::-1], seen[::-1], strict=True):
        slopes.append(np.concatenate([below.T @ back, back.sum(0, keepdims=True)]))
        back = back @ layer[:-1].T * (1 - below**2)
    return total, slopes[::-1]
