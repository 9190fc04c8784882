# Licensed under a 3-clause BSD style license - see LICENSE
"""
The columns of the catalogue: what each measurer says, side by side.

All parts of a catalogue have the same columns, whatever a tile lacks: a column that
needs a WCS or a zero-point is NaN where there is none.
"""

from typing import NamedTuple

import numpy as np
from astropy.table import Column, Table

from .settings import MEASURERS

__all__ = ["catalog_columns", "merge"]

# Celestial coordinates are two columns of numbers here.
_SKY = {"sky_fit": "fit", "sky_centroid": "centroid"}
_WHOLE = {"flags", "n_pixels_fit", "block_factor"}
_NOT_MEASURED = {"id", "x_init", "y_init"}


class _Source(NamedTuple):
    """A column of the catalogue and where it comes from."""

    name: str
    measurer: str
    column: str
    unit: str
    description: str
    kind: type


def catalog_columns(settings):
    """
    Columns that are measured, in the order of the catalogue.

    Parameters
    ----------
    settings : `~astro_cnnfit.catalog.settings.Settings`
        What is measured.

    Returns
    -------
    list of tuple
        ``name``, ``measurer``, ``column`` of its table, ``unit`` ('image' for the
        image's), ``description`` and ``kind`` of number of each. Columns that both
        measurers have get ``_cas`` behind the name in morphology. Numbers are
        float32 but positions, and those in the unit of the image, whose scale may be
        anything.
    """
    from astro_cnnfit.morphology.results import COLUMNS as CAS
    from astro_cnnfit.sersic.results import COLUMNS as SERSIC

    declared = {"sersic": SERSIC, "cas": CAS}
    wanted = [name for name in MEASURERS if getattr(settings, name) is not None]
    result, taken = [], set(_NOT_MEASURED)
    for measurer in wanted:
        combined = (getattr(settings, measurer)).get("method") == "combined"
        for column in declared[measurer]:
            if column.name in _NOT_MEASURED:
                continue
            if column.needs == "combined" and not combined:
                continue
            for source in _sources(measurer, column):
                if source.name in taken:
                    source = source._replace(name=f"{source.name}_{measurer}")
                taken.add(source.name)
                result.append(source)
    return result


def _sources(measurer, column):
    if column.name in _SKY:
        for axis, text in (("ra", "right ascension"), ("dec", "declination")):
            description = column.description.replace("celestial coordinates", text)
            yield _Source(
                f"{axis}_{_SKY[column.name]}", measurer, f"{column.name}.{axis}",
                "deg", f"{description} (ICRS)", np.float64,
            )  # fmt: skip
        return
    exact = column.unit == "image" or column.name.startswith(("x", "y"))
    kind = np.float64 if exact else np.float32
    kind = np.int64 if column.name in _WHOLE else kind
    yield _Source(
        column.name, measurer, column.name, column.unit, column.description, kind
    )


def merge(task, init, tables, settings, unit=None):
    """
    Put what was measured on a tile into one table.

    Parameters
    ----------
    task : `~astro_cnnfit.catalog.tiles.Task`
        Its rows give identifiers, celestial positions and the columns to keep.
    init : `~astropy.table.Table`
        Positions in pixels, ``x_init`` and ``y_init``.
    tables : dict of `~astropy.table.QTable`
        By the measurer's name; rows as those of the task.
    settings : `~astro_cnnfit.catalog.settings.Settings`
        What was measured.
    unit : `~astropy.units.Unit`, optional
        Of the image.

    Returns
    -------
    `~astropy.table.Table`
        A row per galaxy.
    """
    rows = task.rows
    result = Table(meta=_meta(tables, settings))
    result["id"] = Column(rows["id"], description="identifier, that of the catalogue")
    for name, text in (("ra", "right ascension"), ("dec", "declination")):
        if name in rows.colnames:
            description = f"{text} of the catalogue (ICRS)"
            result[name] = Column(rows[name], unit="deg", description=description)
    for name in ("index", *task.keep):
        if name in rows.colnames:
            result[name] = rows[name]
    if "index" in result.colnames:
        result["index"].description = "number of the stamp in its stack"
    for name in ("x", "y"):
        description = f"{name} as given or from the WCS (pixels)"
        values = np.asarray(init[f"{name}_init"], float)
        result[f"{name}_init"] = Column(values, description=description)
    for source in catalog_columns(settings):
        result[source.name] = _values(source, tables[source.measurer], unit)
    return result


def _values(source, table, unit):
    name, _, axis = source.column.partition(".")
    if name not in table.colnames:
        values = np.full(len(table), np.nan)
    elif axis:
        values = getattr(table[name].icrs, axis).deg
    else:
        values = table[name]
    own = source.unit if source.unit != "image" else unit
    with np.errstate(over="ignore"):
        values = np.asarray(getattr(values, "value", values)).astype(source.kind)
    return Column(values, unit=own or None, description=source.description)


def _meta(tables, settings):
    """Plain values that hold for the table, and for all parts of a catalogue."""
    versions = {}
    for table in tables.values():
        versions |= table.meta.get("versions", {})
    return {"versions": versions, "settings": settings.to_dict()}
