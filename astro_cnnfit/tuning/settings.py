# Licensed under a 3-clause BSD style license - see LICENSE
"""A search's settings on disk: begun, resumed, or refused with the difference."""

import os
import secrets
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

from astro_cnnfit.json_files import write_json

from .records import SETTINGS, read_settings

try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None

__all__ = ["locked", "open_search"]

_PACKAGES = ("astro_cnnfit", "keras", "keras-tuner", "scikit-learn", "numpy")
_LOCK = "search.lock"
# What may be other than before when a search goes on.
_FREE = ("max_trials", "versions", "initial_points", "seed")


def open_search(directory, wanted):
    """
    Begin a search in a directory, or take up the one that is there.

    Parameters
    ----------
    directory : path-like
        Where the search lies; empty or not there for a new one.
    wanted : dict
        Its settings. A ``seed`` or ``initial_points`` of None leaves them to the
        search.

    Returns
    -------
    dict
        The settings that hold, as they are now written in ``search.json``.

    Raises
    ------
    ValueError
        If the directory holds a search with other settings or data, which are named,
        or something else.
    """
    directory = Path(directory)
    wanted = {**wanted, "versions": {name: version(name) for name in _PACKAGES}}
    if (directory / SETTINGS).is_file():
        found = read_settings(directory)
        _check_same(directory, found, wanted)
        kept = {name: found[name] for name in ("seed", "initial_points")}
        settings = {**wanted, **kept}
    else:
        _check_empty(directory)
        settings = dict(wanted)
        if settings["seed"] is None:
            settings["seed"] = secrets.randbits(31)
        if settings["initial_points"] is None:
            settings["initial_points"] = _initial_points(settings)
    write_json(directory / SETTINGS, settings)
    return settings


@contextmanager
def locked(directory):
    """
    Keep a directory to this process.

    Parameters
    ----------
    directory : path-like
        Where the search lies.

    Raises
    ------
    ValueError
        If another process has it.
    """
    directory = Path(directory)
    if directory.exists() and not directory.is_dir():
        raise ValueError(f"directory must be a folder, got {str(directory)!r}")
    if not (directory / SETTINGS).is_file():
        _check_empty(directory)
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / _LOCK).open("w") as file:
        if fcntl is not None:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise ValueError(
                    f"directory is in use by another search: {directory}"
                ) from None
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield


def _initial_points(settings):
    """Random points at first: a quarter of all, and at most two a dimension."""
    dimensions = settings["space"]["dimensions"]
    return max(min(settings["max_trials"] // 4, 2 * len(dimensions)), 3)


def _check_empty(directory):
    others = (
        [p for p in directory.iterdir() if p.name != _LOCK]
        if directory.is_dir()
        else []
    )
    if others:
        raise ValueError(
            f"directory must be empty or that of a search, got {str(directory)!r} with "
            f"{sorted(path.name for path in others)[0]!r} in it"
        )


def _check_same(directory, found, wanted):
    differences = [
        text
        for name, value in wanted.items()
        if not (name in _FREE and (value is None or name in ("max_trials", "versions")))
        for text in _differences(name, found.get(name), value)
    ]
    if differences:
        raise ValueError(
            f"directory holds a search with another {'; another '.join(differences)}. "
            f"Go on with what it has, or name another directory: {directory}"
        )


def _differences(name, old, new):
    """What is other, in words; nothing where all is the same."""
    if old == new:
        return []
    if name == "data":
        parts = [part for part in new if (old or {}).get(part) != new[part]]
        return [f"{part} set (data)" for part in parts]
    if name == "space" and old:
        return _space_differences(old, new)
    return [f"{name}: {old!r} -> {new!r}"]


def _space_differences(old, new):
    texts = [
        f"space ({key}): {old[key]!r} -> {new[key]!r}"
        for key in ("name", "architecture")
        if old[key] != new[key]
    ]
    before, after = old["dimensions"], new["dimensions"]
    for key in sorted({*before, *after}):
        if before.get(key) != after.get(key):
            texts.append(f"space ({key}): {before.get(key)} -> {after.get(key)}")
    # The order of the dimensions is that of the random numbers.
    if not texts:
        texts.append(f"order of the space: {', '.join(before)} -> {', '.join(after)}")
    return texts
