# Licensed under a 3-clause BSD style license - see LICENSE
"""Results of the benchmarks, as their scripts left them."""

import json
from pathlib import Path

__all__ = ["NOT_RUN", "read"]

RESULTS = Path(__file__).parents[1] / "benchmarks" / "results"
NOT_RUN = "This benchmark has not been run."


def read(name):
    """Read a result, None where the benchmark has not been run."""
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
