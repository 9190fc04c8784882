# Licensed under a 3-clause BSD style license - see LICENSE
"""
Tables in Parquet: units, descriptions and exact identifiers.

astropy's own header of a table (``table_meta_yaml``) is written into the schema,
so that `astropy.table.QTable.read` gives the units back; each field has ``unit``
and ``description`` besides, for readers that do not know astropy.
"""

import functools
import os
from pathlib import Path

import numpy as np
from astropy.table import Column, MaskedColumn, Table, meta

from .optional import require

__all__ = ["arrow_table", "astropy_table", "read_columns", "write_parquet"]

_YAML = b"table_meta_yaml"
_COMPRESSION = "zstd"


def arrow_table(table, extra=None):
    """
    A table of astropy as one of Arrow.

    Parameters
    ----------
    table : `~astropy.table.Table`
        Columns of numbers, text or booleans, quantities among them, of one or two
        dimensions. Values that are masked become nulls; NaN stays NaN.
    extra : dict of str
        What else the schema is to tell.

    Returns
    -------
    `pyarrow.Table`
    """
    pa = require("pyarrow")
    plain = table if type(table) is Table else Table(table, copy=False)
    arrays, fields = [], []
    metadata = {_YAML: _header(plain)}
    for name, column in plain.columns.items():
        array = _arrow_array(pa, column)
        notes = {
            key: str(getattr(column, key))
            for key in ("unit", "description")
            if getattr(column, key) is not None
        }
        arrays.append(array)
        fields.append(pa.field(name, array.type, metadata=notes))
        if column.dtype.kind == "U":
            # Without it astropy looks at every row for the longest text.
            width = column.dtype.itemsize // 4
            metadata[f"table::len::{name}".encode()] = str(width).encode()
    for key, value in (extra or {}).items():
        metadata[key.encode()] = str(value).encode()
    return pa.table(arrays, schema=pa.schema(fields, metadata=metadata))


def _arrow_array(pa, column):
    values = np.asarray(getattr(column, "data", column))
    mask = np.asarray(column.mask) if isinstance(column, MaskedColumn) else None
    values = values.astype(values.dtype.newbyteorder("="), copy=False)
    if values.ndim == 2:
        flat = pa.array(np.ascontiguousarray(values).reshape(-1))
        return pa.FixedSizeListArray.from_arrays(flat, values.shape[1])
    if mask is not None and not mask.any():
        mask = None
    return pa.array(values, mask=mask)


def _header(table):
    """Header as astropy writes it; made once for tables of one layout."""
    layout = tuple(
        (name, c.dtype.str, c.shape[1:], str(c.unit or ""), c.description or "")
        for name, c in table.columns.items()
    )
    return _yaml(layout, _Frozen(table.meta))


class _Frozen:
    """A dictionary that can be looked up by its content."""

    def __init__(self, values):
        self.values, self._text = dict(values), repr(values)

    def __hash__(self):
        return hash(self._text)

    def __eq__(self, other):
        return self._text == other._text


@functools.lru_cache(maxsize=32)
def _yaml(layout, frozen):
    columns = [
        Column(np.empty((0, *shape), dtype), name, unit=unit or None,
               description=description or None)
        for name, dtype, shape, unit, description in layout
    ]  # fmt: skip
    empty = Table(columns, meta=frozen.values)
    return "\n".join(meta.get_yaml_from_table(empty)).encode()


def write_parquet(table, path, extra=None):
    """
    Write a table, whole or not at all.

    Parameters
    ----------
    table : `~astropy.table.Table`
        As for `arrow_table`.
    path : path-like
        Where to; its folder is made. An old file is replaced.
    extra : dict of str
        What else the schema is to tell.

    Returns
    -------
    int
        Bytes of the file.
    """
    pa, parquet = require("pyarrow"), require("pyarrow.parquet")
    content = arrow_table(table, extra)
    # Measured values hardly repeat: to look for that takes most of the time.
    repeating = [
        field.name for field in content.schema if not _is_floating(pa, field.type)
    ]
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as file:
            parquet.write_table(
                content, file, compression=_COMPRESSION, use_dictionary=repeating
            )
            file.flush()
            os.fsync(file.fileno())
            size = file.tell()
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
    return size


def _is_floating(pa, kind):
    return pa.types.is_floating(getattr(kind, "value_type", kind))


def astropy_table(data):
    """
    A table of Arrow as one of astropy.

    Parameters
    ----------
    data : `pyarrow.Table`
        Its schema may hold astropy's header.

    Returns
    -------
    `~astropy.table.Table`
        Columns with their units and descriptions; masked where there are nulls
        (NaN in columns of floating-point numbers).
    """
    notes, values = _notes(data.schema.metadata)
    columns = []
    for name in data.schema.names:
        column = _column(data.column(name))
        for key in ("unit", "description", "format", "meta"):
            if key in notes.get(name, {}):
                setattr(column, key, notes[name][key])
        columns.append(column)
    return Table(columns, names=data.schema.names, meta=values, copy=False)


def read_columns(dataset, names):
    """
    Read columns of a data set.

    Parameters
    ----------
    dataset : `pyarrow.dataset.Dataset`
        Any Parquet.
    names : list of str
        Which ones.

    Returns
    -------
    `~astropy.table.Table`
    """
    return astropy_table(dataset.to_table(columns=list(dict.fromkeys(names))))


def _notes(metadata):
    """What astropy's header says: of each column, and of the table."""
    text = (metadata or {}).get(_YAML)
    if text is None:
        return {}, {}
    header = _parsed_header(text)
    notes = {column["name"]: column for column in header["datatype"]}
    return notes, dict(header.get("meta") or {})


@functools.lru_cache(maxsize=32)
def _parsed_header(text):
    return meta.get_header_from_yaml(text.decode().split("\n"))


def _column(values):
    """Values of Arrow as a column, without a Python object for each number."""
    pa = require("pyarrow")
    kind = values.type
    if pa.types.is_dictionary(kind):
        values = values.cast(kind.value_type)
        kind = values.type
    if pa.types.is_fixed_size_list(kind):
        flat = values.combine_chunks()
        flat = flat.chunk(0) if isinstance(flat, pa.ChunkedArray) else flat
        return Column(flat.flatten().to_numpy(False).reshape(-1, kind.list_size))
    if values.null_count and not pa.types.is_floating(kind):
        mask = values.is_null().to_numpy()
        return MaskedColumn(_numpy(pa, values.fill_null(_blank(pa, kind))), mask=mask)
    return Column(_numpy(pa, values))


def _blank(pa, kind):
    if pa.types.is_boolean(kind):
        return False
    return "" if pa.types.is_string(kind) or pa.types.is_large_string(kind) else 0


def _numpy(pa, values):
    if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
        return values.to_numpy().astype(str)
    return values.to_numpy()
