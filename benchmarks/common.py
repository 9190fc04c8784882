# Licensed under a 3-clause BSD style license - see LICENSE
"""What the benchmarks share: provenance, results as JSON, tables in print."""

import datetime as dt
import json
import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

RESULTS = Path(__file__).parent / "results"
PACKAGES = ("astro_cnnfit", "tensorflow", "keras", "numpy", "scipy", "astropy")


def provenance(seed, **settings):
    """Date, versions, machine, seed and settings of a run, as plain values."""
    return {
        "date": dt.date.today().isoformat(),
        "versions": {"python": platform.python_version(), **versions()},
        "processor": processor(),
        "cores": cores(),
        "seed": seed,
        "settings": settings,
    }


def versions():
    """Versions of the packages that a result depends on."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    return found


def processor():
    """Name of the processor, as far as the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":")[1].strip() for line in lines if "model name" in line]
    return names[0] if names else platform.machine()


def cores():
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count()


def write_result(name, result, folder=None):
    """Write a result as ``results/NAME.json`` and say so; return the path."""
    folder = Path(folder) if folder else RESULTS
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    path.write_text(json.dumps(_plain(result), indent=1) + "\n")
    print(f"wrote {path.name}")
    return path


def _plain(value):
    """Turn numpy values into those of JSON, to six digits."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [_plain(item) for item in value]
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return float(f"{value:.6g}") if np.isfinite(value) else None
    return value


def table_dict(table, key):
    """Turn a table into a dictionary of rows, by the column ``key``."""
    names = [name for name in table.colnames if name != key]
    return {str(row[key]): {name: row[name] for name in names} for row in table}


def print_table(table, title):
    """Print a table whole, below a title."""
    print(f"\n{title}")
    print("\n".join(table.pformat(max_lines=-1, max_width=-1)))
