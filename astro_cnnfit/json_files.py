# Licensed under a 3-clause BSD style license - see LICENSE
"""Plain values in JSON files that are whole or not there."""

import json
import os
from pathlib import Path

__all__ = ["read_json", "write_json"]


def write_json(path, values):
    """
    Write plain values, whole or not at all.

    Parameters
    ----------
    path : path-like
        Where to; its folder is made.
    values : dict
        Plain values.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{os.getpid()}.partial")
    with partial.open("w", encoding="utf-8") as file:
        json.dump(values, file, indent=1)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)


def read_json(path):
    """
    Read plain values.

    Parameters
    ----------
    path : path-like
        A file of `write_json`.

    Returns
    -------
    dict

    Raises
    ------
    ValueError
        If the file is damaged.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"directory has a damaged file: {path}: {error}") from None
