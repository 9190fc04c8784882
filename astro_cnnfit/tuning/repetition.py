# Licensed under a 3-clause BSD style license - see LICENSE
"""The optimum trained again: how much of its score was luck."""

from pathlib import Path

import numpy as np

from .objectives import OBJECTIVES
from .records import best_record, read_records, read_settings

__all__ = ["read_repetitions", "repeat_training"]

_FOLDER = "repeated"
# Added to the seed, so that no training is one of the search.
_OTHER_SEED = 1_000_003


def repeat_training(directory, data, number=5):
    """
    Train the best network of a search again, each time with other random numbers.

    Parameters
    ----------
    directory : path-like
        Where the search lies. What is found is kept there.
    data : `~astro_cnnfit.tuning.TuningData`
        The data of the search.
    number : int
        Trainings. Those of an earlier call are not done again.

    Returns
    -------
    `~numpy.ndarray`
        (number,) scores or more, for
        `~astro_cnnfit.tuning.robustness.robustness`.

    Raises
    ------
    ValueError
        If there is no search or no completed trial, the data are others, or the
        training fails.
    """
    if number < 2:
        raise ValueError(f"number must be 2 or more, got {number}")
    settings, best = _best(directory)
    if data.fingerprint() != settings["data"]:
        raise ValueError("data must be those of the search, got others")
    known = read_repetitions(directory)
    if known is not None and len(known) >= number:
        return known
    from .trial import Trainer

    again = {**settings, "executions_per_trial": number}
    again["seed"] = settings["seed"] + _OTHER_SEED
    again |= dict.fromkeys(("max_parameters", "max_mflop", "max_latency"))
    trainer = Trainer(Path(directory) / _FOLDER, again, data)
    record = trainer(best["trial"], best["hyperparameters"])
    if record["status"] != "completed":
        raise ValueError(
            f"the training of trial {best['trial']} could not be repeated: "
            f"{record['reason']}"
        )
    return _scores(record)


def read_repetitions(directory):
    """
    Read what `repeat_training` found.

    Parameters
    ----------
    directory : path-like
        Where the search lies.

    Returns
    -------
    `~numpy.ndarray` or None
        Scores of the best trial trained again; None where that was not done, or of
        a trial that is no longer the best.

    Raises
    ------
    ValueError
        If there is no search or no completed trial.
    """
    _, best = _best(directory)
    for record in read_records(Path(directory) / _FOLDER):
        if record["trial"] == best["trial"] and record["status"] == "completed":
            return _scores(record)
    return None


def _best(directory):
    settings = read_settings(directory)
    best = best_record(read_records(directory), OBJECTIVES[settings["objective"]][1])
    if best is None:
        raise ValueError(
            f"directory must hold a completed trial, got none: {directory}"
        )
    return settings, best


def _scores(record):
    return np.array([run["score"] for run in record["executions"]])
