# Licensed under a 3-clause BSD style license - see LICENSE
"""The weights of the best trial so far; those of all others are not kept."""

import os

from safetensors.numpy import load_file, save_file

from .objectives import OBJECTIVES
from .records import best_record, read_records, weights_path

__all__ = ["keep_weights", "read_weights"]


def keep_weights(directory, settings, record=None, arrays=None):
    """
    Keep the weights of a trial if it is the best so far; drop those of others.

    Called with a record before that is written, so that there is no best trial
    without weights, and without one afterwards, to drop what is no longer best.
    Workers may do so at the same time: weights of a trial whose record another one
    has not yet seen are left alone.

    Parameters
    ----------
    directory : path-like
        Where the search lies.
    settings : dict
        What its ``search.json`` holds.
    record : dict, optional
        A completed trial that is not yet written down.
    arrays : list of `~numpy.ndarray`, optional
        Its weights.
    """
    direction = OBJECTIVES[settings["objective"]][1]
    known = read_records(directory)
    if record is None:
        best = best_record(known, direction)
        for other in known:
            if best is None or other["trial"] != best["trial"]:
                weights_path(directory, other["trial"]).unlink(missing_ok=True)
    elif best_record([*known, record], direction)["trial"] == record["trial"]:
        path = weights_path(directory, record["trial"])
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        save_file({f"{i:04d}": array for i, array in enumerate(arrays)}, partial)
        os.replace(partial, path)


def read_weights(directory, trial):
    """
    Weights of a trial.

    Parameters
    ----------
    directory : path-like
        Where the search lies.
    trial : int
        Its number.

    Returns
    -------
    list of `~numpy.ndarray`

    Raises
    ------
    ValueError
        If they are not there.
    """
    path = weights_path(directory, trial)
    if not path.is_file():
        raise ValueError(f"directory lacks the weights of its best trial: {path}")
    arrays = load_file(path)
    return [arrays[name] for name in sorted(arrays)]
