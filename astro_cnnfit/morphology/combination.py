# Licensed under a 3-clause BSD style license - see LICENSE
"""
The network's and the classical value as one, each weighted by its error.

The classical value is first freed of its bias, by a cubic ridge regression on
what the classical measure gives for the same galaxy. Its error is tabulated in
S/N; that of the network is the network's own. Both see the same noise, so their
errors are correlated; the weights are those of the best linear combination,

    w = (c^2 - r n c) / (n^2 + c^2 - 2 r n c),

for errors n of the network and c of the classical value with correlation r, kept
within 0 and 1. What `fit_combination` finds on simulated galaxies is plain
numbers, kept as JSON.
"""

import json
from functools import cache
from itertools import combinations_with_replacement
from pathlib import Path

import numpy as np

from astro_cnnfit.measures import LATENT_MEASURES, latent_index

__all__ = [
    "COMBINED",
    "FEATURES",
    "classical_latent",
    "combine",
    "fit_combination",
    "load_combination",
    "regressed",
]

COMBINED = tuple(name for name in LATENT_MEASURES if name not in ("x", "y"))
"""Latent quantities that are combined; the centre is the network's."""

FEATURES = (
    *("concentration", "asymmetry", "smoothness", "gini", "m20", "rms_asymmetry"),
    *("log_rpetro", "log_snr"),
)
"""Classical values that the regression sees."""

_FILE = Path(__file__).parent / "combination.json"
_DEGREE = 3
_RIDGE = 1e-3
# Features are kept within this many of their scatters: a cubic runs away.
_CLIP = 3.0
# Errors are tabulated at these S/N per pixel.
_SNR = (1.5, 2.5, 4.0, 7.0, 14.0, 30.0, 60.0)
_MIN_ROWS = 30
# Residuals farther out, in robust scatters, are left out of an error.
_OUTLIER = 5.0


def classical_latent(values):
    """
    Classical measures in the order of networks.

    Parameters
    ----------
    values : dict of `~numpy.ndarray`
        (N,) each: what `~astro_cnnfit.morphology.classical.measure_stamps` gives,
        of stamps of one size; without centres, ``x`` and ``y`` are NaN.

    Returns
    -------
    `~numpy.ndarray`
        (N, 12) in the order of `~astro_cnnfit.measures.LATENT_MEASURES`; NaN where
        undefined.
    """
    sources = {
        "log_r20": "r20",
        "log_r50": "r50",
        "log_rpetro": "rpetro_ellip",
        "log_snr": "sn_per_pixel",
    }
    n = len(values["concentration"])
    columns = []
    for name in LATENT_MEASURES:
        if name in ("x", "y"):
            columns.append(np.full(n, np.nan))
        elif name in sources:
            value = np.asarray(values[sources[name]], dtype=float)
            with np.errstate(invalid="ignore", divide="ignore"):
                value = np.log10(np.where(value > 0, value, np.nan))
            columns.append(value)
        else:
            columns.append(np.asarray(values[name], dtype=float))
    return np.stack(columns, axis=1)


def fit_combination(classical, mean, covariance, true):
    """
    Learn how to combine from galaxies of known morphology.

    Parameters
    ----------
    classical : `~numpy.ndarray`
        (N, 12) classical values, see `classical_latent`; NaN where undefined.
    mean, covariance : `~numpy.ndarray`
        (N, 12) and (N, 12, 12) of the network, on the same stamps.
    true : `~numpy.ndarray`
        (N, 12) measured without noise.

    Returns
    -------
    dict
        Plain numbers for `combine`, which `json.dumps` takes: ``centre``,
        ``width`` and, for each of `COMBINED`, the ``coefficients`` of the
        regression, and at each of ``log_snr`` the classical ``error``, its
        ``correlation`` with the network's and a ``scale`` by which the combined
        error is multiplied to cover 68 per cent.
    """
    columns = [latent_index(name) for name in FEATURES]
    seen = classical[:, columns]
    good = np.isfinite(seen).all(axis=1) & np.isfinite(true).all(axis=1)
    centre = np.median(seen[good], axis=0)
    low, high = np.quantile(seen[good], (0.16, 0.84), axis=0)
    fit = {
        "features": list(FEATURES),
        "centre": centre.tolist(),
        "width": np.maximum((high - low) / 2, 1e-6).tolist(),
        "log_snr": np.log10(_SNR).tolist(),
        "rows": int(good.sum()),
        "quantities": {},
    }
    terms = _terms(seen, fit)
    sigma = np.sqrt(np.einsum("ijj->ij", covariance))
    snr = mean[:, latent_index("log_snr")]
    for name in COMBINED:
        place = latent_index(name)
        rows = good & np.isfinite(classical[:, place])
        coefficients = _ridge(terms[rows], (true - classical)[rows, place])
        value = classical[:, place] + terms @ coefficients
        errors = value - true[:, place], mean[:, place] - true[:, place]
        table = {"coefficients": coefficients.tolist()}
        table |= _errors_by_snr(*errors, snr, rows)
        weight, error = _weights(sigma[:, place], *_looked_up(table, snr, fit))
        joined = weight * errors[1] + (1 - weight) * errors[0]
        table["scale"] = _by_snr(
            snr, rows, lambda some, e=joined / error: _quantile68(e[some])
        )
        fit["quantities"][name] = table
    return fit


def regressed(classical, fit):
    """
    Classical values without the bias that simulations showed.

    Parameters
    ----------
    classical : `~numpy.ndarray`
        (N, 12), see `classical_latent`.
    fit : dict
        Of `fit_combination`.

    Returns
    -------
    `~numpy.ndarray`
        (N, 12); NaN where any of `FEATURES` is undefined, and for the centre.
    """
    columns = [latent_index(name) for name in fit["features"]]
    terms = _terms(classical[:, columns], fit)
    result = np.full(classical.shape, np.nan)
    for name, table in fit["quantities"].items():
        place = latent_index(name)
        result[:, place] = classical[:, place] + terms @ np.array(table["coefficients"])
    return result


def combine(classical, mean, covariance, fit, *, trusted=True):
    """
    Combine the classical values with the network's.

    Parameters
    ----------
    classical : `~numpy.ndarray`
        (N, 12), see `classical_latent`.
    mean, covariance : `~numpy.ndarray`
        (N, 12) and (N, 12, 12) of the network.
    fit : dict
        Of `fit_combination`.
    trusted : bool or `~numpy.ndarray` of bool
        (N,) whether the network's value counts; where it does not, the classical
        one stands alone, if there is one.

    Returns
    -------
    mean : `~numpy.ndarray`
        (N, 12) combined.
    covariance : `~numpy.ndarray`
        (N, 12, 12): the network's correlations with the combined errors.
    weight : `~numpy.ndarray`
        (N, 12) share of the network: 1 where the classical value is undefined.
    """
    value = regressed(classical, fit)
    sigma = np.sqrt(np.einsum("ijj->ij", covariance))
    snr = mean[:, latent_index("log_snr")]
    result, error, weights = mean.copy(), sigma.copy(), np.ones(mean.shape)
    for name, table in fit["quantities"].items():
        place = latent_index(name)
        own, correlation = _looked_up(table, snr, fit)
        weight, joined = _weights(sigma[:, place], own, correlation)
        weight = np.where(trusted, weight, 0.0)
        joined = np.where(trusted, joined, own)
        joined = joined * np.interp(snr, fit["log_snr"], table["scale"])
        known = np.isfinite(value[:, place])
        blend = weight * mean[:, place] + (1 - weight) * value[:, place]
        result[:, place] = np.where(known, blend, mean[:, place])
        error[:, place] = np.where(known, joined, sigma[:, place])
        weights[:, place] = np.where(known, weight, 1.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.where(sigma > 0, error / sigma, 1.0)
    return result, covariance * ratio[:, :, None] * ratio[:, None, :], weights


@cache
def load_combination(path=_FILE):
    """
    Read what `fit_combination` found.

    Parameters
    ----------
    path : path-like
        A JSON file; by default that of the bundled network.

    Returns
    -------
    dict or None
        None where there is no such file.
    """
    path = Path(path)
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def _terms(seen, fit):
    """All products of up to three standardised features, (N, M)."""
    scaled = (seen - fit["centre"]) / np.asarray(fit["width"])
    scaled = np.clip(scaled, -_CLIP, _CLIP)
    columns = [np.ones(len(scaled))]
    for degree in range(1, _DEGREE + 1):
        for factors in combinations_with_replacement(range(scaled.shape[1]), degree):
            columns.append(np.prod(scaled[:, factors], axis=1))
    return np.stack(columns, axis=1)


def _ridge(terms, target):
    """Least squares with small coefficients, twice: outliers left out at last."""
    kept = np.ones(len(target), bool)
    for _ in range(2):
        some = terms[kept]
        penalty = _RIDGE * len(some) * np.eye(terms.shape[1])
        penalty[0, 0] = 0
        coefficients = np.linalg.solve(some.T @ some + penalty, some.T @ target[kept])
        residual = np.abs(target - terms @ coefficients)
        kept = residual <= _OUTLIER * _quantile68(residual[kept])
    return coefficients


def _errors_by_snr(own, network, snr, rows):
    def scatter(some):
        spread = _quantile68(own[some])
        kept = some[np.abs(own[some]) <= _OUTLIER * spread]
        return np.sqrt(np.mean(np.square(own[kept])))

    def correlation(some):
        spreads = _quantile68(own[some]), _quantile68(network[some])
        kept = some[np.abs(own[some]) <= _OUTLIER * spreads[0]]
        kept = kept[np.abs(network[kept]) <= _OUTLIER * spreads[1]]
        product = np.mean(own[kept] * network[kept])
        both = np.mean(own[kept] ** 2) * np.mean(network[kept] ** 2)
        return np.clip(product / np.sqrt(max(both, 1e-30)), -0.5, 0.95)

    return {
        "error": _by_snr(snr, rows, scatter),
        "correlation": _by_snr(snr, rows, correlation),
    }


def _by_snr(snr, rows, statistic):
    """A statistic of the rows around each S/N, widened until there are enough."""
    found = []
    for node in np.log10(_SNR):
        distance = np.where(rows, np.abs(snr - node), np.inf)
        near = np.flatnonzero(distance < 0.15)
        if near.size < _MIN_ROWS:
            near = np.argsort(distance)[: min(_MIN_ROWS, int(rows.sum()))]
        found.append(float(f"{statistic(near):.4g}"))
    return found


def _quantile68(values):
    return max(float(np.quantile(np.abs(values), 0.683)), 1e-12)


def _looked_up(table, snr, fit):
    """Classical error and correlation at some S/N."""
    return tuple(
        np.interp(snr, fit["log_snr"], table[name]) for name in ("error", "correlation")
    )


def _weights(network, own, correlation):
    """Share of the network, and the error of the combination."""
    both = correlation * network * own
    scatter = np.maximum(network**2 + own**2 - 2 * both, 1e-30)
    weight = np.clip((own**2 - both) / scatter, 0, 1)
    rest = 1 - weight
    variance = (weight * network) ** 2 + (rest * own) ** 2 + 2 * weight * rest * both
    return weight, np.sqrt(np.maximum(variance, 1e-30))
