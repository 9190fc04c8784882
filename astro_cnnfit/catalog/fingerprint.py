# Licensed under a 3-clause BSD style license - see LICENSE
"""What a run is made of, and in what another differs."""

import hashlib
import json
import logging
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

import astro_cnnfit

from .tiles import PATTERNS

__all__ = [
    "check_resume",
    "checksum",
    "configuration",
    "describe_files",
    "fingerprint",
    "rows_digest",
    "versions",
]

log = logging.getLogger(__name__)

_FORMAT = 1
_PACKAGES = ("tensorflow", "keras", "numpy", "astropy", "photutils")
_SHOWN = 5


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
    found = {"astro_cnnfit": astro_cnnfit.__version__}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    return found


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


def check_resume(old, new, done, output):
    """
    Check that a run goes on with what it was begun with.

    Parameters
    ----------
    old, new : dict
        As of `fingerprint`.
    done : dict
        Side files of the parts that are whole, by name.
    output : path-like
        Folder of the catalogue, for messages.

    Raises
    ------
    ValueError
        If settings, a model, rows, or a tile that was measured differ; what differs
        is named. A tile that was not measured yet may change.
    """
    same = ("format", "version", "settings", "unassigned")
    found = list(
        _differences([], *({key: run[key] for key in same} for run in (old, new)))
    )
    found += _parts_that_differ(old["parts"], new["parts"], done)
    if found:
        more = f", and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        raise ValueError(
            f"output {output} holds a catalogue that was begun with other settings or "
            f"inputs: {'; '.join(found[:_SHOWN])}{more}. Take another output, or those"
        )
    for text in _differences(["versions"], old["versions"], new["versions"]):
        log.warning("the catalogue was begun with other software: %s", text)


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


def _differences(path, old, new):
    """Differences of two nested dictionaries in words."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted({*old, *new}, key=str):
            yield from _differences([*path, str(key)], old.get(key), new.get(key))
    elif json.dumps(old) != json.dumps(new):
        yield f"{'.'.join(path)}: {_short(old)} then, {_short(new)} now"


def _parts_that_differ(old, new, done):
    for name in old.keys() - new.keys():
        yield f"tile {name}: {old[name]['rows']} rows then, none now"
    for name in new.keys() - old.keys():
        yield f"tile {name}: no rows then, {new[name]['rows']} now"
    for name in old.keys() & new.keys():
        one, other = dict(old[name]), dict(new[name])
        one.pop("files")
        now = other.pop("files")
        yield from _differences([f"tile {name}"], one, other)
        if name in done and len(now) == len(done[name]["inputs"]):
            for pair in zip(done[name]["inputs"], now, strict=True):
                yield from _file_that_differs(name, *pair)


def _file_that_differs(name, measured, now):
    if now["size"] is None:
        # It is gone, but it was measured.
        return
    if all(measured[key] == now[key] for key in ("size", "mtime_ns")):
        return
    if measured["size"] == now["size"] and measured["sha256"] is not None:
        # It may have been copied or touched.
        if checksum(now["path"]) == measured["sha256"]:
            return
    yield (
        f"tile {name}: {Path(now['path']).name} has changed since it was measured "
        f"({measured['size']} bytes then, {now['size']} now)"
    )


def _short(value):
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
