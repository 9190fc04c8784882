# Licensed under a 3-clause BSD style license - see LICENSE
"""Table of what came of files that were changed at random."""

from benchmark_results import NOT_RUN, read
from generated_pages import list_table

__all__ = ["PARTS"]


def fuzz():
    """Inputs of each kind, and what came of them."""
    result = read("fuzz")
    if result is None:
        return NOT_RUN
    text = (
        f"{result['inputs']:,} files, seed {result['seed']}, on {result['date']}, in "
        f"{result['cpu_seconds'] / 60:.0f} minutes of one core: {result['failures']} "
        f"failures. The slowest took {result['slowest_seconds']:.1f} s, the process "
        f"{result['gigabytes_at_most'] - result['gigabytes_at_the_start']:.2f} GiB "
        "more memory than it had before:"
    )
    rows = [("file", "inputs", "read", "refused", "failures", "slowest (s)")]
    for name, found in result["targets"].items():
        counts = (found[key] for key in ("inputs", "accepted", "refused", "failures"))
        rows.append((name, *counts, f"{found['slowest_seconds']:.2f}"))
    return f"{text}\n\n{list_table(rows, '   :header-rows: 1')}"


PARTS = {"fuzz.inc": fuzz}
