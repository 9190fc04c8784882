# Licensed under a 3-clause BSD style license - see LICENSE
"""What a run is made of, as plain values."""

import functools
import hashlib
import json
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

import astro_cnnfit

from .tiles import PATTERNS

__all__ = [
    "checksum",
    "configuration",
    "describe_files",
    "fingerprint",
    "rows_digest",
    "versions",
]

_FORMAT = 1
_PACKAGES = ("tensorflow", "keras", "numpy", "astropy", "photutils")


def fingerprint(settings, tasks, unassigned):
    """
    What a run is made of, as plain values.

    Paths are not part of it, only what the files are, so that it does not matter
    how a path is written; nor are workers, retries or the client.

    Parameters
    ----------
    settings : `~astro_cnnfit.catalog.settings.Settings`
        What is measured.
    tasks : sequence of `~astro_cnnfit.catalog.tiles.Task`
        On which pixels.
    unassigned : `~astropy.table.Table`
        Rows that lie on no tile.

    Returns
    -------
    dict
        ``format``, ``version`` of this package, ``settings``, ``parts`` by name
        (``tile``, ``rows``, ``sha256`` of the rows, ``files``), ``unassigned``, and
        ``versions`` of others.
    """
    files = {}
    return {
        "format": _FORMAT,
        "version": astro_cnnfit.__version__,
        "settings": json.loads(json.dumps(settings.to_dict())),
        "parts": {task.name: _part(task, files) for task in tasks},
        "unassigned": {"rows": len(unassigned), "sha256": rows_digest(unassigned)},
        "versions": versions(),
    }


def versions():
    """
    Versions of the packages that results depend on.

    Returns
    -------
    dict
        By name; None for one that is not installed.
    """
    own = {"astro_cnnfit": astro_cnnfit.__version__}
    return own | {name: _version(name) for name in _PACKAGES}


@functools.cache
def _version(name):
    # Files are read for it, which a task should not.
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def configuration(record):
    """
    Checksum of what is the same for all parts of a run.

    Parameters
    ----------
    record : dict
        As of `fingerprint`.

    Returns
    -------
    str
    """
    same = [record["format"], record["version"], record["settings"]]
    return hashlib.sha256(json.dumps(same, sort_keys=True).encode()).hexdigest()


def describe_files(tile):
    """
    The files of a tile as they are now.

    Parameters
    ----------
    tile : `~astro_cnnfit.catalog.tiles.Tile`

    Returns
    -------
    list of dict
        ``path``, ``size`` in bytes and ``mtime_ns`` of each; the latter are None for
        a file that is missing. A folder, as of Zarr, has the time of its own change.
    """
    return [{"path": path, **_stat(path)} for path in tile.paths()]


def checksum(path):
    """
    SHA-256 of a file.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    str
    """
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _part(task, files):
    tile = task.tile
    if tile.name not in files:
        files[tile.name] = describe_files(tile)
    return {
        "tile": {
            "kind": tile.kind,
            "hdu": tile.hdu,
            "zeropoint": tile.zeropoint,
            **{name: _hdu_of(getattr(tile, name)) for name in PATTERNS},
        },
        "rows": len(task.rows),
        "sha256": rows_digest(task.rows),
        "files": files[tile.name],
    }


def _hdu_of(spec):
    """Whether a tile has such a file, and where in it: [hdu], or None without."""
    if spec is None:
        return None
    return [None] if isinstance(spec, str) else [spec[1]]


def _stat(path):
    try:
        stat = Path(path).stat()
    except OSError:
        return {"size": None, "mtime_ns": None}
    return {"size": stat.st_size, "mtime_ns": stat.st_mtime_ns}


def rows_digest(rows):
    """
    Checksum of the content of a table.

    Parameters
    ----------
    rows : `~astropy.table.Table`

    Returns
    -------
    str
        The same however wide strings are kept and whatever the order of bytes.
    """
    digest = hashlib.sha256()
    for name in rows.colnames:
        column = rows[name]
        values = np.asarray(np.ma.getdata(column))
        digest.update(f"{name} {column.unit} {values.shape}".encode())
        if values.dtype.kind in "OUS":
            # However wide the strings are kept.
            digest.update("\0".join(map(str, column.tolist())).encode())
            continue
        if values.dtype.byteorder == ">":
            values = values.astype(values.dtype.newbyteorder("<"))
        digest.update(values.dtype.str.encode())
        digest.update(np.ascontiguousarray(values))
        mask = np.ma.getmaskarray(column) if hasattr(column, "mask") else None
        if mask is not None and mask.any():
            digest.update(np.ascontiguousarray(mask))
    return digest.hexdigest()
