# Licensed under a 3-clause BSD style license - see LICENSE
"""The columns that all parts of a catalogue have together, from their footers."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from astropy.table import Column, Table

from .dataset import read_part
from .optional import import_pyarrow

__all__ = ["Layout", "find_layout"]

_TILE = "name of the tile, or of the part of a stack"


@dataclass(frozen=True)
class Layout:
    """What a table of all parts looks like."""

    parts: dict
    """Path of each part, by its name."""
    n_rows: int
    """Rows of all parts."""
    schema: Any
    """Arrow schema of all columns, ``tile`` the last."""
    columns: dict
    """Empty `~astropy.table.Column` of each, with unit and description."""
    nulls: dict = field(default_factory=dict)
    """Values that stand for missing ones, of columns of whole numbers."""
    meta: dict = field(default_factory=dict)
    """What the first part says of itself."""

    def template(self):
        """
        The table without rows.

        Returns
        -------
        `~astropy.table.Table`
        """
        return Table([column.copy() for column in self.columns.values()])

    def rows_of(self, table, name):
        """
        The rows of a part, with all columns and their types.

        Parameters
        ----------
        table : `~astropy.table.Table`
            The part.
        name : str
            Its name.

        Returns
        -------
        `~astropy.table.Table`
        """
        columns = []
        for key, empty in self.columns.items():
            values = np.full((len(table), *empty.shape[1:]), self._blank(key))
            values = values.astype(empty.dtype)
            if key == "tile":
                values[:] = name
            elif key in table.colnames:
                values = self._filled(table[key], key).astype(empty.dtype)
            columns.append(Column(values, key, unit=empty.unit))
        return Table(columns)

    def _blank(self, key):
        kind = self.columns[key].dtype.kind
        return {"f": np.nan, "c": np.nan, "U": "", "b": False}.get(
            kind, self.nulls.get(key, 0)
        )

    def _filled(self, column, key):
        values = getattr(column, "value", column)
        if hasattr(values, "filled"):
            return np.asarray(values.filled(self._blank(key)))
        return np.asarray(values)


def find_layout(parts):
    """
    Find what all parts have together.

    Parameters
    ----------
    parts : dict
        Paths of the parts by their names, one at least.

    Returns
    -------
    `Layout`

    Raises
    ------
    ValueError
        If a column is of kinds, or in units, that do not go together.
    """
    pa = import_pyarrow()
    found, schemas, missing, n_rows = {}, [], set(), 0
    seen = set()
    for path in parts.values():
        footer = pa.parquet.read_metadata(path)
        schema = footer.schema.to_arrow_schema()
        n_rows += footer.num_rows
        missing |= _with_nulls(footer)
        known = _fields_and_widths(schema)
        # Most parts are alike, and only their footers are read.
        if known not in seen:
            seen.add(known)
            schemas.append(schema)
            _add_columns(found, read_part(path)[:0], schema)
    names = [set(schema.names) for schema in schemas]
    missing |= set().union(*names) - set.intersection(*names)
    width = max(map(len, parts))
    found["tile"] = Column(np.empty(0, f"U{width}"), "tile", description=_TILE)
    columns, nulls = {}, {}
    for name, column in found.items():
        columns[name], null = _nullable(column, name in missing)
        if null is not None:
            nulls[name] = null
    merged = pa.unify_schemas(
        [schema.remove_metadata() for schema in schemas], promote_options="permissive"
    ).append(pa.field("tile", pa.string(), metadata={"description": _TILE}))
    first = next(iter(parts.values()))
    meta = dict(read_part(first, columns=[]).meta)
    return Layout(dict(parts), n_rows, merged, columns, nulls, meta)


def _with_nulls(footer):
    """Names of the columns in which values are missing."""
    found = set()
    for group in range(footer.num_row_groups):
        row_group = footer.row_group(group)
        for number in range(row_group.num_columns):
            chunk = row_group.column(number)
            statistics = chunk.statistics
            if statistics is None or statistics.null_count != 0:
                found.add(chunk.path_in_schema.partition(".")[0])
    return found


def _fields_and_widths(schema):
    fields = tuple((field.name, str(field.type)) for field in schema)
    units = tuple((field.metadata or {}).get(b"unit") for field in schema)
    return fields, units, tuple(_width(schema, field.name) for field in schema)


def _width(schema, name):
    """Letters of the longest text, as the header of a part says."""
    key = f"table::len::{name}".encode()
    return int((schema.metadata or {}).get(key, 1))


def _add_columns(found, table, schema):
    for name in table.colnames:
        column = table[name]
        dtype = column.dtype
        if dtype.kind == "U":
            dtype = np.promote_types(dtype, f"U{_width(schema, name)}")
        new = Column(
            np.empty((0, *column.shape[1:]), dtype), name,
            unit=column.unit, description=column.info.description,
        )  # fmt: skip
        old = found.get(name, new)
        if old.unit != new.unit or old.shape != new.shape:
            raise ValueError(
                f"parts must agree on {name!r}: one has {_look(old)}, another "
                f"{_look(new)}"
            )
        if old.dtype.kind != new.dtype.kind and "U" in (old.dtype.kind, new.dtype.kind):
            raise ValueError(
                f"parts must agree on {name!r}: it is text in one and not in another"
            )
        dtype = np.promote_types(old.dtype, new.dtype)
        found[name] = Column(
            np.empty(old.shape, dtype), name, unit=old.unit, description=old.description
        )


def _look(column):
    unit = "no unit" if column.unit is None else f"unit {column.unit}"
    return f"{unit} and shape {column.shape[1:]} a row"


def _nullable(column, missing):
    """The column, and what stands for a missing value in it."""
    kind = column.dtype.kind
    if not missing or kind in "fcU":
        return column, None
    if kind == "b":
        return _as_type(column, np.int16), -1
    if kind == "u":
        wider = np.promote_types(column.dtype, np.int8)
        if wider.kind != "i":
            raise ValueError(
                f"parts must have all values of {column.name!r}: FITS has no missing "
                "value of 64-bit unsigned integers"
            )
        return _as_type(column, wider), int(np.iinfo(wider).min)
    return column, int(np.iinfo(column.dtype).min)


def _as_type(column, dtype):
    return Column(
        np.empty(column.shape, dtype), column.name, unit=column.unit,
        description=column.description,
    )  # fmt: skip
