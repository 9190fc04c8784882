# Licensed under a 3-clause BSD style license - see LICENSE
"""Columns of tables by the name of a quantity, and how it is written on an axis."""

from typing import NamedTuple

import astropy.units as u
import numpy as np

__all__ = ["QUANTITIES", "Quantity", "column_of", "find_key", "label_of"]


class Quantity(NamedTuple):
    """How a quantity is drawn."""

    symbol: str
    unit: str = ""
    """That it has where its column does not say one."""
    relative: bool = False
    """Whether its differences are relative and its axes logarithmic."""
    period: float | None = None
    """In degrees, of an angle."""


QUANTITIES = {
    "x": Quantity("$x$", "pixels"),
    "y": Quantity("$y$", "pixels"),
    "flux": Quantity("flux", relative=True),
    "mag": Quantity("magnitude", "mag"),
    "r_eff": Quantity(r"$R_\mathrm{eff}$", "pixels", relative=True),
    "r_eff_sky": Quantity(r"$R_\mathrm{eff}$", "arcsec", relative=True),
    "n": Quantity(r"Sérsic index $n$", relative=True),
    "ellip": Quantity("ellipticity"),
    "theta": Quantity(r"$\theta$", "deg", period=180.0),
    "pa": Quantity("position angle", "deg", period=180.0),
    "concentration": Quantity("concentration $C$"),
    "asymmetry": Quantity("asymmetry $A$"),
    "smoothness": Quantity("smoothness $S$"),
    "gini": Quantity("Gini"),
    "m20": Quantity("$M_{20}$"),
    "rms_asymmetry": Quantity("RMS asymmetry"),
    "r20": Quantity("$r_{20}$", "pixels", relative=True),
    "r50": Quantity("$r_{50}$", "pixels", relative=True),
    "r80": Quantity("$r_{80}$", "pixels", relative=True),
    "rpetro_ellip": Quantity(r"$R_\mathrm{p}$", "pixels", relative=True),
}
"""Quantities that have a symbol; others are written by their name."""


_SPELLED = {"pix": "pixels"}


def _keys(table):
    return list(getattr(table, "colnames", None) or table.keys())


def find_key(table, name):
    """
    Key under which a table has a quantity.

    Parameters
    ----------
    table : `~astropy.table.Table`, `~astropy.table.Row` or mapping
    name : str
        ``'r_eff'`` finds ``r_eff_fit`` and ``r_eff``, ``'x'`` also ``x_0``.

    Returns
    -------
    str or None
    """
    keys = _keys(table)
    wanted = (f"{name}_fit", name, f"{name}_0")
    return next((key for key in wanted if key in keys), None)


def column_of(table, name, argument):
    """
    Values of a quantity, with or without unit.

    Parameters
    ----------
    table : `~astropy.table.Table`, `~astropy.table.Row` or mapping
    name : str
        As for `find_key`.
    argument : str
        Name of the argument, for messages.

    Returns
    -------
    values : `~numpy.ndarray`
        float64, NaN where masked; position angles in degrees.
    unit : `~astropy.units.Unit` or None

    Raises
    ------
    ValueError
        If there is no such column, or a position angle has another unit.
    """
    key = find_key(table, name)
    if key is None:
        raise ValueError(
            f"{argument} must have a column {name!r} or '{name}_fit', got "
            f"{', '.join(map(str, _keys(table)))}"
        )
    column = table[key]
    unit = getattr(column, "unit", None)
    values = getattr(column, "value", column)
    values = np.ma.filled(np.ma.asarray(values, dtype=float), np.nan)
    if unit is not None and name in QUANTITIES and QUANTITIES[name].period:
        if not u.Unit(unit).is_equivalent(u.deg):
            raise ValueError(f"{argument} must have {name!r} as an angle, got {unit}")
        return u.Quantity(values, unit).to_value("deg"), u.deg
    return values, None if unit is None else u.Unit(unit)


def label_of(name, unit=None):
    """
    Label of an axis.

    Parameters
    ----------
    name : str
    unit : `~astropy.units.Unit`, optional
        Of the column.

    Returns
    -------
    str
    """
    known = QUANTITIES.get(name, Quantity(name.replace("_", " ")))
    unit = known.unit if unit is None else _SPELLED.get(str(unit), str(unit))
    return f"{known.symbol} ({unit})" if unit else known.symbol
