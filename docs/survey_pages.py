# Licensed under a 3-clause BSD style license - see LICENSE
"""What a billion galaxies in ten bands would take, by the measured speeds."""

from benchmark_results import NOT_RUN, read
from catalog_pages import HEADER, TARGETS, is_missing, three_digits
from generated_pages import list_table

__all__ = ["PARTS", "billion"]

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


def billion():
    """What a billion galaxies in ten bands take, by the measured figures."""
    result = read("catalog_speed")
    if is_missing(result):
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
        "core hours": three_digits(hours),
        "cost on cores": f"${three_digits(hours * CORE_HOUR)}",
        "days on 1,000 cores": f"{hours / 24e3:.1f}",
        "TB read": three_digits(read_bytes / 1e12),
        "TB written": three_digits(written / 1e12),
        "MFLOP per galaxy": three_digits(_mflop(found)),
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
        f"cores that feed it ({name})": three_digits(rest / seconds),
        f"cost with it ({name})": f"${three_digits(cost)}",
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
        f"{three_digits(10e9 / rate)} cores. A scheduler of Dask needs about 1 ms a "
        f"task, by its documentation; a tile takes a core {a_task:.1f} s, so beyond "
        f"some {three_digits(1e3 * a_task)} cores one scheduler is too slow, and there "
        f"are {tasks:,.0f} tasks in all. With GPUs, cutting: at {GPU_SHARE:.0%} of its "
        f"arithmetic an H200 would want {three_digits(feed)} cores that read and cut "
        "for it. And the driver holds the whole catalogue of positions: a survey is "
        "measured field by field and band by band, "
        "some ten million rows a run, each with its own output and its own scheduler, "
        "which also keeps the number of files in a folder small."
    )


PARTS = {"catalog_billion.inc": billion}
