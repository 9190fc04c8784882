# Licensed under a 3-clause BSD style license - see LICENSE
"""Tables of speed and memory: the first call, one core, accelerators, bfloat16."""

from benchmark_results import NOT_RUN, read
from generated_pages import list_table

__all__ = ["PARTS"]

HEADER = "   :header-rows: 1"
NETWORKS = {
    "sersic": "``CNNSersicFitter``",
    "cas": "``CNNCASMeasurer(method='network')``",
}


def single_core():
    """Milliseconds a galaxy on one core, by batch."""
    result = read("single_core")
    if result is None:
        return NOT_RUN
    batches = [str(batch) for batch in result["settings"]["batches"]]
    header = ("", *(f"in batches of {batch}" for batch in batches), "at best")
    rows = [header]
    for child, found in result["ms"].items():
        if not isinstance(found, dict):
            continue
        name, precision = child.rsplit("_", 1)
        for key, text in (("forward", "network alone"), ("call", "whole call")):
            values = [f"{found['batches'][batch][key]:.3g}" for batch in batches]
            best = f"{found['limit']:.3g}" if key == "forward" else "-"
            network = NETWORKS.get(name, f"``CNNSersicFitter({name!r})``")
            rows.append((f"{network}, {precision}, {text}", *values, best))
    for name, text in (("astropy", "LMLSQFitter"), ("statmorph", "all it measures")):
        if name in result["ms"]:
            cells = ["-"] * len(batches)
            rows.append((f"{name}, {text}", f"{result['ms'][name]:.3g}", *cells))
    text = (
        f"Milliseconds a galaxy, on one core of a processor that calls itself "
        f"{result['processor']}, {result['date']}; *at best* is the time that the "
        "network's multiplications and additions take at the rate of large products "
        "of matrices:"
    )
    parts = [text, list_table(rows, HEADER), *_faster(result), *_missing(result)]
    return "\n\n".join(parts)


def _faster(result):
    ratios = [
        f"{ratio:.0f} times as fast as {peer} (``{network[0]}``, {network[-1]})"
        for name, ratio in result["times_faster"].items()
        for child, peer in (name.split("_than_"),)
        for network in (child.rsplit("_", 1),)
    ]
    return [f"Whole calls are {', '.join(ratios)}."] if ratios else []


def _missing(result):
    return [f"Not run: {', '.join(result['not_run'])}."] if result["not_run"] else []


FIRST = {
    "sersic": "``CNNSersicFitter``",
    "morphology": "``CNNCASMeasurer``",
}


def first_measurement():
    """Seconds and peak memory of the steps of a session's first measurement."""
    result = read("first_measurement")
    if result is None:
        return NOT_RUN
    rows = [("", "step", "seconds", "peak memory, MiB")]
    for kind, name in FIRST.items():
        for step, found in result[kind].items():
            numbers = f"{found['seconds']:.2g}", f"{found['peak_mib']:,.0f}"
            rows.append((name, step, *numbers))
    repeats = result["settings"]["repeats"]
    text = (
        f"One galaxy in a new process, the best time and the most memory of {repeats} "
        f"runs on a processor that calls itself {result['processor']}, "
        f"{result['date']}:"
    )
    return f"{text}\n\n{list_table(rows, HEADER)}"


def accelerator():
    """Galaxies a second on an accelerator."""
    result = read("accelerator")
    if result is None or "not_run" in result:
        return NOT_RUN
    runs = ("device", "predict", "host", "call")
    rows = [("", *runs, "share of the device's arithmetic")]
    for name, both in result["networks"].items():
        for precision, own in both.items():
            rates = (f"{own['per_second'][run]:,.0f}" for run in runs)
            rows.append((f"``{name}``, {precision}", *rates, f"{own['share']:.0%}"))
    text = f"Galaxies per second on one {result['device']}, {result['date']}:"
    return f"{text}\n\n{list_table(rows, HEADER)}"


def bfloat16():
    """What bfloat16 costs each network."""
    result = read("bfloat16")
    if result is None:
        return NOT_RUN
    rows = [("network", "added to the scatter", "change of the errors", "accepted")]
    for name, cost in result["models"].items():
        accepted = "yes" if result["accepted"][name] else "no"
        numbers = (f"{cost[key]:.2%}" for key in ("added_scatter", "changed_errors"))
        rows.append((f"``{name}``", *numbers, accepted))
    text = (
        f"{result['settings']['number']} simulated stamps in groups of equal numbers "
        f"by brightness; the worst group and quantity count, and the limit is "
        f"{result['limit']:.0%} ({result['date']}):"
    )
    return f"{text}\n\n{list_table(rows, HEADER)}"


PARTS = {
    "first_measurement.inc": first_measurement,
    "single_core.inc": single_core,
    "accelerator.inc": accelerator,
    "bfloat16.inc": bfloat16,
}
