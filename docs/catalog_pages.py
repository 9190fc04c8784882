# Licensed under a 3-clause BSD style license - see LICENSE
"""Tables of speed from tiles to catalogues, and what a billion galaxies would take."""

from functools import partial

from benchmark_results import NOT_RUN, read
from generated_pages import list_table

__all__ = ["PARTS", "billion"]

HEADER = "   :header-rows: 1"
TARGETS = {"sersic": "Sersic", "cas": "C/A/S, network", "both": "both"}
SOURCES = {"tiles": "tiles", "hdf5": "HDF5 stack", "memory": "stamps in memory"}

STAGES = ("reading", "cutting", "inference", "writing")

GALAXIES, BANDS = 1e9, 10
# Assumptions, which the page states.
CORE_HOUR, GPU_HOUR = 0.04, 3.0
GPU_SHARE = 0.2
# Dense tensor-core arithmetic, operations per second, as the maker says; TensorFlow
# and JAX use TF32 for float32.
GPUS = {
    "float32": {"H200": 495e12, "A100": 156e12},
    "bfloat16": {"H200": 989e12, "A100": 312e12},
}
# Degrees of a pixel of the simulated tiles.
PIXEL = 0.2 / 3600


def _is_missing(result):
    """Whether no run from tiles is there; a benchmark may still be under way."""
    return result is None or not any(
        "tiles" in found
        for targets in result["rates"].values()
        for found in targets.values()
    )


def speed(name="catalog_speed"):
    """Galaxies per second beside the bare forward pass."""
    result = read(name)
    if _is_missing(result):
        return NOT_RUN
    rows = [("measured", "precision", "from", "galaxies/s", "of the forward pass")]
    for precision, targets in result["rates"].items():
        for target, found in targets.items():
            start = TARGETS[target], precision
            if "not_run" in found:
                rows.append((*start, "not run", found["not_run"], ""))
                continue
            rows.append(
                (*start, "bare forward pass", _number(found["forward_per_second"]), "")
            )
            for source, name in SOURCES.items():
                if source in found:
                    own = found[source]
                    rate = _number(own["per_second"])
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


GOALS = {
    "fraction_from_tiles": "0.7 of the forward pass from tiles",
    "fraction_from_hdf5": "0.9 from stacks in HDF5",
    "fraction_from_memory": "0.9 from stamps in memory",
    "constant_memory": "memory of a worker constant within 10 %",
    "linear_time": "time per galaxy constant within 10 %",
}


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
    if _is_missing(result):
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
        numbers = _number(row["seconds"]), f"{row['milliseconds_a_galaxy']:.3f}"
        rows.append(
            (f"{row['galaxies']:,}", *numbers, _number(row["worker_memory"] / 2**20))
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


def billion():
    """What a billion galaxies in ten bands take, by the measured figures."""
    result = read("catalog_speed")
    if _is_missing(result):
        return NOT_RUN
    rows = [("",)]
    lines = {}
    for precision, targets in result["rates"].items():
        for target, found in targets.items():
            if "tiles" in found:
                rows[0] += (f"{TARGETS[target]}, {precision}",)
                for name, text in _survey(result, found, precision).items():
                    lines.setdefault(name, []).append(text)
    rows += [(name, *texts) for name, texts in lines.items()]
    first = next(
        found
        for targets in result["rates"].values()
        for found in targets.values()
        if "tiles" in found
    )
    parts = [_assumptions(result), list_table(rows, HEADER), _limits(result, first)]
    return "\n\n".join(parts)


def _survey(result, found, precision):
    """Rows of the table for one kind of measurement."""
    number = GALAXIES * BANDS
    tiles = found["tiles"]
    hours = number * _core_seconds(result, tiles) / 3600
    read_bytes, written = (
        number * tiles[name] / tiles["galaxies"]
        for name in ("bytes_read", "bytes_written")
    )
    rows = {
        "core hours": _number(hours),
        "cost on cores": f"${_number(hours * CORE_HOUR)}",
        "days on 1,000 cores": f"{hours / 24e3:.1f}",
        "TB read": _number(read_bytes / 1e12),
        "TB written": _number(written / 1e12),
        "MFLOP per galaxy": _number(_mflop(found)),
    }
    for gpu, speed in GPUS[precision].items():
        seconds = _mflop(found) * 1e6 / (GPU_SHARE * speed)
        rows |= _on_gpus(result, tiles, f"{gpu}, estimate", seconds)
    seconds, device = _measured_seconds(found, precision)
    name = f"{device or 'accelerator'}, measured"
    empty = dict.fromkeys(_on_gpus(result, tiles, name, 1.0), "-")
    return rows | (_on_gpus(result, tiles, name, seconds) if seconds else empty)


def _on_gpus(result, tiles, name, seconds):
    """Rows for networks on a device, and everything else on cores."""
    number = GALAXIES * BANDS
    hours = number * seconds / 3600
    rest = _core_seconds(result, tiles) * _rest(tiles)
    cost = number * rest / 3600 * CORE_HOUR + hours * GPU_HOUR
    return {
        f"hours of a GPU ({name})": f"{hours:.2g}",
        f"cores that feed it ({name})": _number(rest / seconds),
        f"cost with it ({name})": f"${_number(cost)}",
    }


def _looks(found):
    """Stamps that each network sees for a galaxy."""
    return found["tiles"].get("looks_a_galaxy") or {}


def _mflop(found):
    """Operations for a galaxy, with all the looks that it gets."""
    runs = found.get("forward_runs")
    if not runs:
        return found["mflop"]
    looks = _looks(found)
    return sum(own["mflop"] * looks.get(name, 1) for name, own in runs[0].items())


def _measured_seconds(found, precision):
    """Seconds of an accelerator for a galaxy, and its name; None if not measured."""
    result = read("accelerator")
    if result is None or "not_run" in result:
        return None, None
    seconds = 0.0
    for name, looks in _looks(found).items():
        own = result["networks"].get(name, {}).get(precision)
        if own is None:
            return None, result["device"]
        seconds += looks / own["per_second"]["host"]
    return seconds or None, result["device"]


def _core_seconds(result, tiles):
    """Seconds of a core for a galaxy in a band."""
    return result["settings"]["workers"] / tiles["per_second"]


def _rest(tiles):
    """Share of the time that no network computes."""
    return 1 - tiles["summary"]["share"]["inference"]


def _assumptions(result):
    on_a_tile = result["settings"]["on_a_tile"]
    density = on_a_tile / (PIXEL * result["settings"]["size"]) ** 2
    speeds = "; ".join(
        f"{precision}: "
        + ", ".join(f"{gpu} {speed / 1e12:.0f} TFLOP/s" for gpu, speed in own.items())
        for precision, own in GPUS.items()
    )
    return (
        f"A billion galaxies in ten bands are ten billion measurements. With "
        f"{on_a_tile:,} galaxies on a tile "
        f"there are {density:,.0f} a square degree, and a billion on "
        f"{GALAXIES / density:,.0f} square degrees. A core hour costs "
        f"${CORE_HOUR:.2f} and an hour of a GPU ${GPU_HOUR:.2f}: assumptions, of about "
        "what large clouds ask. Hours of GPUs are "
        "**estimated** from the networks' operations (with all looks that a galaxy "
        f"gets) at {GPU_SHARE:.0%} of the device's arithmetic on tensor cores "
        f"({speeds}), and **measured** where ``accelerator.py`` was run, for stamps "
        "that come from the memory of the host. Times "
        "are those of the table above, bytes those of the simulated tiles."
    )


def _limits(result, found):
    """Say what limits first."""
    tiles = found["tiles"]
    seconds = _core_seconds(result, tiles)
    rate = tiles["bytes_read"] / tiles["galaxies"] / seconds
    on_a_tile = result["settings"]["on_a_tile"]
    tasks = GALAXIES * BANDS / on_a_tile
    a_task = on_a_tile * seconds
    seconds_on_gpu = _mflop(found) * 1e6 / (GPU_SHARE * GPUS["float32"]["H200"])
    feed = seconds * _rest(tiles) / seconds_on_gpu
    share = tiles["summary"]["share"]
    most = max(share, key=share.get)
    return (
        f"**What limits first.** On cores, {most}: it takes {share[most]:.0%} of a "
        f"worker's time (the first column). A core reads {rate / 1e6:.1f} "
        "MB/s, so a file system that gives 10 GB/s feeds "
        f"{_number(10e9 / rate)} cores. A scheduler of Dask needs about 1 ms a task, "
        f"by its documentation; a tile takes a core {a_task:.1f} s, so beyond some "
        f"{_number(1e3 * a_task)} cores one scheduler is too slow, and there are "
        f"{tasks:,.0f} tasks in all. With GPUs, cutting: at {GPU_SHARE:.0%} of its "
        f"arithmetic an H200 would want {_number(feed)} cores that read and cut for "
        "it. And the driver holds the whole catalogue of positions: a survey is "
        "measured field by field and band by band, "
        "some ten million rows a run, each with its own output and its own scheduler, "
        "which also keeps the number of files in a folder small."
    )


def _number(value):
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
    "catalog_billion.inc": billion,
    "catalog_faults.inc": faults,
}
