# Licensed under a 3-clause BSD style license - see LICENSE
"""How well probabilities of two classes separate them, and whether they hold."""

import numpy as np
from astropy.table import Table
from scipy.stats import rankdata

__all__ = [
    "area_under_curve",
    "calibration_error",
    "completeness_at",
    "reliability",
]


def reliability(probability, truth, n_bins=10):
    """
    How often something is true of which a probability was said.

    Parameters
    ----------
    probability : array_like, shape (N,)
        From 0 to 1; NaN does not count.
    truth : array_like of bool, shape (N,)
    n_bins : int
        Bins of equal width.

    Returns
    -------
    `~astropy.table.Table`
        A row a bin: ``n``, mean ``probability`` and ``fraction`` that is true; NaN
        where a bin is empty.
    """
    probability, truth = _known(probability, truth)
    place = np.minimum((probability * n_bins).astype(int), n_bins - 1)
    number = np.bincount(place, minlength=n_bins)
    table = Table({"n": number})
    with np.errstate(invalid="ignore"):
        table["probability"] = np.bincount(place, probability, n_bins) / number
        table["fraction"] = np.bincount(place, truth, n_bins) / number
    return table


def calibration_error(probability, truth, n_bins=10):
    """
    Expected calibration error: mean distance of probability and truth in bins.

    Parameters
    ----------
    probability, truth, n_bins
        As for `reliability`.

    Returns
    -------
    float
    """
    table = reliability(probability, truth, n_bins)
    off = np.abs(table["probability"] - table["fraction"])
    return float(np.nansum(off * table["n"]) / max(table["n"].sum(), 1))


def area_under_curve(probability, truth):
    """
    Area under the curve of true over false positives.

    It is the probability that of two objects, one of each class, the right one has
    the higher value.

    Parameters
    ----------
    probability, truth
        As for `reliability`.

    Returns
    -------
    float
        NaN where a class is empty.
    """
    probability, truth = _known(probability, truth)
    n_true, n_false = truth.sum(), (~truth).sum()
    if min(n_true, n_false) == 0:
        return np.nan
    ranks = rankdata(probability)[truth].sum()
    return float((ranks - n_true * (n_true + 1) / 2) / n_true / n_false)


def completeness_at(contamination, probability, truth):
    """
    Share of a class that is kept by the cut that lets so many others in.

    Parameters
    ----------
    contamination : float
        Share of the others among all that is kept, from 0 to 1.
    probability, truth
        As for `reliability`.

    Returns
    -------
    completeness, cut : float
        Of the lowest cut that keeps the contamination. 0 and NaN where there is
        none.
    """
    probability, truth = _known(probability, truth)
    order = np.argsort(-probability, kind="stable")
    kept, values = np.cumsum(truth[order]), probability[order]
    number = np.arange(1, len(values) + 1)
    # Of equal values all are kept or none.
    last = np.append(values[1:] != values[:-1], True)[: len(values)]
    good = np.flatnonzero((number - kept <= contamination * number) & last)
    if good.size == 0 or kept[-1] == 0:
        return 0.0, np.nan
    return float(kept[good[-1]] / kept[-1]), float(values[good[-1]])


def _known(probability, truth):
    probability, truth = np.asarray(probability, float), np.asarray(truth, bool)
    if probability.shape != truth.shape or probability.ndim != 1:
        raise ValueError(
            f"probability and truth must be of one length, got {probability.shape} "
            f"and {truth.shape}"
        )
    known = np.isfinite(probability)
    return probability[known], truth[known]
