# Licensed under a 3-clause BSD style license - see LICENSE
"""In what a run differs from the one that it is to go on with."""

import json
import logging
from pathlib import Path

from astro_cnnfit.wording import counted

from .fingerprint import checksum

__all__ = ["check_resume"]

log = logging.getLogger(__name__)

_SAME = ("format", "version", "settings")
_SHOWN = 5


def check_resume(old, new, inputs, output):
    """
    Check that a run goes on with what it was begun with.

    Parameters
    ----------
    old, new : dict
        As of `~astro_cnnfit.catalog.fingerprint.fingerprint`.
    inputs : dict
        Files of each part that is whole, as they were when it was measured, by its
        name.
    output : path-like
        Folder of the catalogue, for messages.

    Raises
    ------
    ValueError
        If settings, a model, rows, or a tile that was measured differ; what differs
        is named. A tile that was not measured yet may be mended, and then have rows
        that it had not.
    """
    found = list(_differences([], *({k: run[k] for k in _SAME} for run in (old, new))))
    mended = _mended(old["parts"], new["parts"], inputs)
    if not mended:
        rows = ({"unassigned": run["unassigned"]} for run in (old, new))
        found += _differences([], *rows)
    found += _parts_that_differ(old["parts"], new["parts"], inputs, mended)
    if found:
        more = f", and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        raise ValueError(
            f"output {output} holds a catalogue that was begun with other settings or "
            f"inputs: {'; '.join(found[:_SHOWN])}{more}. Take another output, or those"
        )
    for text in _differences(["versions"], old["versions"], new["versions"]):
        log.warning("the catalogue was begun with other software: %s", text)


def _mended(old, new, inputs):
    """Names of parts that were not measured, and whose files are others now."""
    return {
        name
        for name in (old.keys() & new.keys()) - inputs.keys()
        if list(map(_state, old[name]["files"]))
        != list(map(_state, new[name]["files"]))
    }


def _state(file):
    return file["size"], file["mtime_ns"]


def _parts_that_differ(old, new, inputs, mended):
    for name in sorted(old.keys() - new.keys()):
        yield f"tile {name}: {counted(old[name]['rows'], 'row', 'rows')} then, none now"
    for name in sorted(new.keys() - old.keys()):
        yield f"tile {name}: no rows then, {new[name]['rows']} now"
    for name in sorted(old.keys() & new.keys()):
        if mended and name not in inputs:
            # Where a tile can be read that could not be, galaxies are on others.
            continue
        one, other = dict(old[name]), dict(new[name])
        one.pop("files")
        now = other.pop("files")
        yield from _differences([f"tile {name}"], one, other)
        if len(now) == len(inputs.get(name, ())):
            for pair in zip(inputs[name], now, strict=True):
                yield from _file_that_differs(name, *pair)


def _file_that_differs(name, measured, now):
    if now["size"] is None:
        # It is gone, but it was measured.
        return
    if _state(measured) == _state(now):
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


def _differences(path, old, new):
    """Differences of two nested dictionaries in words."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted({*old, *new}, key=str):
            yield from _differences([*path, str(key)], old.get(key), new.get(key))
    elif json.dumps(old) != json.dumps(new):
        yield f"{'.'.join(path)}: {_short(old)} then, {_short(new)} now"
