# Licensed under a 3-clause BSD style license - see LICENSE
"""Trials in order: the best, the best so far, and those worth their cost."""

import numpy as np

from .results import RESULT_COLUMNS

__all__ = [
    "best_so_far",
    "best_trials",
    "column_values",
    "hyperparameter_names",
    "is_completed",
    "losses",
    "pareto_front",
]


def hyperparameter_names(results):
    """
    Names of the columns that are hyperparameters.

    Parameters
    ----------
    results : `~astropy.table.QTable`
        A row a trial, from `~astro_cnnfit.tuning.read_results`.

    Returns
    -------
    list of str
    """
    return [name for name in results.colnames if name not in RESULT_COLUMNS]


def column_values(results, name):
    """
    A column as plain numbers.

    Parameters
    ----------
    results : `~astropy.table.QTable`
        A row a trial.
    name : str
        A column of numbers, with or without unit.

    Returns
    -------
    `~numpy.ndarray`
        (N,) floats, NaN where masked.

    Raises
    ------
    ValueError
        If there is no such column.
    """
    if name not in results.colnames:
        raise ValueError(
            f"results must have the column {name!r}, got {', '.join(results.colnames)}"
        )
    column = results[name]
    mask = np.asarray(getattr(column, "mask", False))
    column = getattr(column, "unmasked", column)
    values = np.ma.getdata(np.ma.asarray(getattr(column, "value", column)))
    values = np.array(values, dtype=float)
    values[np.broadcast_to(mask, values.shape)] = np.nan
    return values


def is_completed(results):
    """
    Which trials were trained to the end and have a score.

    Parameters
    ----------
    results : `~astropy.table.QTable`
        A row a trial.

    Returns
    -------
    `~numpy.ndarray` of bool
        (N,)
    """
    status = np.array([str(value) for value in results["status"]])
    return (status == "completed") & np.isfinite(column_values(results, "score"))


def losses(results):
    """
    Scores of which less is better, NaN for trials without one.

    Parameters
    ----------
    results : `~astropy.table.QTable`
        A row a trial. Scores are turned about where ``meta['direction']`` is 'max'.

    Returns
    -------
    `~numpy.ndarray`
        (N,)
    """
    sign = -1.0 if results.meta.get("direction", "min") == "max" else 1.0
    return np.where(
        is_completed(results), sign * column_values(results, "score"), np.nan
    )


def best_trials(results, number=10):
    """
    The best trials, the very best first.

    Parameters
    ----------
    results : `~astropy.table.QTable`
        A row a trial.
    number : int
        How many.

    Returns
    -------
    `~astropy.table.QTable`
        At most ``number`` rows of ``results``: completed trials alone.

    Raises
    ------
    ValueError
        If no trial was completed or ``number`` is below 1.
    """
    if number < 1:
        raise ValueError(f"number must be 1 or more, got {number}")
    found = losses(results)
    if not np.isfinite(found).any():
        raise ValueError(
            "results must hold a completed trial, got none among "
            f"{len(results)}: look at the column 'reason'"
        )
    order = np.argsort(found, kind="stable")
    return results[order[: min(number, np.isfinite(found).sum())]]


def best_so_far(results, *, count_refused=False):
    """
    The best score after one trial, two trials, and so on.

    Parameters
    ----------
    results : `~astropy.table.QTable`
        A row a trial, in the order in which they ran. A failed trial counts: it
        has cost its time.
    count_refused : bool
        Whether trials that were refused before training count as well.

    Returns
    -------
    `~numpy.ndarray`
        (N,) scores, NaN before the first completed trial.
    """
    status = np.array([str(value) for value in results["status"]])
    rows = np.ones(len(results), bool) if count_refused else status != "refused"
    found = np.fmin.accumulate(losses(results)[rows])
    return -found if results.meta.get("direction", "min") == "max" else found


def pareto_front(results, cost="mflop"):
    """
    Trials that no other beats in both score and cost.

    Parameters
    ----------
    results : `~astropy.table.QTable`
        A row a trial.
    cost : str
        Column of the cost: 'mflop', 'parameters', 'seconds_per_galaxy' or 'seconds'.

    Returns
    -------
    `~astropy.table.QTable`
        Rows of ``results`` from the cheapest to the dearest, each better than all
        that are cheaper.

    Raises
    ------
    ValueError
        If there is no such column.
    """
    found, costs = losses(results), column_values(results, cost)
    order = np.lexsort((found, costs))
    order = order[np.isfinite(found[order]) & np.isfinite(costs[order])]
    best = np.minimum.accumulate(found[order])
    better = np.diff(best, prepend=np.inf) < 0
    return results[order[better]]
