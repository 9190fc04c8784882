# Licensed under a 3-clause BSD style license - see LICENSE
"""Positions of galaxies, from a table, an array or coordinates on the sky."""

from typing import NamedTuple

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord
from astropy.table import Table
from astropy.utils.masked import Masked

from .paths import refuse_path
from .sky import sky_to_pixels, to_sky

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

SKY_COLUMNS = ("sky_init", "sky_fit", "sky_centroid", "skycoord", "sky", "coord")
"""Names under which coordinates are looked for, where there are no pixels."""

RA_DEC_PAIRS = (
    ("ra", "dec"),
    ("RA", "DEC"),
    ("RAJ2000", "DEJ2000"),
    ("RA_ICRS", "DE_ICRS"),
    ("ALPHA_J2000", "DELTA_J2000"),
)
"""The same for right ascension and declination: ICRS, in degrees without a unit."""

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


def parse_positions(init_params, wcs=None):
    """
    Take positions from a table, an array or coordinates.

    Parameters
    ----------
    init_params : `~astropy.table.Table`, dict, structured array, array_like or \
`~astropy.coordinates.SkyCoord`
        A table with the columns ``x_init`` and ``y_init`` (or one of the other
        pairs of `COLUMN_PAIRS`), and optionally ``id`` and ``r_eff_init``; or
        an array of shape (N, 2) of x and y. In pixels, counted from 0 at the
        centre of the first pixel. With a WCS also coordinates of any frame, or a
        table with a column of them (`SKY_COLUMNS`) or with right ascension and
        declination (`RA_DEC_PAIRS`), which count where it has no pixels.
    wcs : WCS, optional
        Of the image.

    Returns
    -------
    positions : `Positions`
        Coordinates that the WCS does not reach are NaN.

    Raises
    ------
    TypeError
        If the positions are not real numbers, or the name of a file.
    ValueError
        If a table has no positions, an array is not of shape (N, 2), a column
        has a unit other than pixels (of coordinates: other than an angle), or there
        are coordinates and no WCS.
    """
    refuse_path(init_params, "init_params")
    if isinstance(init_params, SkyCoord):
        x, y = _projected(init_params, wcs, "init_params")
        return Positions(np.arange(1, len(x) + 1), x, y, {})
    table = _as_table(init_params)
    if table is None:
        return _from_array(init_params)
    x, y = _of_table(table, wcs)
    extra = {
        hint: _column(table, name)
        for hint, names in HINTS.items()
        for name in names[::-1]  # the first name is taken last and wins
        if name in table.colnames
    }
    ids = np.arange(1, len(table) + 1)
    if "id" in table.colnames:
        ids = np.array(table["id"])
    return Positions(ids, x, y, extra)


def _of_table(table, wcs):
    """Pixels of the positions of a table, whatever its columns are."""
    names = _pair(table, COLUMN_PAIRS)
    if names is not None:
        return tuple(_column(table, name) for name in names)
    for name in SKY_COLUMNS:
        if name in table.colnames and isinstance(table[name], SkyCoord):
            return _projected(table[name], wcs, f"init_params column {name!r}")
    names = _pair(table, RA_DEC_PAIRS)
    if names is not None:
        ra, dec = (_degrees(table, name) for name in names)
        # A declination beyond the poles is as unknown as a missing one.
        known = np.isfinite(ra) & (np.abs(dec) <= 90)
        ra, dec = np.where(known, ra, np.nan), np.where(known, dec, np.nan)
        coordinates = SkyCoord(ra, dec, unit=u.deg, frame="icrs")
        return _projected(
            coordinates, wcs, f"init_params columns {' and '.join(names)}"
        )
    pairs = ", ".join(f"{x_name} and {y_name}" for x_name, y_name in COLUMN_PAIRS)
    raise ValueError(
        f"init_params must have columns with x and y ({pairs}), or coordinates "
        f"({', '.join(SKY_COLUMNS)}, ra and dec), got "
        f"{', '.join(table.colnames) or 'none'}"
    )


def _pair(table, pairs):
    for names in pairs:
        if set(names) <= set(table.colnames):
            return names
    return None


def _projected(coordinates, wcs, name):
    """Pixels of coordinates, (N,) each."""
    if wcs is None:
        raise ValueError(
            f"{name} must be pixels, or data must have a WCS: got coordinates on the "
            "sky, and data is no single image with a WCS"
        )
    if to_sky(wcs, 0.0, 0.0) is None:
        raise ValueError(f"{name} must be pixels: the WCS of data is not celestial")
    coordinates = coordinates.reshape(-1) if coordinates.isscalar else coordinates
    if coordinates.ndim != 1:
        raise ValueError(
            f"{name} must be a list of coordinates, got shape {coordinates.shape}"
        )
    return sky_to_pixels(wcs, coordinates)


def _degrees(table, name):
    column = table[name]
    unit = getattr(column, "unit", None)
    name = f"init_params column {name!r}"
    if unit is not None and not unit.is_equivalent(u.deg):
        raise ValueError(f"{name} must be an angle, got unit {unit}")
    values = _real_column(_unmasked(column), name)
    return values if unit is None else (values * unit).to_value(u.deg)


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
    name, values = f"init_params column {name!r}", table[name]
    return _real_column(_in_pixels(values, name), name)


def _real_column(column, name):
    if column.dtype.kind not in "iuf" or column.ndim != 1:
        raise TypeError(
            f"{name} must hold a real number in each row, got "
            f"dtype {column.dtype} of shape {column.shape}"
        )
    return _filled(column)


def _in_pixels(values, name):
    """Return values without their unit, as a (masked) array."""
    unit = getattr(values, "unit", None)
    if unit is not None and unit != u.pix:
        raise ValueError(f"{name} must be in pixels, got unit {unit}")
    return _unmasked(values)


def _unmasked(values):
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
