# Licensed under a 3-clause BSD style license - see LICENSE
"""Names of files: which are tiles, what they are called, what lies beside them."""

import re
from collections import Counter
from pathlib import Path

__all__ = ["STACKS", "companions_of", "files_of", "names_of", "safe_name"]

_FITS = (".fits", ".fit", ".fts", ".fits.fz", ".fits.gz", ".fit.gz", ".fit.fz")
STACKS = (".h5", ".hdf5", ".zarr")
"""Suffixes of stacks of stamps."""

# Readers of a partitioned data set take such names for numbers or dates.
_LOOKS_LIKE_A_VALUE = re.compile(
    r"[-+.\d]+[\d_.]*(e[-+]?\d+)?|[-+]?(nan|inf|infinity)|true|false|null"
    r"|\d{4}-\d\d-\d\d.*",
    re.IGNORECASE,
)


def files_of(path):
    """
    Files that a path stands for.

    Parameters
    ----------
    path : path-like
        A file, a folder, or a glob pattern.

    Returns
    -------
    list of `~pathlib.Path`
        Absolute and sorted. Of a folder or pattern, images and stacks only.

    Raises
    ------
    FileNotFoundError
        If there are none.
    """
    path = Path(path)
    if path.is_dir() and path.suffix != ".zarr":
        found = [file for file in path.iterdir() if _is_tile(file)]
    elif path.exists():
        found = [path]
    elif any(letter in str(path) for letter in "*?["):
        base = Path(path.anchor) if path.is_absolute() else Path()
        found = [
            file
            for file in base.glob(str(path.relative_to(path.anchor)))
            if _is_tile(file)
        ]
        if not found:
            raise FileNotFoundError(f"tiles must exist: nothing matches {path}")
    else:
        raise FileNotFoundError(f"tiles must exist: no such file or folder: {path}")
    return sorted(file.resolve() for file in found)


def _is_tile(path):
    name = path.name.lower()
    return name.endswith(_FITS + STACKS) and not name.startswith(".")


def _stem(path):
    name = Path(path).name
    for suffix in sorted(_FITS + STACKS, key=len, reverse=True):
        if name.lower().endswith(suffix):
            return name[: -len(suffix)]
    return Path(path).stem


def companions_of(path, patterns):
    """
    Files that belong to a tile.

    Parameters
    ----------
    path : path-like
        The tile's own file.
    patterns : dict
        A path, or a path and an HDU, for each kind; see
        `~astro_cnnfit.catalog.tiles.parse_tiles`.

    Returns
    -------
    dict
        An absolute path, or a path and an HDU, for each kind; ``{hdu}`` is left.

    Raises
    ------
    TypeError, ValueError
        If a pattern is none.
    """
    path = Path(path)
    parts = {
        "folder": str(path.parent),
        "stem": _stem(path),
        "name": path.name,
        "path": str(path),
        "hdu": "{hdu}",
    }
    return {key: _formatted(key, value, parts) for key, value in patterns.items()}


def _formatted(key, pattern, parts):
    hdu = None
    if isinstance(pattern, (list, tuple)):
        if len(pattern) != 2:
            raise ValueError(f"{key} must be a path, or a path and an HDU: {pattern!r}")
        pattern, hdu = pattern
        hdu = tuple(hdu) if isinstance(hdu, list) else hdu
    if not isinstance(pattern, (str, Path)):
        raise TypeError(f"{key} must be a path, got {type(pattern).__name__}")
    try:
        path = str(pattern).format(**parts)
    except (KeyError, IndexError, ValueError) as error:
        raise ValueError(
            f"{key} must be a path with {{folder}}, {{stem}}, {{name}}, {{path}} or "
            f"{{hdu}}, got {str(pattern)!r}"
        ) from error
    path = str(Path(path).resolve())
    return path if hdu is None else (path, hdu)


def names_of(entries):
    """
    Names that tell tiles apart.

    Parameters
    ----------
    entries : list of dict
        With ``path`` and perhaps ``name``.

    Returns
    -------
    list of str
        The name that is given, or the file's own, with those of its folders before
        it where several files have the same.
    """
    names = [str(entry.get("name") or _stem(entry["path"])) for entry in entries]
    for depth in range(1, 4):
        count = Counter(names)
        if max(count.values()) == 1:
            break
        for number, entry in enumerate(entries):
            if count[names[number]] > 1 and "name" not in entry:
                folders = Path(entry["path"]).parts[-1 - depth : -1]
                names[number] = "_".join([*folders, _stem(entry["path"])])
    return names


def safe_name(name):
    """
    Make a name that files may have, and that no reader takes for a value.

    Parameters
    ----------
    name : str

    Returns
    -------
    str
        Of letters, digits and ``_ . + -``; with ``tile_`` before what looks like a
        number or date.
    """
    name = re.sub(r"[^\w.+-]", "_", name, flags=re.ASCII).strip("._")
    if not name or _LOOKS_LIKE_A_VALUE.fullmatch(name):
        name = f"tile_{name}"
    return name[:200]
