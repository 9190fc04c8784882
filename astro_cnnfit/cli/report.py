# Licensed under a 3-clause BSD style license - see LICENSE
"""Tables for people to read in a terminal."""

import sys

import numpy as np
from astropy.table import Table

from astro_cnnfit.flags import decode_flags

from .exit_codes import DONE, INCOMPLETE

__all__ = [
    "complain",
    "compared",
    "readable",
    "readable_morphology",
    "say",
    "status_of",
]

# Name, column of the results without its suffix, unit, decimals at least.
_QUANTITIES = (
    ("x", "x", "pix", 2),
    ("y", "y", "pix", 2),
    ("flux", "flux", None, 0),
    ("mag", "mag", "mag", 2),
    ("r_eff", "r_eff", "pix", 2),
    ("r_eff_sky", "r_eff_sky", "arcsec", 2),
    ("n", "n", "", 2),
    ("ellip", "ellip", "", 2),
    ("theta", "theta", "deg", 0),
    ("pa", "pa", "deg", 0),
)

_MORPHOLOGY = (
    ("x_centroid", "pix", 1),
    ("y_centroid", "pix", 1),
    ("concentration", "", 2),
    ("asymmetry", "", 3),
    ("smoothness", "", 3),
    ("gini", "", 3),
    ("m20", "", 2),
    ("rpetro_ellip", "pix", 1),
    ("sn_per_pixel", "", 1),
)


def say(*lines):
    """Write lines to standard output."""
    sys.stdout.write("\n".join([*map(str, lines), ""]))


def complain(message):
    """Write a message to standard error, as one line."""
    sys.stderr.write(f"astro-cnnfit {' '.join(message.split())}\n")


def status_of(*columns):
    """
    Exit status of a measurement.

    Parameters
    ----------
    *columns : array_like
        Measured values, each (N,).

    Returns
    -------
    int
        `INCOMPLETE` if there are galaxies and not one has a value, else `DONE`.
    """
    known = [np.isfinite(_plain(column)) for column in columns]
    return DONE if np.any(known) or not np.size(known) else INCOMPLETE


def readable(results):
    """
    Results as text: each value with its error, and its unit in the header.

    Only one of flux and magnitude, and of the two angles, is shown.

    Parameters
    ----------
    results : `~astropy.table.QTable`
        From `~astro_cnnfit.CNNSersicFitter`.

    Returns
    -------
    `~astropy.table.Table`
        Columns of strings.
    """
    table = Table({"id": results["id"]})
    for name, column, unit, decimals in _shown(results):
        values, errors = results[f"{column}_fit"], results[f"{column}_err"]
        unit = getattr(values, "unit", None) if unit is None else unit
        table[name] = [
            _with_error(value, error, decimals)
            for value, error in zip(_plain(values), _plain(errors), strict=True)
        ]
        table[name].unit = unit or None
    table["flags"] = _named_flags(results)
    return table


def readable_morphology(results):
    """
    Results of a measurer of morphology as text.

    Parameters
    ----------
    results : `~astropy.table.QTable`
        From `~astro_cnnfit.CNNCASMeasurer`.

    Returns
    -------
    `~astropy.table.Table`
        Columns of strings.
    """
    table = Table({"id": results["id"]})
    for name, unit, decimals in _MORPHOLOGY:
        values = _plain(results[name])
        errors = np.full(len(values), np.nan)
        if f"{name}_err" in results.colnames:
            errors = _plain(results[f"{name}_err"])
        table[name] = [
            _with_error(value, error, decimals)
            for value, error in zip(values, errors, strict=True)
        ]
        table[name].unit = unit or None
    table["flags"] = _named_flags(results)
    return table


def _named_flags(results):
    return [", ".join(names) or "-" for names in decode_flags(results["flags"])]


def compared(results, truth):
    """
    Results as text, each row of them above the truth.

    Parameters
    ----------
    results : `~astropy.table.QTable`
        From `~astro_cnnfit.CNNSersicFitter`.
    truth : `~astropy.table.Table`
        Same rows; columns named as the quantities (x, y, flux, mag, ...).

    Returns
    -------
    `~astropy.table.Table`
        Two rows a galaxy, ``measured`` and ``truth``.
    """
    measured = readable(results)
    rows = []
    for line, true in zip(measured, truth, strict=True):
        rows.append([line["id"], "measured", *list(line)[1:]])
        rows.append(["", "truth"])
        for name, _, _, decimals in _shown(results):
            known = name in truth.colnames
            rows[-1].append(f"{_number(true[name]):.{decimals}f}" if known else "")
        rows[-1].append("")
    names = ["id", "which", *measured.colnames[1:]]
    table = Table(rows=[[str(cell) for cell in row] for row in rows], names=names)
    for name in measured.colnames:
        table[name].unit = measured[name].unit
    return table


def _shown(results):
    """The quantities that are there, without those that others say better."""
    there = [row for row in _QUANTITIES if f"{row[1]}_fit" in results.colnames]
    names = {row[0] for row in there}
    better = {"flux": "mag", "theta": "pa"}
    return [row for row in there if better.get(row[0]) not in names]


def _plain(values):
    return np.asarray(getattr(values, "value", values), dtype=float)


def _number(value):
    return float(getattr(value, "value", value))


def _with_error(value, error, decimals):
    if not np.isfinite(value):
        return "-"
    if np.isfinite(error) and error > 0:
        # Two digits of the error, and the value to the same place.
        decimals = max(decimals, 1 - int(np.floor(np.log10(error))))
        decimals = min(decimals, 4)
    if not np.isfinite(error):
        return f"{value:.{decimals}f}"
    return f"{value:.{decimals}f} +/- {error:.{decimals}f}"
