# Licensed under a 3-clause BSD style license - see LICENSE
"""Tables of results whose columns are declared once: made and described."""

import re
from typing import NamedTuple

import astropy.units as u
from astropy.table import QTable

from astro_cnnfit.flags import flag_table

__all__ = ["Column", "assemble", "describe"]

_UNITS = {"": "", "image": " (unit of the image)"}
_NEEDS = {
    "zeropoint": " Needs a zero-point.",
    "scale": " Needs a pixel scale or a WCS.",
    "wcs": " Needs a WCS.",
    "combined": " Only where ``method='combined'``.",
    "": "",
}
# How values are shown, by the name of the column without _init, _fit or _err. The
# values themselves have all their digits.
_SHOWN = {
    ".6g": "flux local_bkg sky_sigma",
    ".4f": "mag ellip r_eff_sky r20_sky r50_sky r80_sky rpetro_ellip_sky "
    "asymmetry smoothness gini rms_asymmetry",
    ".3f": "x y r_eff n qfit reduced_chi2 point_like_prob x_centroid y_centroid "
    "concentration m20 r20 r50 r80 rpetro_ellip rpetro_circ xc_asymmetry "
    "yc_asymmetry sn_per_pixel",
    ".2f": "theta pa",
}
_FORMATS = {name: form for form, names in _SHOWN.items() for name in names.split()}
_SUFFIXES = re.compile("_(init|fit|err)$")


class Column(NamedTuple):
    """One column of the table of results."""

    name: str
    """Name of the column."""
    unit: str
    """Unit, as `astropy.units` reads it; 'image' is the unit of the image.
    Lengths in pixels are plain numbers, as in photutils."""
    description: str
    """What the quantity is."""
    source: str = ""
    """Who defined it, or which part of the work gives it."""
    needs: str = ""
    """What the column is left out without: 'zeropoint', 'scale', 'wcs' or, in
    tables of morphology, 'combined'."""

    @property
    def format(self):
        """How its values are shown, or None where that is as they are."""
        if self.name.endswith("_weight"):
            return ".3f"
        return _FORMATS.get(_SUFFIXES.sub("", self.name))


def assemble(columns, values, *, unit=None, meta):
    """
    Make a table of the columns that have values.

    Parameters
    ----------
    columns : sequence of `Column`
        In the order of the table.
    values : dict
        By name.
    unit : `~astropy.units.Unit`, optional
        Unit of the image.
    meta : dict
        Plain values.

    Returns
    -------
    `~astropy.table.QTable`
    """
    table = QTable(meta=meta)
    for column in columns:
        if column.name not in values:
            continue
        value = values[column.name]
        column_unit = unit if column.unit == "image" else column.unit
        if column_unit:
            value = u.Quantity(value, column_unit, copy=False)
        table[column.name] = value
        table[column.name].info.description = column.description
        table[column.name].info.format = column.format
    return table


def describe(columns, *, bits=True):
    """
    Write columns as reStructuredText, for docstrings and the docs.

    Parameters
    ----------
    columns : sequence of `Column`
        A column ``*_err`` that has no source of its own stands beside the one
        whose error it is.
    bits : bool
        Whether the table of flags follows.

    Returns
    -------
    str
        A definition list: name and unit, then what it is and where it is from.
    """
    names = {column.name for column in columns}
    beside = {
        column.name
        for column in columns
        if not column.source and column.name.removesuffix("_err") in names
        if column.name.endswith("_err")
    }
    lines = []
    for column in columns:
        if column.name in beside:
            continue
        error = f"{column.name}_err"
        error = f", ``{error}``" if error in beside else ""
        unit = _UNITS.get(column.unit, f" ({column.unit})")
        lines.append(f"``{column.name}``{error}{unit}")
        source = f" ({column.source})" if column.source else ""
        text = column.description[0].upper() + column.description[1:]
        text = text.replace("|", "\\|")
        lines.append(f"    {text}{source}.{_NEEDS[column.needs]}")
    if bits:
        lines += ["", "Bits of ``flags``:", "", flag_table()]
    return "\n".join(lines)
