# Licensed under a 3-clause BSD style license - see LICENSE
"""
Networks trained beside a search: its optimum again, and the one it has to beat.

Repetitions tell how much of the optimum's score was luck, the architecture's default
network whether the search was worth its time.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from .objectives import OBJECTIVES
from .points import POINTS
from .records import best_record, read_records, read_settings

__all__ = [
    "DefaultNetwork",
    "read_default",
    "read_repetitions",
    "repeat_training",
    "train_default",
]

_REPEATED, _DEFAULT = "repeated", "default"
# Added to the seed, so that no training is one of the search.
_OTHER_SEED = 1_000_003


class DefaultNetwork(NamedTuple):
    """The architecture's default network, trained as the optimum was."""

    scores: np.ndarray
    """Of each training."""
    parameters: int
    mflop: float


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
    settings, best = _best(directory, data)
    known = read_repetitions(directory)
    if known is not None and len(known) >= number:
        return known
    return _scores(
        _train(
            directory,
            _REPEATED,
            settings,
            data,
            number,
            best["trial"],
            best["hyperparameters"],
        )
    )


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
    record = _record(directory, _REPEATED, _best(directory)[1])
    return None if record is None else _scores(record)


def train_default(directory, data, number=2):
    """
    Train the architecture's default network as the best of a search was trained.

    On the same data, with the optimum's optimizer, learning rate, schedule and batch
    size, so that the networks are compared and nothing else. It may cost more than
    the limits of the search.

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
    `DefaultNetwork`

    Raises
    ------
    ValueError
        If there is no search or no completed trial, the data are others, or the
        training fails.
    """
    if number < 1:
        raise ValueError(f"number must be 1 or more, got {number}")
    settings, best = _best(directory, data)
    known = read_default(directory)
    if known is not None and len(known.scores) >= number:
        return known
    defaults = POINTS[settings["space"]["architecture"]].defaults
    found = best["hyperparameters"]
    values = {name: defaults.get(name, value) for name, value in found.items()}
    record = _train(directory, _DEFAULT, settings, data, number, best["trial"], values)
    return _default(record)


def read_default(directory):
    """
    Read what `train_default` found.

    Parameters
    ----------
    directory : path-like
        Where the search lies.

    Returns
    -------
    `DefaultNetwork` or None
        None where that was not done, or beside a trial that is no longer the best.

    Raises
    ------
    ValueError
        If there is no search or no completed trial.
    """
    record = _record(directory, _DEFAULT, _best(directory)[1])
    return None if record is None else _default(record)


def _train(directory, folder, settings, data, number, trial, values):
    """Train a network with seeds of its own and without limits."""
    from .trial import Trainer

    own = {**settings, "executions_per_trial": number}
    own["seed"] = settings["seed"] + _OTHER_SEED
    own |= dict.fromkeys(("max_parameters", "max_mflop", "max_latency"))
    record = Trainer(Path(directory) / folder, own, data)(trial, values)
    if record["status"] != "completed":
        raise ValueError(
            f"the training beside trial {trial} ({folder}) failed: {record['reason']}"
        )
    return record


def _record(directory, folder, best):
    for record in read_records(Path(directory) / folder):
        if record["trial"] == best["trial"] and record["status"] == "completed":
            return record
    return None


def _best(directory, data=None):
    settings = read_settings(directory)
    if data is not None and data.fingerprint() != settings["data"]:
        raise ValueError("data must be those of the search, got others")
    best = best_record(read_records(directory), OBJECTIVES[settings["objective"]][1])
    if best is None:
        raise ValueError(
            f"directory must hold a completed trial, got none: {directory}"
        )
    return settings, best


def _scores(record):
    return np.array([run["score"] for run in record["executions"]])


def _default(record):
    return DefaultNetwork(_scores(record), record["parameters"], record["mflop"])
