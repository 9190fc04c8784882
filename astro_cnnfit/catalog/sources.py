# Licensed under a 3-clause BSD style license - see LICENSE
"""Catalogues of any format, of which only some columns are read."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import astropy.units as u
import numpy as np
from astropy.io import fits
from astropy.table import Column, MaskedColumn, QTable, Table

from astro_cnnfit.inputs.files import each_hdu
from astro_cnnfit.wording import in_one_line

from .optional import require
from .parquet import read_columns

__all__ = ["Source", "fits_source", "open_source"]


class Source(NamedTuple):
    """A table whose columns are read when they are asked for."""

    colnames: list
    """Names of all columns."""
    read: Callable
    """Returns a table of the columns whose names it is given."""


def open_source(catalog):
    """
    Open a catalogue, without reading more than what columns it has.

    Parameters
    ----------
    catalog : `~astropy.table.Table`, dict, `pandas.DataFrame` or path-like
        A table, or a file of one.

    Returns
    -------
    `Source`

    Raises
    ------
    OSError
        If the file is missing or not a table.
    TypeError
        If it is no table.
    """
    if isinstance(catalog, (str, Path)):
        return _file(Path(catalog))
    if hasattr(catalog, "columns") and hasattr(catalog, "to_numpy"):
        table = Table.from_pandas(catalog)
    else:
        try:
            table = catalog if isinstance(catalog, Table) else QTable(catalog)
        except (TypeError, ValueError) as error:
            raise TypeError(
                f"catalog must be a table or a file, got {type(catalog).__name__}"
            ) from error
    return Source(list(table.colnames), lambda names: table[names])


def _file(path):
    if not path.exists():
        raise FileNotFoundError(f"catalog {path}: no such file")
    try:
        if path.is_dir() or path.suffix in (".parquet", ".pq"):
            data = require("pyarrow.dataset").dataset(path, partitioning="hive")
            return Source(data.schema.names, lambda names: read_columns(data, names))
        if path.name.lower().endswith((".fits", ".fit", ".fits.gz")):
            return fits_source(path)
        kind = "ascii" if path.suffix in (".txt", ".dat", ".cat") else None
        table = Table.read(path, format=kind)
    except ImportError:
        raise
    except Exception as error:  # every reader has exceptions of its own
        reason = in_one_line(error)
        raise OSError(f"catalog {path}: not a readable table: {reason}") from error
    return Source(table.colnames, lambda names: table[names])


def fits_source(path):
    """
    A table of a FITS file, the first one.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    `Source`
    """
    with fits.open(path, memmap=True) as hdus:
        tables = (n for n, hdu in each_hdu(hdus) if isinstance(hdu, fits.BinTableHDU))
        number = next(tables, None)
        if number is None:
            raise OSError("the file holds no table")
        names = list(hdus[number].columns.names)

    def read(wanted):
        # A wide catalogue is not read as a whole.
        try:
            with fits.open(path, memmap=True) as hdus:
                return Table([_fits_column(hdus[number], name) for name in wanted])
        except Exception as error:  # damaged headers fail in any way
            reason = in_one_line(error)
            raise OSError(f"catalog {path}: not a readable table: {reason}") from error

    return Source(names, read)


def _fits_column(hdu, name):
    # By way of the array: a table made of the columns has unsigned numbers as floats.
    values, info = np.array(hdu.data[name]), hdu.columns[name]
    unit = None if info.unit is None else u.Unit(info.unit, parse_strict="silent")
    if info.null is not None and values.dtype.kind in "iu":
        mask = values == info.null + (info.bzero or 0)
        if mask.any():
            return MaskedColumn(values, name, mask=mask, unit=unit)
    return Column(values, name, unit=unit)
