# Licensed under a 3-clause BSD style license - see LICENSE
"""Whether stated errors are right: how often they cover the truth."""

import numpy as np
from astropy.table import Table, vstack
from scipy.stats import chi2, norm

from astro_cnnfit.parameters import LATENT_NAMES

__all__ = ["binned_coverage", "coverage", "pulls"]

LEVELS = (0.50, 0.68, 0.95)


def _check(mean, covariance, true):
    mean, covariance = np.asarray(mean, float), np.asarray(covariance, float)
    true = np.asarray(true, float)
    if mean.ndim != 2 or mean.shape != true.shape:
        raise ValueError(
            "mean and true must have one shape (N, D), got "
            f"{mean.shape} and {true.shape}"
        )
    if covariance.shape != (*mean.shape, mean.shape[1]):
        raise ValueError(
            f"covariance must have shape {(*mean.shape, mean.shape[1])}, "
            f"got {covariance.shape}"
        )
    return mean, covariance, true


def pulls(mean, covariance, true):
    """
    Deviations from the truth in units of the stated error.

    Parameters
    ----------
    mean : array_like, shape (N, D)
        Predicted values (latent, for a network).
    covariance : array_like, shape (N, D, D)
        Predicted covariance.
    true : array_like, shape (N, D)
        True values.

    Returns
    -------
    `~numpy.ndarray`, shape (N, D)
        (mean - true) / error: standard normal for right errors.
    """
    mean, covariance, true = _check(mean, covariance, true)
    return (mean - true) / np.sqrt(np.diagonal(covariance, axis1=1, axis2=2))


def coverage(mean, covariance, true, levels=LEVELS, names=LATENT_NAMES):
    """
    Fraction of truths within central credible intervals.

    Parameters
    ----------
    mean : array_like, shape (N, D)
        Predicted values (latent, for a network).
    covariance : array_like, shape (N, D, D)
        Predicted covariance.
    true : array_like, shape (N, D)
        True values.
    levels : sequence of float
        Nominal coverages, between 0 and 1.
    names : sequence of str
        Names of the D parameters.

    Returns
    -------
    `~astropy.table.Table`
        A row per parameter and a last row ``joint`` for the ellipsoid of all
        of them. Columns ``parameter``, one per level (``68%`` for 0.68), and
        the median and the robust standard deviation of the pulls,
        ``pull_median`` and ``pull_std`` (NaN for ``joint``).

    Raises
    ------
    ValueError
        If shapes do not go together or a level is not between 0 and 1.
    """
    mean, covariance, true = _check(mean, covariance, true)
    if not all(0 < level < 1 for level in levels):
        raise ValueError(f"levels must be between 0 and 1, got {levels}")
    pull = pulls(mean, covariance, true)
    difference = (mean - true)[..., None]
    distance = (difference * np.linalg.solve(covariance, difference)).sum(axis=(1, 2))
    table = Table({"parameter": [*names, "joint"]})
    for level in levels:
        inside = np.mean(np.abs(pull) <= norm.ppf(0.5 + level / 2), axis=0)
        joint = np.mean(distance <= chi2.ppf(level, mean.shape[1]))
        table[f"{100 * level:g}%"] = [*inside, joint]
    median = np.median(pull, axis=0)
    table["pull_median"] = [*median, np.nan]
    table["pull_std"] = [*(1.4826 * np.median(np.abs(pull - median), axis=0)), np.nan]
    for name in table.colnames[1:]:
        table[name].format = ".3f"
    return table


def binned_coverage(
    mean, covariance, true, by, n_bins=3, levels=LEVELS, names=LATENT_NAMES
):
    """
    Coverage in bins of other quantities, such as the S/N.

    Parameters
    ----------
    mean, covariance, true, levels, names
        As for `coverage`.
    by : dict of str to array_like
        (N,) quantities by name. Rows in which one is not finite are left out of
        its bins.
    n_bins : int
        Bins between quantiles, which hold equal numbers of galaxies as far as
        equal values allow: 3 for thirds.

    Returns
    -------
    `~astropy.table.Table`
        For each quantity and bin, the rows of `coverage` after the columns
        ``quantity``, ``bin`` (from 0), ``low``, ``high`` (smallest and largest
        value in the bin) and ``count``. Bins that hold no galaxy are left out.

    Raises
    ------
    ValueError
        If shapes do not go together or ``n_bins`` is not positive.
    """
    mean, covariance, true = _check(mean, covariance, true)
    if n_bins < 1:
        raise ValueError(f"n_bins must be positive, got {n_bins}")
    parts = []
    for quantity, values in by.items():
        values = np.asarray(values, dtype=float)
        if values.shape != (len(mean),):
            raise ValueError(
                f"by[{quantity!r}] must have shape ({len(mean)},), got {values.shape}"
            )
        for number, rows in _quantile_bins(values, n_bins):
            part = coverage(mean[rows], covariance[rows], true[rows], levels, names)
            facts = {
                "quantity": quantity,
                "bin": number,
                "low": values[rows].min(),
                "high": values[rows].max(),
                "count": len(rows),
            }
            part.add_columns(list(facts.values()), 0 * np.arange(5), list(facts))
            parts.append(part)
    return vstack(parts)


def _quantile_bins(values, n_bins):
    """Number and rows of each bin that is not empty."""
    finite = np.flatnonzero(np.isfinite(values))
    if finite.size == 0:
        return
    edges = np.quantile(values[finite], np.arange(1, n_bins) / n_bins)
    place = np.searchsorted(edges, values[finite], side="right")
    for number in range(n_bins):
        if np.any(place == number):
            yield number, finite[place == number]
