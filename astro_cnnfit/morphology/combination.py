# Licensed under a 3-clause BSD style license - see LICENSE
"""
The network's and the classical value as one, each weighted by its error.

The classical value is first freed of its bias, by a cubic ridge regression on
what the classical measure gives for the same galaxy. Its error is tabulated in
S/N; that of the network is the network's own. Both see the same noise, so their
errors are correlated; the weights are those of the best linear combination,

    w = (c^2 - r n c) / (n^2 + c^2 - 2 r n c),

for errors n of the network and c of the classical value with correlation r, kept
within 0 and 1. What
`~astro_cnnfit.morphology.combination_fit.fit_combination` finds on simulated
galaxies is plain numbers, kept in the network's description.
"""

from itertools import combinations_with_replacement

import numpy as np

from astro_cnnfit.measures import LATENT_MEASURES, latent_index

__all__ = [
    "COMBINED",
    "FEATURES",
    "classical_latent",
    "combine",
    "looked_up",
    "regressed",
    "terms",
    "weights",
]

COMBINED = tuple(name for name in LATENT_MEASURES if name not in ("x", "y"))
"""Latent quantities that are combined; the centre is the network's."""

FEATURES = (
    *("concentration", "asymmetry", "smoothness", "gini", "m20", "rms_asymmetry"),
    *("log_rpetro", "log_snr"),
)
"""Classical values that the regression sees."""

_DEGREE = 3
# Features are kept within this many of their scatters: a cubic runs away.
_CLIP = 3.0


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


def regressed(classical, fit):
    """
    Classical values without the bias that simulations showed.

    Parameters
    ----------
    classical : `~numpy.ndarray`
        (N, 12), see `classical_latent`.
    fit : dict
        Of `~astro_cnnfit.morphology.fit_combination`.

    Returns
    -------
    `~numpy.ndarray`
        (N, 12); NaN where any of `FEATURES` is undefined, and for the centre.
    """
    columns = [latent_index(name) for name in fit["features"]]
    products = terms(classical[:, columns], fit)
    result = np.full(classical.shape, np.nan)
    for name, table in fit["quantities"].items():
        place = latent_index(name)
        result[:, place] = classical[:, place] + products @ np.array(
            table["coefficients"]
        )
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
        Of `~astro_cnnfit.morphology.fit_combination`.
    trusted : bool or `~numpy.ndarray` of bool
        (N,) whether the network's value counts; where it does not, the classical
        one stands alone and as it is, if there is one.

    Returns
    -------
    mean : `~numpy.ndarray`
        (N, 12) combined.
    covariance : `~numpy.ndarray`
        (N, 12, 12): the network's correlations with the combined errors.
    weight : `~numpy.ndarray`
        (N, 12) share of the network: 1 where the classical value is undefined.
    """
    # Where the network does not count, nor does a regression on what it saw.
    few = np.reshape(trusted, (-1, 1))
    value = np.where(few, regressed(classical, fit), classical)
    sigma = np.sqrt(np.einsum("ijj->ij", covariance))
    snr = mean[:, latent_index("log_snr")]
    result, error, share = mean.copy(), sigma.copy(), np.ones(mean.shape)
    for name, table in fit["quantities"].items():
        place = latent_index(name)
        own, correlation = looked_up(table, snr, fit)
        weight, joined = weights(sigma[:, place], own, correlation)
        weight = np.where(trusted, weight, 0.0)
        joined = np.where(trusted, joined, own)
        joined = joined * np.interp(snr, fit["log_snr"], table["scale"])
        known = np.isfinite(value[:, place])
        blend = weight * mean[:, place] + (1 - weight) * value[:, place]
        result[:, place] = np.where(known, blend, mean[:, place])
        error[:, place] = np.where(known, joined, sigma[:, place])
        share[:, place] = np.where(known, weight, 1.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.where(sigma > 0, error / sigma, 1.0)
    return result, covariance * ratio[:, :, None] * ratio[:, None, :], share


def terms(seen, fit):
    """
    All products of up to three standardised features.

    Parameters
    ----------
    seen : `~numpy.ndarray`
        (N, K) classical values.
    fit : dict
        With ``centre`` and ``width`` of each of the K.

    Returns
    -------
    `~numpy.ndarray`
        (N, M), the first column of ones.
    """
    scaled = (seen - fit["centre"]) / np.asarray(fit["width"])
    scaled = np.clip(scaled, -_CLIP, _CLIP)
    columns = [np.ones(len(scaled))]
    for degree in range(1, _DEGREE + 1):
        for factors in combinations_with_replacement(range(scaled.shape[1]), degree):
            columns.append(np.prod(scaled[:, factors], axis=1))
    return np.stack(columns, axis=1)


def looked_up(table, snr, fit):
    """
    Classical error, and its correlation with the network's, at some S/N.

    Parameters
    ----------
    table : dict
        Of one quantity.
    snr : `~numpy.ndarray`
        (N,) decimal logarithms.
    fit : dict
        Of which the table is.

    Returns
    -------
    error, correlation : `~numpy.ndarray`
        (N,) each.
    """
    return tuple(
        np.interp(snr, fit["log_snr"], table[name]) for name in ("error", "correlation")
    )


def weights(network, own, correlation):
    """
    Weights of the best linear combination of two correlated values.

    Parameters
    ----------
    network, own : `~numpy.ndarray`
        (N,) standard deviations of the network's and the classical value.
    correlation : `~numpy.ndarray`
        (N,) of their errors.

    Returns
    -------
    weight, error : `~numpy.ndarray`
        (N,) share of the network, from 0 to 1, and standard deviation of the
        combination.
    """
    both = correlation * network * own
    scatter = np.maximum(network**2 + own**2 - 2 * both, 1e-30)
    weight = np.clip((own**2 - both) / scatter, 0, 1)
    rest = 1 - weight
    variance = (weight * network) ** 2 + (rest * own) ** 2 + 2 * weight * rest * both
    return weight, np.sqrt(np.maximum(variance, 1e-30))
