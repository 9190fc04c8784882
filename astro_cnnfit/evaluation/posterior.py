# Licensed under a 3-clause BSD style license - see LICENSE
"""
Tests of whole posteriors, from draws and the truth.

`sbc_ranks` looks at one parameter after the other, `tarp` at all of them
together: errors that are right one by one may still be wrongly correlated.
"""

from typing import NamedTuple

import numpy as np
from astropy.table import Table
from scipy.stats import chi2, kstwo

from astro_cnnfit.parameters import LATENT_NAMES

__all__ = ["TARP", "gaussian_samples", "rank_uniformity", "sbc_ranks", "tarp"]


class TARP(NamedTuple):
    """Expected coverage of posteriors, as `tarp` gives it."""

    levels: np.ndarray
    """(M,) credibility levels, from 0 to 1."""
    coverage: np.ndarray
    """(M,) expected coverage at each: equal to the level for right posteriors,
    below it (above, for levels under one half) for too narrow ones."""
    credibility: np.ndarray
    """(N,) share of draws that are closer to the reference than the truth is;
    uniform from 0 to 1 for right posteriors."""
    p_value: float
    """Of the Kolmogorov-Smirnov test that ``credibility`` is uniform."""


def gaussian_samples(mean, covariance, n, *, seed=None):
    """
    Draw from Gaussian posteriors.

    Parameters
    ----------
    mean : array_like, shape (N, D)
        Predicted values (latent, for a network).
    covariance : array_like, shape (N, D, D)
        Predicted covariance, positive definite.
    n : int
        Draws for each galaxy.
    seed : int or `numpy.random.Generator`, optional
        Makes the draws reproducible.

    Returns
    -------
    `~numpy.ndarray`, shape (N, n, D)
    """
    rng = np.random.default_rng(seed)
    mean = np.asarray(mean, dtype=float)
    root = np.linalg.cholesky(np.asarray(covariance, dtype=float))
    normal = rng.standard_normal((len(mean), n, mean.shape[1]))
    return mean[:, np.newaxis] + normal @ np.swapaxes(root, 1, 2)


def tarp(samples, true, *, references=None, n_levels=50, seed=None):
    """
    Test of the joint posterior with random reference points (TARP).

    A region of credibility is a ball around a point that was chosen without
    looking at the truth, as large as holds that share of the draws. Right
    posteriors, and only those, have the truth within it as often.

    Parameters
    ----------
    samples : array_like, shape (N, n, D)
        Draws from the posterior of each galaxy.
    true : array_like, shape (N, D)
        True values.
    references : array_like, shape (N, D), optional
        Centres of the balls; by default uniform over the range of the true
        values. They may depend on the data but not on the truth of a galaxy.
    n_levels : int
        Number of steps between the credibility levels 0 and 1.
    seed : int or `numpy.random.Generator`, optional
        Makes the references, and the breaking of ties, reproducible.

    Returns
    -------
    `TARP`
        Credibility levels, expected coverage, and how credible the
        hypothesis is that the posteriors are right.

    Raises
    ------
    ValueError
        If the shapes do not go together.

    Notes
    -----
    Lemos et al. 2023 (arXiv:2302.03026), Algorithm 2. Distances are Euclidean
    after each parameter was divided by the range of its true values.
    """
    samples, true = _checked(samples, true)
    rng = np.random.default_rng(seed)
    low, high = true.min(axis=0), true.max(axis=0)
    width = np.where(high > low, high - low, 1.0)
    if references is None:
        references = rng.uniform(low, high, true.shape)
    references = np.asarray(references, dtype=float)
    if references.shape != true.shape:
        raise ValueError(
            f"references must have shape {true.shape}, got {references.shape}"
        )
    distance = np.linalg.norm((samples - references[:, None]) / width, axis=2)
    to_true = np.linalg.norm((true - references) / width, axis=1)
    rank = np.sum(distance < to_true[:, None], axis=1)
    n_samples = samples.shape[1]
    # A rank of n draws takes n + 1 values; spread evenly over their width.
    credibility = (rank + rng.random(len(rank))) / (n_samples + 1)
    levels = np.linspace(0, 1, n_levels + 1)
    coverage = np.searchsorted(np.sort(credibility), levels) / len(credibility)
    return TARP(levels, coverage, credibility, _uniformity(credibility)[1])


def sbc_ranks(samples, true):
    """
    Ranks of the truth among draws from the posterior.

    Parameters
    ----------
    samples : array_like, shape (N, n, D)
        Draws from the posterior of each galaxy.
    true : array_like, shape (N, D)
        True values.

    Returns
    -------
    `~numpy.ndarray` of int, shape (N, D)
        How many of the n draws are smaller than the truth: 0 to n, all equally
        frequent for right posteriors.

    Raises
    ------
    ValueError
        If the shapes do not go together.

    Notes
    -----
    Simulation-based calibration, Talts et al. 2018 (arXiv:1804.06788).
    """
    samples, true = _checked(samples, true)
    return np.sum(samples < true[:, np.newaxis], axis=1)


def rank_uniformity(ranks, n_samples, *, n_bins=20, names=LATENT_NAMES):
    """
    Statistics of how uniform ranks are.

    Parameters
    ----------
    ranks : array_like of int, shape (N, D)
        From `sbc_ranks`.
    n_samples : int
        Number of draws n that they are ranks among.
    n_bins : int
        Bins of the histogram, at most ``n_samples + 1``.
    names : sequence of str
        Names of the D parameters.

    Returns
    -------
    `~astropy.table.Table`
        A row per parameter: ``mean`` of the rank over n (0.5; off for a biased
        mean), ``spread``, its standard deviation times sqrt(12) (1; above for
        too small errors), ``distance``, the largest difference of the
        cumulative distribution from the uniform one, ``chi2_per_bin`` of the
        histogram (1 is expected) and ``p_value`` of that.

    Raises
    ------
    ValueError
        If ranks are not between 0 and ``n_samples``, or there are more bins
        than ranks.
    """
    ranks = np.asarray(ranks)
    if ranks.ndim != 2 or ranks.min() < 0 or ranks.max() > n_samples:
        raise ValueError(
            f"ranks must have shape (N, D) and lie within 0 and {n_samples}"
        )
    if not 1 < n_bins <= n_samples + 1:
        raise ValueError(f"n_bins must be from 2 to {n_samples + 1}, got {n_bins}")
    if len(names) != ranks.shape[1]:
        raise ValueError(f"names must be {ranks.shape[1]}, got {len(names)}")
    rows = [_statistics(column, n_samples, n_bins) for column in ranks.T]
    columns = ("mean", "spread", "distance", "chi2_per_bin", "p_value")
    table = Table(rows=rows, names=columns)
    table.add_column(list(names), name="parameter", index=0)
    for name in columns:
        table[name].format = ".3f"
    return table


def _statistics(ranks, n_samples, n_bins):
    share = (ranks + 0.5) / (n_samples + 1)
    bins = ranks * n_bins // (n_samples + 1)
    # Bins need not hold the same number of ranks.
    width = np.bincount(np.arange(n_samples + 1) * n_bins // (n_samples + 1))
    expected = len(ranks) * width / (n_samples + 1)
    count = np.bincount(bins, minlength=n_bins)
    statistic = np.sum((count - expected) ** 2 / expected)
    return (
        share.mean(),
        share.std() * np.sqrt(12),
        _uniformity(share)[0],
        statistic / (n_bins - 1),
        chi2.sf(statistic, n_bins - 1),
    )


def _uniformity(values):
    """Kolmogorov-Smirnov distance from the uniform distribution, and p value."""
    ordered = np.sort(values)
    n = len(ordered)
    above = np.arange(1, n + 1) / n - ordered
    below = ordered - np.arange(n) / n
    distance = float(max(above.max(), below.max()))
    return distance, float(kstwo.sf(distance, n))


def _checked(samples, true):
    samples, true = np.asarray(samples, dtype=float), np.asarray(true, dtype=float)
    if true.ndim != 2 or len(true) == 0:
        raise ValueError(f"true must have shape (N, D), N at least 1, got {true.shape}")
    fits = samples.ndim == 3 and samples.shape[::2] == true.shape
    if not fits or samples.shape[1] == 0:
        raise ValueError(
            f"samples must have shape ({len(true)}, n, {true.shape[1]}) to go with "
            f"true, got {samples.shape}"
        )
    return samples, true
