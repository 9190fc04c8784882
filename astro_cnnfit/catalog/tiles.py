# Licensed under a 3-clause BSD style license - see LICENSE
"""Tiles: what a survey's images are called and what belongs to each."""

import logging
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table

from .headers import image_hdus
from .naming import STACKS, companions_of, files_of, names_of, safe_name

__all__ = ["PATTERNS", "Task", "Tile", "parse_tiles"]

_log = logging.getLogger(__name__)

PATTERNS = ("mask", "error", "variance", "weight", "psf")
"""What a tile may bring beside its image."""


@dataclass(frozen=True)
class Tile:
    """
    One image, or one stack of stamps, with what belongs to it.

    ``mask``, ``error``, ``variance``, ``weight`` and ``psf`` are a path, or a path
    and an HDU (a data set, in a stack): ``(path, hdu)``.
    """

    name: str
    """Name of its own, which a file may have."""
    path: str
    """The file (of Zarr, the folder)."""
    hdu: Any = None
    """Number or name of the HDU, or path of the data set; None for the first."""
    mask: Any = None
    """Nonzero for pixels to leave out."""
    error: Any = None
    """Standard deviation of each pixel."""
    variance: Any = None
    """Variance of each pixel; one that is not positive makes it a bad pixel."""
    weight: Any = None
    """Inverse variance of each pixel, 0 for bad ones."""
    psf: Any = None
    """PSF: one, one for each galaxy, or a grid that photutils reads."""
    zeropoint: Any = None
    """Magnitude of unit flux, or the header's keyword that holds it; None for that
    of the settings."""
    kind: str = "image"
    """'image' for one image with many galaxies, 'stack' for stamps of one each."""
    alias: str = ""
    """Another name under which a catalogue may speak of it."""

    def paths(self):
        """
        All files that belong to it, the image's own first.

        Returns
        -------
        list of str
            Each once.
        """
        found = [self.path]
        for name in PATTERNS:
            value = getattr(self, name)
            if value is not None:
                found.append(value if isinstance(value, str) else value[0])
        return list(dict.fromkeys(found))


@dataclass(frozen=True, eq=False)
class Task:
    """What a worker does at a time: a tile, or a part of a stack."""

    tile: Tile
    """Where the pixels are."""
    name: str
    """Name of the part of the catalogue that it becomes."""
    rows: Table
    """A row per galaxy: ``id``, its position ``x, y`` in pixels counted from 0
    (in a stack ``index``, and ``x, y`` if they are known), ``ra, dec`` if they are
    known, ``psf_index`` if there is one, and the columns to keep."""
    keep: tuple = ()
    """Names of the columns to keep."""


def parse_tiles(tiles, *, hdu=None, zeropoint=None, **patterns):
    """
    List the tiles that a user points to.

    Parameters
    ----------
    tiles : path-like, list or `~astropy.table.Table`
        A folder, a glob pattern, a file, a list of those, or a table (or list of
        dictionaries) with the attributes of `Tile`, of which only ``path`` is
        needed. Of a folder all FITS, HDF5 and Zarr files are taken but those that
        the patterns name.
    hdu : int, str or tuple, optional
        The HDU of the images (in a stack, the data set). ``'all'`` makes a tile of
        each 2-D image of a file.
    zeropoint : float or str, optional
        Magnitude of unit flux of all tiles, or the header's keyword.
    **patterns : str or tuple
        Where ``mask``, ``error``, ``variance``, ``weight`` and ``psf`` of each tile
        are: a path, or a path and an HDU. In the path ``{folder}``,
        ``{stem}``, ``{name}`` and ``{path}`` stand for the tile's own folder, file
        name without suffix, file name, and path, and ``{hdu}`` (in the HDU, too)
        for the name or number of the HDU. With ``hdu='all'`` masks and errors are
        in the HDU of the same name, unless one is given.

    Returns
    -------
    list of `Tile`
        Sorted by path; no two have the same name.

    Raises
    ------
    FileNotFoundError
        If a folder or file does not exist, or a pattern has no file for any tile.
    ValueError
        If there are no tiles, two have one name, or more than one of error,
        variance and weight is given.
    TypeError
        If an argument is of the wrong kind.
    """
    unknown = sorted(set(patterns) - set(PATTERNS))
    if unknown:
        raise TypeError(
            f"patterns must be among {', '.join(PATTERNS)}; got {unknown[0]!r}"
        )
    patterns = {key: value for key, value in patterns.items() if value is not None}
    common = {"hdu": hdu, "zeropoint": zeropoint}
    entries, listed = [], isinstance(tiles, Table) or _are_dicts(tiles)
    for entry in _entries(tiles):
        entry = {**common, **entry}
        own = companions_of(entry["path"], patterns)
        entries.append({**own, **entry})
    if not listed:
        entries = _without_companions(entries)
    if not entries:
        raise ValueError(f"tiles must be images or stacks, found none in {tiles!r}")
    _check_entries(entries, patterns)
    result = []
    for entry, name in zip(entries, names_of(entries), strict=True):
        result += _tiles_of({**entry, "name": name})
    _check_unique(result)
    return result


def _are_dicts(tiles):
    return isinstance(tiles, (list, tuple)) and any(isinstance(t, dict) for t in tiles)


def _entries(tiles):
    """Dictionaries with at least a path, one for each file."""
    if isinstance(tiles, Table):
        rows = [dict(zip(tiles.colnames, row, strict=True)) for row in tiles]
        tiles = [
            {key: _value(value) for key, value in row.items() if _is_there(value)}
            for row in rows
        ]
    if hasattr(tiles, "to_dict") and hasattr(tiles, "columns"):
        return _entries(Table.from_pandas(tiles))
    if not isinstance(tiles, (list, tuple)):
        tiles = [tiles]
    for tile in tiles:
        if isinstance(tile, Tile):
            yield {k: v for k, v in vars(tile).items() if v is not None and v != ""}
        elif isinstance(tile, dict):
            yield _checked_entry(tile)
        elif isinstance(tile, (str, Path)):
            yield from ({"path": str(path)} for path in files_of(tile))
        else:
            raise TypeError(
                "tiles must be a folder, a glob pattern, paths, dictionaries or a "
                f"table, got {type(tile).__name__}"
            )


def _value(value):
    return value.item() if isinstance(value, np.generic) else value


def _is_there(value):
    if value is None or value is np.ma.masked:
        return False
    return not (isinstance(value, (float, np.floating)) and np.isnan(value))


def _checked_entry(entry):
    known = Tile.__dataclass_fields__
    unknown = sorted(set(entry) - set(known))
    if unknown or "path" not in entry:
        raise ValueError(
            f"tiles must have a path and attributes among {', '.join(known)}; got "
            f"{unknown[0] if unknown else 'no path'!r}"
        )
    entry = {key: value for key, value in entry.items() if _is_there(value)}
    entry["path"] = str(Path(entry["path"]).resolve())
    own = {key: entry[key] for key in PATTERNS if key in entry}
    return entry | companions_of(entry["path"], own)


def _path_of(spec):
    return spec if isinstance(spec, str) else spec[0]


def _without_companions(entries):
    """Leave out files that belong to another tile of the list."""
    theirs = {
        _path_of(entry[key])
        for entry in entries
        for key in PATTERNS
        if key in entry and _path_of(entry[key]) != entry["path"]
    }
    return [entry for entry in entries if entry["path"] not in theirs]


def _check_entries(entries, patterns):
    for entry in entries:
        given = [key for key in ("error", "variance", "weight") if key in entry]
        if len(given) > 1:
            raise ValueError(f"{given[1]} must not be given together with {given[0]}")
        value = entry.get("zeropoint")
        if value is not None and not isinstance(value, str):
            if not (_is_number(value) and np.isfinite(value)):
                raise ValueError(
                    "zeropoint must be a finite number of magnitudes or a keyword, "
                    f"got {value!r}"
                )
    for key in patterns:
        paths = [_path_of(entry[key]) for entry in entries if entry.get(key)]
        # One that is missing fails its tile; a pattern that never fits is a slip.
        paths = [path for path in paths if "{hdu}" not in path]
        if paths and not any(Path(path).exists() for path in paths):
            raise FileNotFoundError(
                f"{key} must be there: no tile has one, such as {paths[0]}"
            )


def _is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _tiles_of(entry):
    """Make the tiles of one file: as many as it has images, if all are wanted."""
    path, name = entry["path"], entry.pop("name")
    stack = path.lower().endswith(STACKS)
    entry = {"kind": "stack" if stack else "image", "alias": name, **entry}
    if entry["kind"] not in ("image", "stack"):
        raise ValueError(f"kind must be 'image' or 'stack', got {entry['kind']!r}")
    if isinstance(entry.get("hdu"), list):
        entry["hdu"] = tuple(entry["hdu"])
    hdu = entry.get("hdu")
    if hdu != "all":
        return [Tile(name=safe_name(name), **_of_hdu(entry, 0 if hdu is None else hdu))]
    try:
        found = image_hdus(path)
    except OSError as error:
        # It fails as a tile of its own, where that is written down.
        _log.warning("%s", error)
        return [Tile(name=safe_name(name), **_of_hdu({**entry, "hdu": None}, 0))]
    result = []
    for number, label in found:
        own = {**entry, "hdu": number, "alias": f"{name}_{label}"}
        for key in PATTERNS:
            # The mask of an image is in the HDU of the same name; a PSF may be for all.
            if key != "psf" and isinstance(own.get(key), str):
                own[key] = (own[key], label)
        result.append(Tile(name=safe_name(f"{name}_{label}"), **_of_hdu(own, label)))
    return result


def _of_hdu(entry, label):
    """Put the HDU where patterns say ``{hdu}``."""

    def filled(spec):
        if isinstance(spec, tuple):
            return tuple(label if part == "{hdu}" else filled(part) for part in spec)
        return spec.replace("{hdu}", str(label)) if isinstance(spec, str) else spec

    own = {key: filled(entry[key]) for key in PATTERNS if key in entry}
    return {**entry, **own}


def _check_unique(tiles):
    count = Counter(tile.name.lower() for tile in tiles)
    name, times = count.most_common(1)[0]
    if times > 1:
        paths = [tile.path for tile in tiles if tile.name.lower() == name]
        raise ValueError(
            f"tiles must have names of their own: {name!r} is that of "
            f"{', '.join(paths[:3])}"
        )
