# Licensed under a 3-clause BSD style license - see LICENSE
"""The catalogue of positions: only the columns that are needed, kept exactly."""

import astropy.units as u
import numpy as np
from astropy.table import Column, MaskedColumn, Table

from .sources import open_source

__all__ = ["COLUMNS", "read_positions"]

COLUMNS = ("id", "ra", "dec", "x", "y", "tile", "index", "psf_index")
"""Columns that have a meaning here, and their usual names."""

_FLOATS = {"ra": u.deg, "dec": u.deg, "x": None, "y": None}
_COUNTS = ("index", "psf_index")
# Above, not every whole number is a floating-point number.
_EXACT = 2**53


def read_positions(catalog, *, stacks=False, one_tile=False, columns=None, keep=()):
    """
    Read the positions of a catalogue.

    Parameters
    ----------
    catalog : `~astropy.table.Table`, dict, `pandas.DataFrame` or path-like
        A row per galaxy, or a file of that: FITS, Parquet (or a folder of it),
        ECSV, or any other format that astropy knows by its suffix. Columns:

        ``id``
            whole numbers or text, unique; the row number from 1 without it
        ``ra, dec``
            ICRS, in degrees unless they have a unit
        ``x, y``
            in pixels, counted from 0 at the centre of the first one; with ``tile``,
            the name of the tile (which one tile does without), they go before
            ``ra, dec``, and need no WCS
        ``index``
            number of the stamp in its stack, from 0
        ``psf_index``
            number of the PSF in the tile's stack of PSFs, from 0
    stacks : bool
        Whether tiles are stacks: ``index`` is needed.
    one_tile : bool
        Whether there is one tile only: ``tile`` is not needed.
    columns : dict, optional
        Names in the catalogue where they are not the usual ones, such as
        ``{'ra': 'ALPHA_J2000'}``.
    keep : sequence of str
        Further columns that are wanted.

    Returns
    -------
    rows : `~astropy.table.Table`
        Those of the columns that are there, under the usual names, and those of
        ``keep``.
    has : {'sky', 'pixels', 'index'}
        What tells where a galaxy is.

    Raises
    ------
    OSError
        If the file cannot be read.
    TypeError
        If a column is of the wrong kind.
    ValueError
        If a column is missing, or identifiers are missing or not unique.
    """
    names = _names(columns)
    table = open_source(catalog)
    there = table.colnames
    for name, column in names.items():
        if name in (columns or {}) and column not in there:
            raise ValueError(
                f"catalog must have the column {column!r} for {name}, got "
                f"{', '.join(there)}"
            )
    missing = [name for name in keep if name not in there]
    if missing:
        raise ValueError(
            f"keep must name columns of the catalog, which has no {missing[0]!r}"
        )
    found = {name: column for name, column in names.items() if column in there}
    has = _kind(found, stacks, one_tile, there)
    _check_keep(keep, names, found)
    raw = table.read([*found.values(), *keep])
    rows = Table()
    rows["id"] = _identifiers(raw[found["id"]] if "id" in found else len(raw))
    for name, column in found.items():
        if name != "id":
            rows[name] = _parsed(name, raw[column])
    for name in keep:
        rows[name] = _kept(name, raw[name])
    return rows, has


def _names(columns):
    unknown = sorted(set(columns or {}) - set(COLUMNS))
    if unknown:
        raise ValueError(
            f"columns must be among {', '.join(COLUMNS)}; got {unknown[0]!r}"
        )
    return {name: name for name in COLUMNS} | dict(columns or {})


def _kind(found, stacks, one_tile, there):
    """What tells where galaxies are; columns that do not matter are dropped."""
    placed = one_tile or "tile" in found
    if stacks:
        if "index" in found and placed:
            return "index"
        raise ValueError(
            "catalog must have the column index (and tile, of more than one stack), "
            f"got {', '.join(there)}"
        )
    found.pop("index", None)
    if "x" in found and "y" in found and placed:
        return "pixels"
    if "ra" in found and "dec" in found:
        for name in ("x", "y", "tile"):
            found.pop(name, None)
        return "sky"
    raise ValueError(
        "catalog must have the columns ra and dec, or x and y (and tile, of more "
        f"than one tile), got {', '.join(there)}"
    )


def _check_keep(keep, names, found):
    if not keep:
        return
    from astro_cnnfit.morphology.results import COLUMNS as CAS_COLUMNS
    from astro_cnnfit.sersic.results import COLUMNS as SERSIC_COLUMNS

    if len(set(keep)) != len(tuple(keep)):
        raise ValueError(f"keep must name each column once, got {list(keep)}")
    taken = {column.name for column in (*SERSIC_COLUMNS, *CAS_COLUMNS)}
    taken |= {f"{column.name}_cas" for column in CAS_COLUMNS} | set(COLUMNS)
    for name in keep:
        if name in taken or name.endswith(("_fit", "_err")):
            raise ValueError(
                f"keep must not name {name!r}, which the result has a column of; "
                "rename it in the catalog"
            )


def _identifiers(values):
    if isinstance(values, int):
        return np.arange(1, values + 1)
    if np.any(getattr(values, "mask", False)):
        raise ValueError("catalog column id must not have missing values")
    values = _text(np.asarray(values))
    if values.dtype.kind == "f" and np.all(np.abs(values) < _EXACT):
        whole = values.astype(np.int64)
        values = whole if np.array_equal(whole, values) else values
    if values.dtype.kind not in "iuU" or values.ndim != 1:
        raise TypeError(
            "catalog column id must hold whole numbers or text, got dtype "
            f"{values.dtype} of shape {values.shape}"
        )
    values = values.astype(values.dtype.newbyteorder("="), copy=False)
    ordered = np.sort(values)
    twice = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    if twice.size:
        some = ", ".join(str(value) for value in twice[:5])
        raise ValueError(
            f"catalog column id must be unique, got {twice.size} more than once: {some}"
            f"{', ...' if twice.size > 5 else ''}"
        )
    return values


def _text(values):
    """Bytes and objects as text where they are text; others as they are."""
    if values.dtype.kind == "S":
        return np.char.decode(values, "utf-8")
    if values.dtype.kind == "O":
        kinds = {type(value) for value in values}
        if kinds <= {str, np.str_}:
            return values.astype(str)
        if kinds <= {bytes, np.bytes_}:
            return np.char.decode(values.astype("S"), "utf-8")
        if kinds <= {int, np.int64, np.uint64}:
            return np.array(values.tolist())
    if values.dtype.kind == "T":
        return values.astype(str)
    return values


def _parsed(name, column):
    if name == "tile":
        values = _text(np.asarray(column))
        return values if values.dtype.kind == "U" else values.astype(str)
    unit = getattr(column, "unit", None)
    mask = getattr(column, "mask", None)
    values = np.asarray(getattr(column, "value", column))
    if isinstance(column, np.ma.MaskedArray):
        values = np.asarray(column.data)
    kinds = "iu" if name in _COUNTS else "iuf"
    if values.dtype.kind not in kinds or values.ndim != 1:
        takes = "whole numbers" if name in _COUNTS else "real numbers"
        raise TypeError(
            f"catalog column {name} must hold {takes}, got dtype {values.dtype} of "
            f"shape {values.shape}"
        )
    if name in _COUNTS:
        if np.any(mask if mask is not None else False):
            raise ValueError(f"catalog column {name} must not have missing values")
        return values.astype(np.int64)
    values = values.astype(float)
    if mask is not None and np.any(mask):
        values = np.where(mask, np.nan, values)
    return _in_unit(name, values, unit)


def _in_unit(name, values, unit):
    wanted = _FLOATS[name]
    if unit is None or unit == u.dimensionless_unscaled:
        return values
    if wanted is None:
        if unit != u.pix:
            raise ValueError(f"catalog column {name} must be in pixels, got {unit}")
        return values
    try:
        return (values * unit).to_value(wanted)
    except (u.UnitConversionError, TypeError) as error:
        raise ValueError(
            f"catalog column {name} must be an angle, got unit {unit}"
        ) from error


def _kept(name, column):
    """A column that is passed on: plain numbers, text, with unit and description."""
    unit = getattr(column, "unit", None)
    description = getattr(getattr(column, "info", None), "description", None)
    mask = getattr(column, "mask", None)
    data = column.value if isinstance(column, u.Quantity) else column
    data = data.unmasked if hasattr(data, "unmasked") else data
    data = data.data if isinstance(data, np.ma.MaskedArray) else data
    values = np.asarray(data)
    if values.dtype.kind == "O":
        mask = np.array([value is None for value in values])
        values = np.where(mask, "", values) if mask.any() else values
        mask = mask if mask.any() else None
    values = _text(values)
    if values.dtype.kind not in "biufU" or values.ndim > 2:
        raise TypeError(
            f"keep must name columns of numbers, text or booleans; {name!r} has dtype "
            f"{values.dtype} of shape {values.shape}"
        )
    values = values.astype(values.dtype.newbyteorder("="), copy=False)
    if mask is not None and np.any(mask):
        return MaskedColumn(values, mask=mask, unit=unit, description=description)
    return Column(values, unit=unit, description=description)
