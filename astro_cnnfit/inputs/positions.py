# Licensed under a 3-clause BSD style license - see LICENSE
"""Positions of galaxies, from a table or an array."""

from typing import NamedTuple

import astropy.units as u
import numpy as np
from astropy.table import Table
from astropy.utils.masked import Masked

__all__ = ["Positions", "parse_positions"]

COLUMN_PAIRS = (
    ("x_init", "y_init"),
    ("x", "y"),
    ("xcentroid", "ycentroid"),
    ("x_centroid", "y_centroid"),
    ("x_0", "y_0"),
    ("xcen", "ycen"),
)
"""Names under which positions are looked for, the first that is there wins."""

HINTS = {"r_eff": ("r_eff_init", "r_eff")}
"""First guesses that are used if they are there, and their columns."""


class Positions(NamedTuple):
    """Positions of galaxies in an image; pixel (0, 0) is centred on the origin."""

    ids: np.ndarray
    """Identifiers, (N,): the column ``id``, otherwise 1, 2, ..."""
    x: np.ndarray
    """Column coordinate in pixels, (N,), float64; NaN where unknown."""
    y: np.ndarray
    """Row coordinate in pixels, (N,), float64; NaN where unknown."""
    extra: dict
    """First guesses by name, (N,) float64 each: 'r_eff' in pixels."""


def parse_positions(init_params):
    """
    Take positions from a table or an array.

    Parameters
    ----------
    init_params : `~astropy.table.Table`, dict, structured array or array_like
        A table with the columns ``x_init`` and ``y_init`` (or one of the other
        pairs of `COLUMN_PAIRS`), and optionally ``id`` and ``r_eff_init``; or
        an array of shape (N, 2) of x and y. In pixels, counted from 0 at the
        centre of the first pixel.

    Returns
    -------
    positions : `Positions`

    Raises
    ------
    TypeError
        If the positions are not real numbers.
    ValueError
        If a table has no x and y, an array is not of shape (N, 2), or a column
        has a unit other than pixels.
    """
    table = _as_table(init_params)
    if table is None:
        return _from_array(init_params)
    for x_name, y_name in COLUMN_PAIRS:
        if x_name in table.colnames and y_name in table.colnames:
            break
    else:
        pairs = ", ".join(f"{x_name} and {y_name}" for x_name, y_name in COLUMN_PAIRS)
        raise ValueError(
            f"init_params must have columns with x and y ({pairs}), got "
            f"{', '.join(table.colnames) or 'none'}"
        )
    extra = {
        hint: _column(table, name)
        for hint, names in HINTS.items()
        for name in names[::-1]  # the first name is taken last and wins
        if name in table.colnames
    }
    ids = np.arange(1, len(table) + 1)
    if "id" in table.colnames:
        ids = np.array(table["id"])
    return Positions(ids, _column(table, x_name), _column(table, y_name), extra)


def _as_table(init_params):
    """Return a table, or None for what can only be a plain array."""
    if isinstance(init_params, Table):
        return init_params
    if isinstance(init_params, dict) or (
        isinstance(init_params, np.ndarray) and init_params.dtype.names
    ):
        return Table(init_params)
    if hasattr(init_params, "columns") and hasattr(init_params, "to_numpy"):
        return Table.from_pandas(init_params)
    return None


def _column(table, name):
    column = _in_pixels(table[name], f"init_params column {name!r}")
    if column.dtype.kind not in "iuf" or column.ndim != 1:
        raise TypeError(
            f"init_params column {name!r} must hold a real number in each row, got "
            f"dtype {column.dtype} of shape {column.shape}"
        )
    return _filled(column)


def _in_pixels(values, name):
    """Return values without their unit, as a (masked) array."""
    unit = getattr(values, "unit", None)
    if unit is not None and unit != u.pix:
        raise ValueError(f"{name} must be in pixels, got unit {unit}")
    if isinstance(values, Masked):
        return np.ma.array(np.asarray(values.unmasked), mask=values.mask)
    masked = isinstance(values, np.ma.MaskedArray)
    return values if masked else np.ma.array(np.asarray(values))


def _filled(values):
    # A missing entry is a position that nobody knows: its row stays, flagged.
    return values.astype(float).filled(np.nan)


def _from_array(init_params):
    try:
        array = _in_pixels(init_params, "init_params")
    except ValueError as exc:
        raise ValueError(
            f"init_params must be a table or regular array: {exc}"
        ) from exc
    if array.dtype.kind not in "iuf":
        raise TypeError(
            "init_params must be a table or an array of real numbers of shape (N, 2), "
            f"got {type(init_params).__name__} of dtype {array.dtype}"
        )
    if array.shape == (2,):
        array = array[np.newaxis]
    if array.ndim != 2 or array.shape[1] != 2:
        raise ValueError(
            "init_params must be a table or an array of shape (N, 2), got shape "
            f"{array.shape}"
        )
    array = _filled(array)
    return Positions(np.arange(1, len(array) + 1), array[:, 0], array[:, 1], {})
