# Licensed under a 3-clause BSD style license - see LICENSE
"""What a search found and why, as Section 3.4 of Tohill et al. (2021) reports it."""

from pathlib import Path

import numpy as np

from astro_cnnfit.wording import counted

from .importance import hyperparameter_importance
from .ranking import best_trials, is_completed
from .robustness import robustness
from .tables import best_table, front_table, optimum_table

__all__ = ["report_text", "write_report"]

_STATUS = ("completed", "failed", "refused")


def report_text(results, number=10, *, repetitions=None, default=None, importance=None):
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
    default : `~astro_cnnfit.tuning.repetition.DefaultNetwork`, optional
        What the default network scores.
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
        *_default_lines(best, default),
        *_importance_lines(importance),
        "Best at their cost (no trial has both a lower cost and a better score):",
        _lines(front_table(results)),
    ]
    return "\n\n".join(parts) + "\n"


def _counts(results):
    status = [str(value) for value in results["status"]]
    counts = ", ".join(f"{status.count(s)} {s}" for s in _STATUS if s in status)
    lines = [f"{counted(len(results), 'trial', 'trials')}: {counts}"]
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


def _default_lines(best, default):
    if default is None:
        return []
    number = len(default.scores)
    spread = f" ± {np.std(default.scores, ddof=1):.2g}" if number > 1 else ""
    return [
        f"The default network, trained in the same way "
        f"({number} time{'s' if number > 1 else ''}): {np.mean(default.scores):.4g}"
        f"{spread} at {default.mflop:.4g} MFLOP; the optimum has {best['mflop']:.4g}."
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


def _lines(table):
    return "\n".join(table.pformat(max_lines=-1, max_width=-1, show_unit=False))


def write_report(results, folder, number=10, *, repetitions=None, default=None):
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
    number, repetitions, default
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
    text = report_text(
        results, number, repetitions=repetitions, default=default,
        importance=importance,
    )  # fmt: skip
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
