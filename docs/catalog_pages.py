# Licensed under a 3-clause BSD style license - see LICENSE
"""Tables of speed from tiles to catalogues, and of the faults that a run survives."""

from functools import partial

from benchmark_results import NOT_RUN, read
from generated_pages import list_table

__all__ = ["HEADER", "PARTS", "TARGETS", "is_missing", "three_digits"]

HEADER = "   :header-rows: 1"
TARGETS = {"sersic": "Sersic", "cas": "C/A/S, network", "both": "both"}
SOURCES = {"tiles": "tiles", "hdf5": "HDF5 stack", "memory": "stamps in memory"}

STAGES = ("reading", "cutting", "inference", "writing")

GOALS = {
    "fraction_from_tiles": "0.7 of the forward pass from tiles",
    "fraction_from_hdf5": "0.9 from stacks in HDF5",
    "fraction_from_memory": "0.9 from stamps in memory",
    "constant_memory": "memory of a worker constant within 10 %",
    "linear_time": "time per galaxy constant within 10 %",
}


def is_missing(result):
    """Whether no run from tiles is there; a benchmark may still be under way."""
    return result is None or not any(
        "tiles" in found
        for targets in result["rates"].values()
        for found in targets.values()
    )


def speed(name="catalog_speed"):
    """Galaxies per second beside the bare forward pass."""
    result = read(name)
    if is_missing(result):
        return NOT_RUN
    rows = [("measured", "precision", "from", "galaxies/s", "of the forward pass")]
    for precision, targets in result["rates"].items():
        for target, found in targets.items():
            start = TARGETS[target], precision
            if "not_run" in found:
                rows.append((*start, "not run", found["not_run"], ""))
                continue
            rows.append(
                (
                    *start,
                    "bare forward pass",
                    three_digits(found["forward_per_second"]),
                    "",
                )
            )
            for source, name in SOURCES.items():
                if source in found:
                    own = found[source]
                    rate = three_digits(own["per_second"])
                    rows.append((*start, name, rate, f"{own['fraction']:.2f}"))
    return "\n\n".join(
        [_conditions(result), list_table(rows, HEADER), _verdict(result)]
    )


def _conditions(result):
    own = result["settings"]
    few = own.get("compared", own["galaxies"])
    return (
        f"{own['galaxies']:,} galaxies ({few:,} in bfloat16) on tiles of "
        f"{own['size']} x {own['size']} "
        f"pixels with {own['on_a_tile']:,} each, compressed as fpack does, and stacks "
        f"of {own['stamps']:,} stamps; {own['workers']} workers on {result['cores']} "
        f"cores ({result['processor']}), {_dates(result)}. The bare forward "
        "pass is that of the same networks in as many processes on the same cores. "
        "Starting a cluster and loading the networks is not in it: once a run, it took "
        f"{_starts(result)} s."
    )


def _dates(result):
    """When parts were measured, and by which code where that is not the same."""
    targets = [t for targets in result["rates"].values() for t in targets.values()]
    parts = [part.get("measured", {}) for part in [*targets, *result["scaling"]]]
    dates = sorted({part.get("date", result["date"]) for part in parts})
    text = dates[0] if len(dates) == 1 else f"{dates[0]} to {dates[-1]}"
    codes = {part.get("code") for part in parts}
    if len(codes) > 1:
        text += f" (not all by the same code, but by {len(codes)} states of it)"
    return text


def _starts(result):
    seconds = [
        found["tiles"]["start_seconds"]
        for targets in result["rates"].values()
        for found in targets.values()
        if "tiles" in found
    ]
    low, high = f"{min(seconds):.0f}", f"{max(seconds):.0f}"
    return low if low == high else f"{low} to {high}"


def _verdict(result):
    claims = {
        name: result["claims"][name] for name in GOALS if name in result["claims"]
    }
    met = [GOALS[name] for name, claim in claims.items() if claim]
    missed = [GOALS[name] for name, claim in claims.items() if not claim]
    parts = []
    if met:
        parts.append(f"Goals that are met: {'; '.join(met)}.")
    if missed:
        parts.append(f"**Goals that are missed: {'; '.join(missed)}.**")
    return " ".join(parts)


def stages(name="catalog_speed"):
    """Where the time of a run from tiles goes."""
    result = read(name)
    if is_missing(result):
        return NOT_RUN
    rows = [("measured", "precision", *STAGES, "all", "looks of a network")]
    for precision, targets in result["rates"].items():
        for target, found in targets.items():
            if "tiles" in found:
                rows.append((TARGETS[target], precision, *_stages(found["tiles"])))
    return list_table(rows, HEADER)


def _stages(tiles):
    """Milliseconds of a core for a galaxy with the share of the time, and looks."""
    cpu, share = tiles["cpu_milliseconds_a_galaxy"], tiles["summary"]["share"]
    for stage in STAGES:
        yield f"{cpu[stage]:.3f} ({share[stage]:.0%})"
    yield f"{cpu['all']:.3f}"
    yield ", ".join(f"{looks:.2f}" for looks in tiles["looks_a_galaxy"].values())


def scaling(name="catalog_speed"):
    """Time and memory against the number of galaxies."""
    result = read(name)
    if result is None or not result["scaling"]:
        return NOT_RUN
    rows = [("galaxies", "seconds", "ms per galaxy", "largest worker, MiB")]
    for row in result["scaling"]:
        numbers = three_digits(row["seconds"]), f"{row['milliseconds_a_galaxy']:.3f}"
        rows.append(
            (
                f"{row['galaxies']:,}",
                *numbers,
                three_digits(row["worker_memory"] / 2**20),
            )
        )
    return list_table(rows, HEADER)


def faults():
    """What a run survived, on a cluster of two workers."""
    result = read("catalog_faults")
    if result is None:
        return NOT_RUN
    rows = [
        ("fault", "rows", "recorded as failed", "twice", "half files", "as expected")
    ]
    for name, found in result["faults"].items():
        numbers = (found[key] for key in ("rows", "failed_rows", "duplicates"))
        expected = "yes" if found["as_expected"] else "**no**"
        rows.append((name, *numbers, found["half_files"], expected))
    own = result["settings"]
    text = (
        f"{own['tiles']} tiles with {own['galaxies']} galaxies each, {own['workers']} "
        f"workers, {result['date']}. Expected are the rows of the undisturbed run "
        "without Dask, less those that are recorded as failed:"
    )
    return f"{text}\n\n{list_table(rows, HEADER)}"


def three_digits(value):
    """Three digits, with commas."""
    if value >= 1000:
        digits = len(str(int(value))) - 3
        return f"{round(value, -digits):,.0f}"
    return f"{value:.3g}"


WIDE = "catalog_speed_sersic_wide"
PARTS = {
    "catalog_speed.inc": speed,
    "catalog_stages.inc": stages,
    "catalog_scaling.inc": scaling,
    "catalog_speed_wide.inc": partial(speed, WIDE),
    "catalog_stages_wide.inc": partial(stages, WIDE),
    "catalog_scaling_wide.inc": partial(scaling, WIDE),
    "catalog_faults.inc": faults,
}
