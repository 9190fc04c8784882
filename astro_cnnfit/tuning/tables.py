# Licensed under a 3-clause BSD style license - see LICENSE
"""What a search found, in tables for people to read."""

import numpy as np
from astropy.table import Table

from .objectives import OBJECTIVES
from .ranking import best_trials, column_values, hyperparameter_names, pareto_front

__all__ = ["best_table", "front_table", "optimum_table"]

_SHOWN = ("mae", "rmse", "pearson_r", "score_std", "parameters", "mflop", "epochs")
_COSTS = ("mflop", "parameters", "seconds_per_galaxy")


def optimum_table(results, number=10):
    """
    The optimum of each hyperparameter, as Table 1 of the paper shows it.

    Parameters
    ----------
    results : `~astropy.table.QTable` or dict
        A row a trial; or tables of several searches by name, such as
        ``{'Asymmetry': ..., 'Concentration': ...}``.
    number : int
        How many of the best trials ``best values`` takes in.

    Returns
    -------
    `~astropy.table.Table`
        ``hyperparameter``, ``space`` (what was searched), ``optimum`` and ``best
        values``: what the ten best trials have. For several searches the latter two
        are a column each with the search's name before it.

    Raises
    ------
    ValueError
        If a search has no completed trial.
    """
    several = isinstance(results, dict)
    searches = results if several else {"": results}
    names = list(
        dict.fromkeys(n for one in searches.values() for n in hyperparameter_names(one))
    )
    spaces = {}
    for one in searches.values():
        spaces = _space_texts(one) | spaces
    table = Table({"hyperparameter": names})
    table["space"] = [spaces.get(name, "") for name in names]
    for search, one in searches.items():
        prefix = f"{search} " if several else ""
        best = best_trials(one, number)
        table[f"{prefix}optimum"] = [_values_text(best[:1], name) for name in names]
        table[f"{prefix}best values"] = [_values_text(best, name) for name in names]
    return table


def _space_texts(results):
    """What was searched, a text a hyperparameter."""
    dimensions = results.meta.get("space", {}).get("dimensions", {})
    return {name: _dimension_text(value) for name, value in dimensions.items()}


def _dimension_text(dimension):
    if "minimum" in dimension:
        low, high = (_text(dimension[end]) for end in ("minimum", "maximum"))
        scale = ", logarithmic" if dimension.get("scale") == "log" else ""
        return f"{low} to {high}{scale}"
    return ", ".join(map(_text, dimension.get("values", [dimension.get("value")])))


def _values_text(rows, name):
    """One value, a range of numbers, or choices with the most frequent first."""
    if name not in rows.colnames:
        return ""
    values = list(rows[name])
    try:
        numbers = np.unique([float(value) for value in values])
    except (TypeError, ValueError):
        choices, counts = np.unique(list(map(str, values)), return_counts=True)
        return ", ".join(choices[np.argsort(-counts, kind="stable")])
    ends = dict.fromkeys(_text(number) for number in (numbers[0], numbers[-1]))
    return " to ".join(ends) if len(numbers) > 1 else _text(values[0])


def _text(value):
    if isinstance(value, float | np.floating):
        return f"{value:.4g}"
    return str(value)


def best_table(results, number=10):
    """
    The best trials for people to read.

    Parameters
    ----------
    results : `~astropy.table.QTable`
        A row a trial.
    number : int
        How many.

    Returns
    -------
    `~astropy.table.Table`
        The trial, its score, its other errors, its cost, and those hyperparameters
        in which the best differ; the best first.

    Raises
    ------
    ValueError
        If no trial was completed.
    """
    best = best_trials(results, number)
    table = Table({"trial": [str(value) for value in best["trial"]]})
    own = OBJECTIVES.get(results.meta.get("objective"), ("", ""))[0]
    for name in ("score", *_SHOWN):
        values = column_values(best, name)
        # The score is that of the objective already.
        if name != own and np.isfinite(values).any():
            table[name] = [f"{value:.4g}" for value in values]
    for name in hyperparameter_names(best):
        texts = [_text(value) for value in best[name]]
        if len(set(texts)) > 1:
            table[name] = texts
    return table


def front_table(results):
    """
    The trials that no other beats in both score and cost, the cheapest first.

    Parameters
    ----------
    results : `~astropy.table.QTable`
        A row a trial.

    Returns
    -------
    `~astropy.table.Table`
        The trial, its score and its costs. The cost that counts is MFLOP, or what
        there is of parameters and time.

    Raises
    ------
    ValueError
        If no trial was completed.
    """
    cost = next(
        name
        for name in _COSTS
        if name in results.colnames and np.isfinite(column_values(results, name)).any()
    )
    front = pareto_front(results, cost)
    names = [name for name in ("trial", "score", *_COSTS) if name in front.colnames]
    columns = {
        name: [_text(value) for value in front["trial"]]
        if name == "trial"
        else [f"{value:.4g}" for value in column_values(front, name)]
        for name in names
    }
    return Table(columns)
