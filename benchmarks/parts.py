# Licensed under a 3-clause BSD style license - see LICENSE
"""
Results in parts, each written as it is measured.

A run that is killed keeps what it has, and the same command measures what is missing.
Every part says by which code, on what machine and when it was measured; one of other
code, of other settings or of another machine is measured again.
"""

import datetime as dt
import hashlib
import json
import os
import subprocess
from importlib.util import find_spec
from pathlib import Path

from common import RESULTS, cores, processor, versions

__all__ = ["is_current", "origin", "read_parts", "stamped"]

# Code and models; what the package only shows does not count.
_COUNTED = ("*.py", "model.json")


def origin(settings):
    """
    By what a part is measured, as plain values.

    Parameters
    ----------
    settings : dict
        Plain values on which the part depends.

    Returns
    -------
    dict
        ``code`` (checksum of the package's modules and of the descriptions of its
        models, which hold those of the weights), ``commit`` (for people; "+" is for
        changes that are not in it), ``versions``, ``processor``, ``cores`` and
        ``settings``.
    """
    return {
        "code": code(),
        "commit": commit(),
        "versions": versions(),
        "processor": processor(),
        "cores": cores(),
        "settings": json.loads(json.dumps(settings)),
    }


def code():
    """Checksum of the package's modules and models."""
    folder = Path(find_spec("astro_cnnfit").origin).parent
    digest = hashlib.sha256()
    for path in sorted(path for kind in _COUNTED for path in folder.rglob(kind)):
        digest.update(str(path.relative_to(folder)).encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def commit():
    """Short name of the commit, None where there is no repository."""
    asked = ("git", "describe", "--always", "--abbrev=12", "--dirty=+", "--exclude=*")
    try:
        done = subprocess.run(
            asked, cwd=Path(__file__).parent, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip() or None


def stamped(found, of):
    """
    A part with what it was measured by.

    Parameters
    ----------
    found : dict
        What was measured.
    of : dict
        As of `origin`.

    Returns
    -------
    dict
        With ``measured``: ``of``, the date, and how busy the machine was, which is
        more than the benchmark itself where others use it.
    """
    load = [round(value, 2) for value in os.getloadavg()]
    now = {"date": dt.date.today().isoformat(), "load_at_the_end": load}
    return {**found, "measured": {**of, **now}}


def is_current(part, of, *, any_code=False):
    """
    Whether a part would be measured the same way again.

    Parameters
    ----------
    part : dict or None
        Of an earlier run.
    of : dict
        As of `origin`, of this run.
    any_code : bool
        Whether other code and other versions may have measured it.

    Returns
    -------
    bool
    """
    measured = (part or {}).get("measured")
    if not measured:
        return False
    same = ["settings", "processor", "cores"]
    same += [] if any_code else ["code", "versions"]
    return all(measured.get(name) == of[name] for name in same)


def read_parts(name, folder=None):
    """
    Read the result of an earlier run.

    Parameters
    ----------
    name : str
        As of `common.write_result`.
    folder : path-like, optional
        Where it is.

    Returns
    -------
    dict
        Empty if there is none that can be read.
    """
    path = (Path(folder) if folder else RESULTS) / f"{name}.json"
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
