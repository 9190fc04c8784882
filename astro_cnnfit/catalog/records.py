# Licensed under a 3-clause BSD style license - see LICENSE
"""
What a run keeps beside its catalogue, and by which it goes on.

::

    OUTPUT/run.json               what the run is made of: settings, models, inputs
    OUTPUT/catalog/tile=NAME/     a part of the catalogue for each tile
    OUTPUT/tiles/NAME.json        its side file, written after it
    OUTPUT/failures.parquet       tiles that were given up, and rows on no tile
    OUTPUT/summary.json           the run at its end

All are written beside their place and moved there whole. A part without a side file
that describes it does not count: it is measured again.
"""

import logging
import os
from itertools import accumulate
from pathlib import Path

from astro_cnnfit.json_files import read_json, write_json

from .dataset import CATALOG, part_path
from .optional import import_pyarrow

__all__ = [
    "forget_end",
    "read_failures",
    "read_run",
    "read_sides",
    "tidy",
    "write_failures",
    "write_run",
    "write_side",
    "write_summary",
]

log = logging.getLogger(__name__)

_RUN, _TILES = "run.json", "tiles"
_FAILURES, _SUMMARY = "failures.parquet", "summary.json"


def read_run(output):
    """
    What the run in a folder is made of.

    Parameters
    ----------
    output : path-like
        Folder of a catalogue.

    Returns
    -------
    dict or None
        As of `~astro_cnnfit.catalog.fingerprint.fingerprint`; None if there is
        no run.
    """
    path = Path(output) / _RUN
    return read_json(path) if path.is_file() else None


def write_run(output, record):
    """
    Write down what a run is made of.

    Parameters
    ----------
    output : path-like
        Folder of a catalogue.
    record : dict
        As of `~astro_cnnfit.catalog.fingerprint.fingerprint`.
    """
    (Path(output) / CATALOG).mkdir(parents=True, exist_ok=True)
    write_json(Path(output) / _RUN, record)


def write_side(output, name, record):
    """
    Write the side file of a part, after the part.

    Parameters
    ----------
    output : path-like
        Folder of a catalogue.
    name : str
        Of the task.
    record : dict
        Plain values, among them the ``bytes`` of the part, 0 if there is none.
    """
    write_json(_side_path(output, name), record)


def read_sides(output, names):
    """
    Read the side files of the parts that are whole.

    Parameters
    ----------
    output : path-like
        Folder of a catalogue.
    names : iterable of str
        Names of tasks.

    Yields
    ------
    name : str
        Those that have a side file and a part of its size.
    record : dict
        What the side file holds.
    """
    for name in names:
        try:
            record = read_json(_side_path(output, name))
            if not record["rows"] or _size(output, name) == record["bytes"]:
                yield name, record
        except FileNotFoundError:
            continue
        except (ValueError, KeyError, TypeError):
            log.warning("%s has a damaged side file; it is measured again", name)


def tidy(output, done):
    """
    Remove what a run that was killed has left: half files, and parts without record.

    Parameters
    ----------
    output : path-like
        Folder of a catalogue; nothing may write to it meanwhile.
    done : collection of str
        Names of the tasks whose parts count.
    """
    output = Path(output)
    for folder in (output, output / _TILES):
        for path in folder.glob("*.partial"):
            path.unlink(missing_ok=True)
    for path in (output / _TILES).glob("*.json"):
        if path.stem not in done:
            path.unlink(missing_ok=True)
    for folder in (output / CATALOG).glob("tile=*"):
        for path in folder.glob(".*.partial"):
            path.unlink(missing_ok=True)
        name = folder.name.removeprefix("tile=")
        if name not in done:
            part_path(output, name).unlink(missing_ok=True)
            if not any(folder.iterdir()):
                folder.rmdir()


def forget_end(output):
    """
    Remove the records of the end of a run, as it goes on.

    Parameters
    ----------
    output : path-like
        Folder of a catalogue.
    """
    for name in (_SUMMARY, _FAILURES):
        (Path(output) / name).unlink(missing_ok=True)


def write_summary(output, summary):
    """
    Write the summary of a run.

    Parameters
    ----------
    output : path-like
        Folder of a catalogue.
    summary : dict
        Plain values.
    """
    write_json(Path(output) / _SUMMARY, summary)


def write_failures(output, failures):
    """
    Write the table of what could not be measured.

    Parameters
    ----------
    output : path-like
        Folder of a catalogue.
    failures : list of dict
        Each with ``tile``, ``ids`` (array), ``reason`` and ``attempts``.
    """
    pa = import_pyarrow()
    ids = [pa.array(failure["ids"]) for failure in failures] or [pa.array([], "int64")]
    if len({values.type for values in ids}) > 1:
        ids = [values.cast("string") for values in ids]
    offsets = [0, *accumulate(len(failure["ids"]) for failure in failures)]
    table = pa.table(
        {
            "tile": pa.array([f["tile"] for f in failures], "string"),
            "count": pa.array([len(f["ids"]) for f in failures], "int64"),
            "reason": pa.array([f["reason"] for f in failures], "string"),
            "attempts": pa.array([f["attempts"] for f in failures], "int32"),
            "ids": pa.LargeListArray.from_arrays(
                pa.array(offsets, "int64"),
                pa.concat_arrays(ids),
            ),
        }
    )
    path = Path(output) / _FAILURES
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    pa.parquet.write_table(table, partial)
    os.replace(partial, path)


def read_failures(output):
    """
    Read the table of what could not be measured.

    Parameters
    ----------
    output : path-like
        Folder of a catalogue.

    Returns
    -------
    `~astropy.table.Table`
        ``tile`` (empty for rows on no tile), ``count`` of its rows, ``reason``,
        ``attempts``, and ``ids``, an array in each row.

    Raises
    ------
    FileNotFoundError
        If the run is not at its end.
    """
    import numpy as np
    from astropy.table import Table

    pa = import_pyarrow()
    table = pa.parquet.read_table(Path(output) / _FAILURES)
    ids = np.empty(len(table), dtype=object)
    for row, values in enumerate(table["ids"]):
        ids[row] = values.values.to_numpy(zero_copy_only=False)
    columns = {name: table[name].to_numpy() for name in table.column_names[:-1]}
    columns = {k: v.astype(str) if v.dtype == object else v for k, v in columns.items()}
    return Table({**columns, "ids": ids})


def _size(output, name):
    return part_path(output, name).stat().st_size


def _side_path(output, name):
    return Path(output) / _TILES / f"{name}.json"
