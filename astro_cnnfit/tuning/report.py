# Licensed under a 3-clause BSD style license - see LICENSE
"""What a search found and why, as Section 3.4 of Tohill et al. (2021) reports it."""

from pathlib import Path

import numpy as np
from astropy.table import Table

from .importance import hyperparameter_importance
from .objectives import OBJECTIVES
from .ranking import (
    best_trials,
    column_values,
    hyperparameter_names,
    is_completed,
    pareto_front,
)
from .robustness import robustness

__all__ = ["best_table", "optimum_table", "report_text", "write_report"]

_SHOWN = ("mae", "rmse", "pearson_r", "score_std", "parameters", "mflop", "epochs")
_STATUS = ("completed", "failed", "refused")
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


def report_text(results, number=10, *, repetitions=None, importance=None):
    """
    The whole report.

    Parameters
    ----------
    results : `~astropy.table.QTable`
        A row a trial.
    number : int
        How many of the best trials to show.
    repetitions : array_like, optional
        Scores of the optimum trained again, from
        `~astro_cnnfit.tuning.repetition.repeat_training`.
    importance : `~astropy.table.Table` or str, optional
        What `~astro_cnnfit.tuning.importance.hyperparameter_importance` gave, if it
        is at hand, or why it is not to be shown.

    Returns
    -------
    str
        How many trials ended how; the optimum; the best and whether their order means
        anything; what matters; which trials are worth their cost.

    Raises
    ------
    ValueError
        If no trial was completed.
    """
    best = best_trials(results, 1)[0]
    importance = _importance(results) if importance is None else importance
    objective = results.meta.get("objective", "score")
    parts = [
        _counts(results),
        f"Optimum: trial {best['trial']} with {objective} = {best['score']:.4g}",
        _lines(optimum_table(results, number)),
        f"The best {min(number, is_completed(results).sum())}:",
        _lines(best_table(results, number)),
        robustness(results, number, repetitions=repetitions).text,
        *_repetition_lines(best["score"], repetitions),
        *_importance_lines(importance),
        "Best at their cost (no trial has both a lower cost and a better score):",
        _lines(_front_table(results)),
    ]
    return "\n\n".join(parts) + "\n"


def _counts(results):
    status = [str(value) for value in results["status"]]
    counts = ", ".join(f"{status.count(s)} {s}" for s in _STATUS if s in status)
    lines = [f"{len(results)} trials: {counts}"]
    for row in results:
        if str(row["status"]) == "failed":
            lines.append(f"  trial {row['trial']} failed: {row['reason']}")
    return "\n".join(lines)


def _repetition_lines(score, repetitions):
    if repetitions is None:
        return []
    mean, std = np.mean(repetitions), np.std(repetitions, ddof=1)
    return [
        f"Trained again {len(repetitions)} times, the optimum scores {mean:.4g} ± "
        f"{std:.2g} (in the search {score:.4g}, for which it was chosen)."
    ]


def _importance(results):
    """The table, or why there is none."""
    try:
        return hyperparameter_importance(results)
    except (ImportError, ValueError) as error:
        return str(error)


def _importance_lines(table):
    if isinstance(table, str):
        return [f"What matters is not known: {table}"]
    explained, err = (table.meta[key] for key in ("explained", "explained_err"))
    text = (
        "Hyperparameters that matter (share of the variance of the trials' ranks; a "
        f"forest explains {explained:.0%} ± {err:.0%} of it where it was not trained):"
    )
    if explained < 2 * err:
        text += (
            "\nThat is not significantly more than nothing: do not trust this order."
        )
    for name in ("importance", "importance_err"):
        table[name].format = ".3f"
    return [text, _lines(table)]


def _front_table(results):
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


def _lines(table):
    return "\n".join(table.pformat(max_lines=-1, max_width=-1, show_unit=False))


def write_report(results, folder, number=10, *, repetitions=None):
    """
    Write the report, the table of trials and the figures.

    Parameters
    ----------
    results : `~astropy.table.QTable`
        A row a trial.
    folder : path-like
        Made if it is not there. ``report.txt``, ``results.ecsv`` and, where
        matplotlib is installed, ``importance.png``, ``pareto.png`` and
        ``best_so_far.png``; older ones are replaced.
    number, repetitions
        As for `report_text`.

    Returns
    -------
    list of `~pathlib.Path`
        The files.

    Raises
    ------
    ValueError
        If no trial was completed.
    """
    folder = Path(folder)
    importance = _importance(results)
    text = report_text(results, number, repetitions=repetitions, importance=importance)
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / "report.txt", folder / "results.ecsv"]
    paths[0].write_text(text, encoding="utf-8")
    results.write(paths[1], format="ascii.ecsv", overwrite=True)
    return paths + _write_figures(results, importance, folder)


def _write_figures(results, importance, folder):
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return []
    from . import plots

    drawn = {"best_so_far": results, "pareto": results}
    if not isinstance(importance, str):
        drawn["importance"] = importance
    paths = []
    for name, table in drawn.items():
        figure = Figure(figsize=(6, 4), layout="constrained")
        getattr(plots, f"plot_{name}")(table, axes=figure.subplots())
        paths.append(folder / f"{name}.png")
        figure.savefig(paths[-1], dpi=120)
    return paths
