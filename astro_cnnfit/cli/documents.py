# Licensed under a 3-clause BSD style license - see LICENSE
"""What the commands found, as one JSON document for other programs."""

import json
from pathlib import Path

import numpy as np
from astropy.table import Table
from astropy.table.serialize import represent_mixins_as_columns

from astro_cnnfit.flags import decode_flags

__all__ = ["to_json"]


def to_json(document):
    """
    Write a document as JSON that every reader takes.

    Parameters
    ----------
    document : dict
        Values of any depth: plain ones, paths, arrays, and tables. A table becomes
        ``columns`` (``unit`` and ``description`` of each), ``rows`` (objects) and
        ``meta``; a column of flags has another beside it, ``flag_names``, and one of
        sky coordinates becomes ``name.ra`` and ``name.dec``.

    Returns
    -------
    str
        With null for what is masked, not a number or infinite.
    """
    return json.dumps(_plain(document), indent=1, allow_nan=False)


def _plain(value):
    if isinstance(value, Table):
        return _of_table(value)
    if isinstance(value, dict):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, np.ma.core.MaskedConstant):
        return None
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    if isinstance(value, list | tuple | set):
        return [_plain(each) for each in value]
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, Path):
        return str(value)
    return value


def _of_table(table):
    meta = {name: each for name, each in table.meta.items() if name[:2] != "__"}
    plain = represent_mixins_as_columns(table)
    columns = {
        name: {
            "unit": str(column.unit) if column.unit is not None else None,
            "description": column.description,
        }
        for name, column in plain.columns.items()
    }
    values = {name: _plain(column.tolist()) for name, column in plain.columns.items()}
    if "flags" in values:
        columns["flag_names"] = {"unit": None, "description": "names of the flags"}
        values["flag_names"] = decode_flags(table["flags"])
    rows = [
        dict(zip(values, row, strict=True))
        for row in zip(*values.values(), strict=True)
    ]
    return {"columns": columns, "rows": rows, "meta": _plain(meta)}
