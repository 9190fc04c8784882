# Licensed under a 3-clause BSD style license - see LICENSE
"""Figures of a search: what matters, error against cost, progress."""

import numpy as np
from astropy.table import Table

from astro_cnnfit.figure_style import BLUE, GREEN, GREY, ORANGE, PURPLE, axes_for
from astro_cnnfit.wording import counted

from .importance import hyperparameter_importance
from .ranking import best_so_far, column_values, is_completed, pareto_front

__all__ = ["plot_best_so_far", "plot_importance", "plot_pareto"]

_COLOURS = BLUE, ORANGE, GREEN, PURPLE
_LINES = ("-", "--", ":", "-.")
# From this ratio of the first score to the best on, logarithms show more.
_LARGE = 3
_COSTS = {
    "mflop": "MFLOP per galaxy",
    "parameters": "parameters",
    "seconds_per_galaxy": "seconds per galaxy",
    "seconds": "seconds of training",
}


def plot_importance(results, *, axes=None):
    """
    Draw which hyperparameters matter.

    Parameters
    ----------
    results : `~astropy.table.Table`
        A row a trial, or what
        `~astro_cnnfit.tuning.importance.hyperparameter_importance` returns.
    axes : `~matplotlib.axes.Axes`, optional
        Where to draw. By default a new figure is made.

    Returns
    -------
    `~matplotlib.axes.Axes`

    Raises
    ------
    ImportError
        If matplotlib or scikit-learn are not installed.
    ValueError
        If too few trials were completed.
    """
    if "importance" not in results.colnames:
        results = hyperparameter_importance(results)
    axes = _axes(axes)
    table = results[::-1]
    axes.barh(
        [str(name).replace("_", " ") for name in table["hyperparameter"]],
        table["importance"], xerr=table["importance_err"], color=BLUE,
        height=0.6, error_kw={"ecolor": "0.2", "capsize": 3, "linewidth": 1},
    )  # fmt: skip
    axes.axvline(0, color="0.2", linewidth=0.8)
    axes.set_xlabel("importance (share of the variance of the rank)")
    explained, err = (results.meta[key] for key in ("explained", "explained_err"))
    axes.set_title(
        f"{counted(results.meta['trials'], 'trial', 'trials')}; forest explains "
        f"{explained:.0%} ± {err:.0%}",
        fontsize=10,
    )
    return axes


def plot_pareto(results, cost="mflop", *, axes=None):
    """
    Draw the score of every trial against its cost, and the Pareto front.

    Parameters
    ----------
    results : `~astropy.table.QTable`
        A row a trial.
    cost : str
        Column of the cost: 'mflop', 'parameters', 'seconds_per_galaxy' or 'seconds'.
    axes : `~matplotlib.axes.Axes`, optional
        Where to draw. By default a new figure is made.

    Returns
    -------
    `~matplotlib.axes.Axes`
        Trials far worse than most are arrows at the edge.

    Raises
    ------
    ImportError
        If matplotlib is not installed: it comes with the extra ``plot``.
    ValueError
        If there is no such column or no completed trial.
    """
    front = pareto_front(results, cost)
    if not len(front):
        raise ValueError(f"results must hold a completed trial with {cost}, got none")
    done = results[is_completed(results)]
    axes = _axes(axes)
    x, y = (column_values(done, name) for name in (cost, "score"))
    best_x, best_y = (column_values(front, name) for name in (cost, "score"))
    axes.step(
        best_x, best_y, where="post", color=ORANGE, zorder=1, label="Pareto front"
    )
    axes.scatter(x, y, s=18, facecolor="none", edgecolor=GREY, label="trials")
    axes.scatter(best_x, best_y, s=32, color=ORANGE, zorder=3)
    for row, place in zip(front, zip(best_x, best_y, strict=True), strict=True):
        axes.annotate(
            str(row["trial"]), place, fontsize=8, xytext=(4, 5),
            textcoords="offset points",
        )  # fmt: skip
    axes.set_xscale("log")
    _plain_ticks(axes.xaxis)
    _limit(axes, x, y, results.meta.get("direction", "min") == "max")
    objective = results.meta.get("objective", "score")
    axes.set(xlabel=_COSTS.get(cost, cost), ylabel=objective)
    axes.legend(fontsize=8)
    return axes


def _limit(axes, x, y, largest):
    """Keep diverged trials from flattening the others."""
    low, middle, high = np.quantile(y, [0, 0.5, 1])
    best, worst = (high, low) if largest else (low, high)
    reach = 2 * (middle - best)
    if reach == 0 or abs(worst - best) <= 2 * abs(reach):
        return
    edge, margin = best + reach, 0.08 * abs(reach)
    beyond = (y < edge) if largest else (y > edge)
    low, high = sorted((best, edge))
    axes.set_ylim(low - margin, high + margin)
    marker = "v" if largest else "^"
    axes.scatter(x[beyond], np.full(beyond.sum(), edge), marker=marker, color=GREY,
                 s=24, label=f"{beyond.sum()} beyond")  # fmt: skip


def plot_best_so_far(results, *, axes=None):
    """
    Draw the best score against the number of trials.

    Parameters
    ----------
    results : `~astropy.table.QTable` or dict
        A row a trial; or by name a table or a list of tables with other seeds, of
        which the median and the quartiles are drawn.
    axes : `~matplotlib.axes.Axes`, optional
        Where to draw. By default a new figure is made.

    Returns
    -------
    `~matplotlib.axes.Axes`

    Raises
    ------
    ImportError
        If matplotlib is not installed: it comes with the extra ``plot``.
    """
    groups = results if isinstance(results, dict) else {"": results}
    axes = _axes(axes)
    objective = "score"
    for place, (name, tables) in enumerate(groups.items()):
        tables = [tables] if isinstance(tables, Table) else list(tables)
        objective = tables[0].meta.get("objective", objective)
        curves = _padded([best_so_far(table) for table in tables])
        style = {
            "color": _COLOURS[place % len(_COLOURS)],
            "linestyle": _LINES[place % len(_LINES)],
            "drawstyle": "steps-post",
        }
        _draw_curves(axes, curves, name, style)
    if isinstance(results, dict):
        axes.legend(fontsize=8)
    elif np.isfinite(column_values(results, "score")).any():
        _draw_trials(axes, results)
    axes.set(xlabel="trials", ylabel=f"best {objective} so far")
    _scale(axes)
    return axes


def _scale(axes):
    """Whole numbers of trials; logarithms where the best improved many times."""
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    best = np.asarray(axes.lines[0].get_ydata(), dtype=float)
    best = best[np.isfinite(best)]
    if len(best) and best.min() > 0 and best.max() > _LARGE * best.min():
        axes.set_yscale("log")
        _plain_ticks(axes.yaxis)


def _plain_ticks(axis):
    """Numbers instead of powers on a logarithmic axis."""
    from matplotlib.ticker import LogLocator, NullFormatter

    axis.set_major_locator(LogLocator(subs=(1, 2, 3, 5)))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_formatter(NullFormatter())


def _draw_curves(axes, curves, name, style):
    trials = np.arange(1, curves.shape[1] + 1)
    # Where a search has not completed a trial yet, there is no median of all.
    quartiles = np.quantile(curves, [0.25, 0.5, 0.75], axis=0)
    label = f"{name} (median of {len(curves)})" if len(curves) > 1 else name
    axes.plot(trials, quartiles[1], label=label or None, **style)
    if len(curves) > 1:
        axes.fill_between(
            trials, quartiles[0], quartiles[2], step="post", alpha=0.2, linewidth=0,
            color=style["color"],
        )  # fmt: skip


def _draw_trials(axes, results):
    """The trials' own scores behind the curve, as far as they are near it."""
    kept = np.array([str(value) != "refused" for value in results["status"]])
    scores = column_values(results, "score")[kept]
    axes.plot(np.arange(1, len(scores) + 1), scores, ".", color="0.6", zorder=0)
    curve = best_so_far(results)
    ends = [*np.nanquantile(scores, [0.25, 0.75]), np.nanmin(curve), np.nanmax(curve)]
    low, high = min(ends), max(ends)
    if np.nanmax(scores) - np.nanmin(scores) > 3 * (high - low) > 0:
        margin = 0.05 * (high - low)
        axes.set_ylim(low - margin, high + margin)


def _padded(curves):
    """Curves of one length: that of the shortest."""
    length = min(len(curve) for curve in curves)
    return np.array([curve[:length] for curve in curves])


def _axes(axes):
    (own,) = axes_for(axes, 1, 1, figsize=(6, 4))
    return own
