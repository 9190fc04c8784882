# Licensed under a 3-clause BSD style license - see LICENSE
"""How the network's and the classical values err, from galaxies of known morphology."""

from dataclasses import replace

import numpy as np
from tqdm.auto import tqdm

from astro_cnnfit.measures import latent_index
from astro_cnnfit.training.galaxies import GalaxyStream
from astro_cnnfit.weights import load_network, read_description
from astro_cnnfit.weights.files import write_description

from .classical import measure_stamps
from .combination import COMBINED, FEATURES, classical_latent, looked_up, terms, weights
from .detection import find_sources

__all__ = ["add_combination", "classical_values", "fit_combination"]

_CHUNK = 500
# Added to the seed: neither training nor the calibration of errors saw this noise.
_OTHER = 2_000_001
_RIDGE = 1e-3
# Errors are tabulated at these S/N per pixel.
_SNR = (1.5, 2.5, 4.0, 7.0, 14.0, 30.0, 60.0)
_MIN_ROWS = 30
# Residuals farther out, in robust scatters, are left out of an error.
_OUTLIER = 5.0


def add_combination(folder, config, library, number=7000, *, progress_bar=False):
    """
    Write into a network's description how to combine it with the classical measure.

    Parameters
    ----------
    folder : path-like
        The trained network's.
    config : `~astro_cnnfit.training.TrainingConfig`
        How it was trained.
    library : `~astro_cnnfit.training.galaxies.Library`
        Galaxies that it was not trained on.
    number : int
        Noisy stamps to measure, observed as in training.
    progress_bar : bool
        Show a bar.
    """
    other = replace(config, seed=config.seed + _OTHER, batch_size=_CHUNK, pool=2000)
    stream = GalaxyStream(other, library)
    steps = tqdm(range(-(-number // _CHUNK)), disable=not progress_bar, unit="chunk")
    parts = []
    for step in steps:
        seen = stream.observed(step)
        parts.append((seen.stamps, seen.labels, classical_values(seen.stamps)))
    stamps, true, classical = (
        np.concatenate(part) for part in zip(*parts, strict=True)
    )
    mean, covariance = load_network(folder).predict(stamps)
    _, description = read_description(folder)
    description["combination"] = fit_combination(classical, mean, covariance, true)
    write_description(folder, description)


def classical_values(stamps):
    """
    Classical values of noisy stamps, as a measurer would have them.

    Parameters
    ----------
    stamps : `~numpy.ndarray`
        (N, size, size) in units of the sky noise, without sky, as networks see
        them.

    Returns
    -------
    `~numpy.ndarray`
        (N, 12) in the order of `~astro_cnnfit.measures.LATENT_MEASURES`; NaN where
        undefined, and for the centre.
    """
    own, _ = find_sources(np.asarray(stamps, np.float32))
    return classical_latent(measure_stamps(stamps, segments=own, sky_sigma=1.0))


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
        Plain numbers for `combine`, which JSON takes: ``centre``,
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
    products = terms(seen, fit)
    sigma = np.sqrt(np.einsum("ijj->ij", covariance))
    snr = mean[:, latent_index("log_snr")]
    for name in COMBINED:
        place = latent_index(name)
        rows = good & np.isfinite(classical[:, place])
        target = (true - classical)[:, place]
        # Each galaxy counts as its S/N lets it: a correction that suits the noisiest
        # would spoil what is exact without it.
        spread = np.interp(snr, fit["log_snr"], _spread_by_snr(target, snr, rows))
        coefficients = _ridge(products[rows], target[rows], spread[rows])
        value = classical[:, place] + products @ coefficients
        errors = value - true[:, place], mean[:, place] - true[:, place]
        table = {"coefficients": [float(f"{x:.6g}") for x in coefficients]}
        table |= _errors_by_snr(*errors, snr, rows)
        weight, error = weights(sigma[:, place], *looked_up(table, snr, fit))
        joined = weight * errors[1] + (1 - weight) * errors[0]
        table["scale"] = _by_snr(
            snr, rows, lambda some, e=joined / error: _quantile68(e[some])
        )
        fit["quantities"][name] = table
    return fit


def _ridge(terms, target, spread):
    """Least squares with small coefficients, twice: outliers left out at last."""
    kept = np.ones(len(target), bool)
    weight = np.square(np.median(spread) / spread)[:, None]
    for _ in range(2):
        some = terms[kept]
        penalty = _RIDGE * len(some) * np.eye(terms.shape[1])
        penalty[0, 0] = 0
        weighted = (some * weight[kept]).T
        coefficients = np.linalg.solve(
            weighted @ some + penalty, weighted @ target[kept]
        )
        residual = np.abs(target - terms @ coefficients) / spread
        kept = residual <= _OUTLIER * _quantile68(residual[kept])
    return coefficients


def _spread_by_snr(target, snr, rows):
    return _by_snr(snr, rows, lambda some: _quantile68(target[some]))


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
