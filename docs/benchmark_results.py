# Licensed under a 3-clause BSD style license - see LICENSE
"""Results of the benchmarks, as their scripts left them."""

import json
from pathlib import Path

__all__ = ["NOT_RUN", "kept_times", "read"]

RESULTS = Path(__file__).parents[1] / "benchmarks" / "results"
NOT_RUN = "This benchmark has not been run."


def read(name):
    """Read a result, None where the benchmark has not been run."""
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def kept_times(result):
    """Say which times are of another day, and how fast that machine was."""
    kept = result.get("kept")
    if not kept or not kept["methods"]:
        return ""
    *first, last = kept["methods"]
    names = f"{', '.join(first)} and {last}" if first else last
    now = result["methods"]
    there = ", ".join(
        f"{name} {1e3 * seconds:.0f} ms a galaxy there and "
        f"{1e3 * now[name]['seconds']:.0f} here"
        for name, seconds in kept["seconds_of_peers"].items()
    )
    return f"The times of {names} are those of {kept['date']} ({there})."
