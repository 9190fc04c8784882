# Licensed under a 3-clause BSD style license - see LICENSE
"""The trials of a search as a table."""

import numpy as np
from astropy import units as u
from astropy.table import QTable

from .objectives import METRICS, OBJECTIVES
from .records import read_records, read_settings

__all__ = ["RESULT_COLUMNS", "read_results", "results_table"]

RESULT_COLUMNS = {
    "trial": "number of the trial, from 0",
    "mae": "mean absolute error on the validation set",
    "rmse": "root mean square error on the validation set",
    "pearson_r": "Pearson's correlation coefficient on the validation set",
    "val_loss": "loss on the validation set",
    "score": "the objective, the mean over the trainings",
    "score_std": "its standard deviation over the trainings; NaN for a single one",
    "parameters": "numbers that the network has, 0 where it cannot be built",
    "mflop": "floating-point operations per galaxy, in millions",
    "seconds_per_galaxy": "predicted time per galaxy on this machine",
    "epochs": "epochs of all trainings together",
    "seconds": "time that the trial took",
    "status": "'completed', 'failed' or 'refused' (beyond a limit, not trained)",
    "reason": "why it failed or was refused",
}
"""Columns of a table of results beside its hyperparameters, and what they hold."""

_SECONDS = ("seconds_per_galaxy", "seconds")


def read_results(directory):
    """
    Read the results of a search, finished or not.

    Parameters
    ----------
    directory : path-like
        Where the search lies.

    Returns
    -------
    `~astropy.table.QTable`
        See `BayesianHyperparameterSearch.results`.

    Raises
    ------
    ValueError
        If there is no search.
    """
    settings = read_settings(directory)
    return results_table(settings, read_records(directory))


def results_table(settings, records):
    """
    A row a trial.

    Parameters
    ----------
    settings : dict
        What ``search.json`` holds.
    records : list of dict
        Finished trials.

    Returns
    -------
    `~astropy.table.QTable`
        ``trial``, the hyperparameters, then the other `RESULT_COLUMNS`. Errors are
        those of the values as the network learns them: of the quantity itself for
        CASNET, standardised and over all seven parameters for Sersic networks. What
        a trial does not have is NaN. ``meta`` holds the settings, and ``direction``:
        whether the least ('min') or the largest score is best.
    """
    table = QTable()
    table["trial"] = np.array([record["trial"] for record in records], dtype=int)
    for name in settings["space"]["dimensions"]:
        table[name] = [record["hyperparameters"][name] for record in records]
    rows = [_row(record) for record in records]
    for name in RESULT_COLUMNS:
        if name != "trial":
            table[name] = _column(name, [row[name] for row in rows])
    for name, description in RESULT_COLUMNS.items():
        table[name].info.description = description
    direction = OBJECTIVES[settings["objective"]][1]
    table.meta = {**settings, "direction": direction}
    return table


def _column(name, values):
    if name in ("status", "reason"):
        return np.array(values, dtype=str)
    if name in ("parameters", "epochs"):
        return np.array(values, dtype=int)
    return np.array(values, dtype=float) * (u.s if name in _SECONDS else 1)


def _row(record):
    """A record's numbers; the mean over its trainings where there are several."""
    runs = record["executions"]
    row = {name: np.nan for name in (*METRICS, "score", "score_std")}
    if record["status"] == "completed":
        row |= {name: np.mean([run[name] for run in runs]) for name in METRICS}
        row["score"] = record["score"]
        if len(runs) > 1:
            row["score_std"] = np.std([run["score"] for run in runs], ddof=1)
    row["epochs"] = sum(run["epochs"] for run in runs)
    for name in ("mflop", "seconds_per_galaxy", "seconds"):
        row[name] = np.nan if record[name] is None else record[name]
    row["parameters"] = record["parameters"] or 0
    return row | {name: record[name] for name in ("status", "reason")}
