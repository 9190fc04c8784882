# Licensed under a 3-clause BSD style license - see LICENSE
"""What a run is told in a TOML file."""

import os
import tomllib
from difflib import get_close_matches
from pathlib import Path

__all__ = ["read_config"]

_KEYS = {
    "tiles": (
        *("path", "hdu", "zeropoint"),
        *("mask", "error", "variance", "weight", "psf"),
    ),
    "catalog": ("path", "columns", "keep"),
    "run": (
        *("workers", "scheduler", "retries"),
        *("batch_size", "chunk_size", "precision", "psf_oversampling"),
    ),
    # Their keys are the arguments of the measurers, which check them.
    "sersic": None,
    "cas": None,
}
_TOP = ("output", *_KEYS)
_PATTERNS = ("mask", "error", "variance", "weight", "psf")


def read_config(path):
    """
    Read the configuration of a run.

    Parameters
    ----------
    path : path-like
        A TOML file with the key ``output`` and the tables ``tiles`` (``path``, and
        what `~astro_cnnfit.catalog.tiles.parse_tiles` takes), ``catalog`` (``path``,
        ``columns``, ``keep``), ``sersic`` and ``cas`` (arguments of the measurers;
        what has a table is measured, Sersic profiles without any), and ``run``.
        Relative paths start from the folder of the file.

    Returns
    -------
    dict
        Arguments of `~astro_cnnfit.catalog.measure_catalog`.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is not TOML, a key is unknown or missing.
    """
    path = Path(path)
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise FileNotFoundError(f"CONFIG {path}: no such file") from None
    except (ValueError, OSError) as error:
        raise ValueError(f"CONFIG {path}: not readable as TOML: {error}") from None
    _check_keys(path, content)
    return _arguments(content, path.resolve().parent)


def _check_keys(path, content):
    _check_known(path, "", content, _TOP)
    for name, known in _KEYS.items():
        table = content.get(name, {})
        if not isinstance(table, dict):
            raise ValueError(f"CONFIG {path}: {name} must be a table, got {table!r}")
        if known is not None:
            _check_known(path, f"{name}.", table, known)
    needed = [name for name in ("output", "tiles") if name not in content]
    needed += ["tiles.path"] if "path" not in content.get("tiles", {}) else []
    if needed:
        raise ValueError(f"CONFIG {path}: must have {', '.join(needed)}")


def _check_known(path, prefix, table, known):
    for key in table:
        if key not in known:
            near = get_close_matches(key, known, 1)
            hint = f"did you mean {prefix}{near[0]}?" if near else ", ".join(known)
            raise ValueError(f"CONFIG {path}: unknown key {prefix}{key} ({hint})")


def _arguments(content, folder):
    tiles, catalog = content["tiles"], content.get("catalog", {})
    run = dict(content.get("run", {}))
    measured = {name: content.get(name) for name in ("sersic", "cas")}
    if content.keys().isdisjoint(measured):
        measured["sersic"] = True
    for arguments in measured.values():
        if isinstance(arguments, dict) and "model" in arguments:
            arguments["model"] = _model(arguments["model"], folder)
    places = tiles["path"] if isinstance(tiles["path"], list) else [tiles["path"]]
    return {
        "tiles": [str(folder / place) for place in places],
        "catalog": str(folder / catalog["path"]) if "path" in catalog else None,
        "output": os.path.normpath(folder / content["output"]),
        "client": run.pop("scheduler", None),
        **{key: catalog[key] for key in ("columns", "keep") if key in catalog},
        **{key: tiles[key] for key in ("hdu", "zeropoint") if key in tiles},
        **{key: _pattern(tiles[key], folder) for key in _PATTERNS if key in tiles},
        **measured,
        **run,
    }


def _pattern(pattern, folder):
    if isinstance(pattern, list):
        return (_pattern(pattern[0], folder), *pattern[1:])
    if not isinstance(pattern, str):
        raise ValueError(f"CONFIG: paths of tiles must be text, got {pattern!r}")
    # These two begin with a folder of their own.
    if pattern.startswith(("{folder}", "{path}")):
        return pattern
    return str(folder / pattern)


def _model(model, folder):
    """A folder beside the file goes before a bundled model of that name."""
    return str(folder / model) if (folder / model).is_dir() else model
