# Licensed under a 3-clause BSD style license - see LICENSE
"""
What a search keeps on disk: its settings and a file a trial.

These files are the search's only memory. Each is written beside its place and
moved there whole, so that whatever kills a search leaves every finished trial, and
nothing half written. A file ``started`` says how often a trial was begun, so that
one which kills its process, as by running out of memory, is not begun for ever.
"""

from pathlib import Path

from astro_cnnfit.json_files import read_json, write_json

__all__ = [
    "SETTINGS",
    "best_record",
    "count_records",
    "count_start",
    "forget_starts",
    "read_records",
    "read_settings",
    "read_started",
    "weights_path",
    "write_record",
    "write_start",
]

SETTINGS = "search.json"
_TRIALS, _STARTED, _WEIGHTS = "trials", "started", "weights"


def read_settings(directory):
    """
    Read the settings of the search in a directory.

    Parameters
    ----------
    directory : path-like
        Where the search lies.

    Returns
    -------
    dict

    Raises
    ------
    ValueError
        If there is no search.
    """
    path = Path(directory) / SETTINGS
    if not path.is_file():
        raise ValueError(
            f"directory must be that of a search, with {SETTINGS} in it, got "
            f"{str(directory)!r}"
        )
    return read_json(path)


def write_record(directory, record):
    """
    Write down a finished trial.

    Parameters
    ----------
    directory : path-like
        Where the search lies.
    record : dict
        What became of it; ``trial`` is its number.
    """
    write_json(Path(directory) / _TRIALS / f"{record['trial']:04d}.json", record)
    _started_path(directory, record["trial"]).unlink(missing_ok=True)


def read_records(directory):
    """
    Read all finished trials.

    Parameters
    ----------
    directory : path-like
        Where the search lies.

    Returns
    -------
    list of dict
        In the order of their numbers.
    """
    paths = (Path(directory) / _TRIALS).glob("*.json")
    return sorted(map(read_json, paths), key=lambda record: record["trial"])


def count_records(directory):
    """
    Count the finished trials.

    Parameters
    ----------
    directory : path-like
        Where the search lies.

    Returns
    -------
    int
    """
    return len(list((Path(directory) / _TRIALS).glob("*.json")))


def best_record(records, direction):
    """
    The best of the completed trials.

    Parameters
    ----------
    records : list of dict
        Finished trials.
    direction : {'min', 'max'}
        Which score is best.

    Returns
    -------
    dict or None
        None where no trial was completed; the first of several that are as good.
    """
    completed = [record for record in records if record["status"] == "completed"]
    if not completed:
        return None
    sign = -1 if direction == "max" else 1
    return min(completed, key=lambda r: (sign * r["score"], r["trial"]))


def write_start(directory, trial, values):
    """
    Write down that a trial is about to begin.

    Parameters
    ----------
    directory : path-like
        Where the search lies.
    trial : int
        Its number.
    values : dict
        Its hyperparameters.
    """
    path = _started_path(directory, trial)
    if not path.is_file():
        write_json(path, {"trial": trial, "hyperparameters": values, "times": 0})


def count_start(directory, trial, values):
    """
    Count that a trial is begun.

    Parameters
    ----------
    directory : path-like
        Where the search lies.
    trial : int
        Its number.
    values : dict
        Its hyperparameters.

    Returns
    -------
    int
        How often it was begun, this time included.
    """
    write_start(directory, trial, values)
    path = _started_path(directory, trial)
    start = read_json(path)
    start["times"] += 1
    write_json(path, start)
    return start["times"]


def forget_starts(directory, trial):
    """
    Forget how often a trial was begun: it was not its fault.

    Parameters
    ----------
    directory : path-like
        Where the search lies.
    trial : int
        Its number.
    """
    path = _started_path(directory, trial)
    write_json(path, {**read_json(path), "times": 0})


def read_started(directory):
    """
    Read the trials that were begun and not finished.

    Parameters
    ----------
    directory : path-like
        Where the search lies.

    Returns
    -------
    list of dict
        ``trial`` and ``hyperparameters``, in the order of their numbers.
    """
    finished = {record["trial"] for record in read_records(directory)}
    paths = (Path(directory) / _STARTED).glob("*.json")
    starts = sorted(map(read_json, paths), key=lambda start: start["trial"])
    return [start for start in starts if start["trial"] not in finished]


def weights_path(directory, trial):
    """
    Where the weights of a trial lie, if they are kept.

    Parameters
    ----------
    directory : path-like
        Where the search lies.
    trial : int
        Its number.

    Returns
    -------
    `~pathlib.Path`
    """
    return Path(directory) / _WEIGHTS / f"{trial:04d}.safetensors"


def _started_path(directory, trial):
    return Path(directory) / _STARTED / f"{trial:04d}.json"
