# Licensed under a 3-clause BSD style license - see LICENSE
"""
The catalogue on disk: one Parquet file for each tile.

``OUT/catalog/tile=NAME/galaxies.parquet`` is the layout that readers of partitioned
data sets know; the column ``tile`` comes from the folder's name and stands in no
file, where it would clash with it.
"""

from pathlib import Path

import numpy as np
from astropy.table import Column, QTable, vstack

from .optional import require
from .parquet import astropy_table, write_parquet

__all__ = [
    "CATALOG",
    "part_path",
    "parts",
    "read_catalog",
    "read_part",
    "some_parts",
    "write_part",
]

CATALOG = "catalog"
"""Folder of the parts."""

_KEY, _FILE = "tile=", "galaxies.parquet"


def part_path(output, name):
    """
    Where a part lies.

    Parameters
    ----------
    output : path-like
        Folder of the run.
    name : str
        Name of the task.

    Returns
    -------
    `~pathlib.Path`
    """
    return Path(output) / CATALOG / f"{_KEY}{name}" / _FILE


def write_part(table, output, name):
    """
    Write what was measured on a tile, whole or not at all.

    Parameters
    ----------
    table : `~astropy.table.Table`
        A row per galaxy.
    output : path-like
        Folder of the run.
    name : str
        Name of the task.

    Returns
    -------
    path : `~pathlib.Path`
    size : int
        Bytes of the file.
    """
    path = part_path(output, name)
    return path, write_parquet(table, path, {"tile": name})


def parts(output):
    """
    List the parts that are there.

    Parameters
    ----------
    output : path-like
        Folder of the run.

    Returns
    -------
    dict
        Path of each, by the name of the task, in the order of the names.

    Raises
    ------
    FileNotFoundError
        If there is no catalogue.
    """
    folder = Path(output) / CATALOG
    if not folder.is_dir():
        raise FileNotFoundError(
            f"output must be the folder of a run, with {CATALOG}/ in it, got {output}"
        )
    found = sorted(folder.glob(f"{_KEY}*/{_FILE}"))
    return {path.parent.name.removeprefix(_KEY): path for path in found}


def some_parts(output):
    """
    List the parts, of which there is one at least.

    Parameters
    ----------
    output : path-like
        Folder of the run.

    Returns
    -------
    dict
        As of `parts`.

    Raises
    ------
    FileNotFoundError
        If there is no catalogue.
    ValueError
        If it has no part.
    """
    found = parts(output)
    if not found:
        raise ValueError(f"output must have measured galaxies, found none in {output}")
    return found


def read_part(path, columns=None):
    """
    Read one part.

    Parameters
    ----------
    path : path-like
        One of `parts`.
    columns : list of str, optional
        Which columns; all by default.

    Returns
    -------
    `~astropy.table.QTable`
        With units.

    Raises
    ------
    ValueError
        If there is no such column.
    """
    return QTable(astropy_table(_read(path, columns)), copy=False)


def _read(path, columns):
    # One file alone: readers of folders would add the column of the partition.
    with require("pyarrow.parquet").ParquetFile(path) as file:
        known = file.schema_arrow.names
        for name in columns or ():
            if name not in known:
                raise ValueError(
                    f"columns must be among {', '.join(known)}, tile; got {name!r}"
                )
        return file.read(columns=columns)


def read_catalog(output, columns=None):
    """
    Read the catalogue of a run.

    Parameters
    ----------
    output : path-like
        Folder of the run.
    columns : list of str, optional
        Which columns; all by default. ``tile`` is the name of the tile (of a part,
        where a stack was measured in parts).

    Returns
    -------
    `~astropy.table.QTable`
        A row per galaxy, tile after tile, with units and descriptions. Without any
        part, a table without rows and columns.

    Raises
    ------
    FileNotFoundError
        If there is no catalogue.
    ValueError
        If there is no such column.

    Notes
    -----
    It must fit into memory. Larger ones are read by pyarrow.dataset, Dask or Polars
    from the folder ``catalog``, or part by part.
    """
    wanted = None if columns is None else [name for name in columns if name != "tile"]
    found = parts(output)
    if not found:
        return QTable()
    # Joined as they are on disk: thousands of small tables of astropy take long.
    read = [_read(path, wanted) for path in found.values()]
    if len({_units(data) for data in read}) == 1:
        joined = require("pyarrow").concat_tables(read, promote_options="default")
        result = QTable(astropy_table(joined), copy=False)
    else:
        tables = [QTable(astropy_table(data), copy=False) for data in read]
        result = vstack(tables, metadata_conflicts="silent")
    if columns is None or "tile" in columns:
        names = np.repeat(list(found), [data.num_rows for data in read])
        result.add_column(Column(names, description="name of the tile"), name="tile")
    return result if columns is None else result[list(columns)]


def _units(data):
    return tuple((field.metadata or {}).get(b"unit") for field in data.schema)
