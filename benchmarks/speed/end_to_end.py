# Licensed under a 3-clause BSD style license - see LICENSE
"""
Galaxies per second from tiles on disk to a Parquet catalogue, on two cores.

    python benchmarks/speed/end_to_end.py --million

Simulated tiles (4096 x 4096 pixels, compressed as fpack does, 2,500 galaxies each)
are measured by ``measure_catalog`` on a local cluster of two workers, and stacks of
stamps from HDF5 and from memory. Each rate stands beside that of the bare forward
passes of the same networks, in as many processes of as many threads on the same
cores, measured before and after; the faster one counts. Workers have loaded their
networks before the clock starts; what that costs once a run is ``start_seconds``.
"""

import argparse
import json
import os
import shutil
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from common import provenance, write_result
from processes import peak_memory, run_child, run_together
from scale.simulated_tiles import PIXEL_SCALE, ZEROPOINT, simulate_tiles
from scale.stacks import STAMP_SIZE, simulate_stack

SEED = 20_261
TARGETS = {
    "sersic": {"sersic": {"pixel_scale": PIXEL_SCALE, "zeropoint": ZEROPOINT}},
    "cas": {"cas": {"method": "network", "pixel_scale": PIXEL_SCALE}},
}
TARGETS["both"] = {**TARGETS["sersic"], **TARGETS["cas"]}
NETWORKS = {"sersic": ["sersic"], "cas": ["cas"], "both": ["sersic", "cas"]}
PRECISIONS = ("float32", "bfloat16")
SMALLEST_FRACTION = {"tiles": 0.7, "hdf5": 0.9, "memory": 0.9}
LARGEST_GROWTH = 1.1
# Tiles for each worker before the clock starts, so that all of them get one.
WARM = 2


def main():
    """Measure everything and write it down."""
    arguments = parse_arguments()
    if arguments.child:
        run_child(CHILDREN[arguments.child], arguments.settings)
        return
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))[: arguments.workers]
        os.sched_setaffinity(0, cores)
    result = measure_all(arguments)
    report(result)
    write_result("catalog_speed", result, arguments.output)


def parse_arguments(given=None):
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--galaxies", type=int, default=100_000)
    parser.add_argument("--on-a-tile", type=int, default=2500)
    parser.add_argument("--size", type=int, default=4096, help="pixels on a side")
    parser.add_argument("--stamps", type=int, default=80_000, help="of each stack")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--batch-size", type=int, default=512)
    parser.add_argument("--seconds", type=float, default=15.0, help="of forward passes")
    parser.add_argument(
        "--scaling", type=int, nargs="*", default=[10_000, 100_000],
        help="numbers of galaxies that show memory and time",
    )  # fmt: skip
    parser.add_argument("--million", action="store_true", help="1,000,000 as well")
    parser.add_argument("--precisions", nargs="*", default=PRECISIONS)
    parser.add_argument("--targets", nargs="*", default=list(TARGETS))
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--folder", type=Path, default=Path("runs/end_to_end"))
    parser.add_argument("--output", help="folder of the JSON file")
    parser.add_argument("--child", choices=tuple(CHILDREN), help="internal")
    parser.add_argument("--settings", help="internal")
    return parser.parse_args(given)


def measure_all(arguments):
    """
    Run all parts.

    Returns
    -------
    dict
        ``rates`` by precision, target and source, ``scaling`` and ``claims``.
    """
    sizes = [*arguments.scaling, *([1_000_000] if arguments.million else [])]
    survey = make_survey(arguments, max([arguments.galaxies, *sizes]))
    shown = ("galaxies", "on_a_tile", "size", "stamps", "workers", "batch_size")
    result = provenance(
        arguments.seed, **{name: getattr(arguments, name) for name in shown}
    )
    result["rates"] = {
        precision: {
            target: measure_target(arguments, survey, target, precision)
            for target in arguments.targets
        }
        for precision in arguments.precisions
    }
    result["scaling"] = [measure_size(arguments, survey, size) for size in sizes]
    result["claims"] = claims(result)
    return result


def make_survey(arguments, galaxies):
    """Tiles and stacks; those of an earlier run with the same settings are kept."""
    tiles = -(-galaxies // arguments.on_a_tile)
    given = [tiles, arguments.on_a_tile, arguments.size, arguments.seed]
    given.append(arguments.stamps)
    folder = arguments.folder / "_".join(map(str, given))
    done = folder / "survey.json"
    if not done.is_file():
        shutil.rmtree(folder, ignore_errors=True)
        simulated = simulate_tiles(
            folder, tiles, arguments.on_a_tile, arguments.size, arguments.seed
        )
        stacks = {
            name: simulate_stack(folder / f"{name}.h5", simulated, arguments.stamps, s)
            for name, s in STAMP_SIZE.items()
        }
        survey = {
            "tiles": [str(path) for path in simulated.tiles],
            "psf": simulated.psf,
            "catalog": str(simulated.catalog),
            "stacks": stacks,
        }
        done.write_text(json.dumps(survey), encoding="utf-8")
    return json.loads(done.read_text(encoding="utf-8"))


def measure_target(arguments, survey, target, precision):
    """Rates of one target in one precision, from each source."""
    settings = {"precision": precision, "batch_size": arguments.batch_size}
    try:
        before, _ = forward_rate(arguments, target, settings)
        found = {"tiles": from_tiles(arguments, survey, target, settings)}
        if target in survey["stacks"]:
            stack = survey["stacks"][target]
            found["hdf5"] = from_stack(arguments, stack, target, settings)
            found["memory"] = from_memory(arguments, stack, target, settings)
        after, mflop = forward_rate(arguments, target, settings)
    except (RuntimeError, ValueError) as error:
        if precision == "float32":
            raise
        return {"not_run": str(error).strip().splitlines()[-1]}
    rate = max(before, after)
    for source in found.values():
        source["fraction"] = source["per_second"] / rate
    return {
        "forward_per_second": rate,
        "forward_rates": [before, after],
        "mflop": mflop,
        **found,
    }


def forward_rate(arguments, target, settings):
    """Galaxies per second through all networks of a target, and MFLOP for each."""
    seconds = mflop = 0.0
    for network in NETWORKS[target]:
        own = {**settings, "network": network, "seconds": arguments.seconds}
        rates = run_together(__file__, "forward", own, arguments.workers)
        seconds += 1 / sum(rate["per_second"] for rate in rates)
        mflop += rates[0]["mflop"]
    return 1 / seconds, mflop


def forward(settings):
    """Child: bare forward passes for some seconds."""
    from astro_cnnfit.weights import load_network

    network = load_network(settings["network"], precision=settings["precision"])
    rng = np.random.default_rng(settings["part"])
    size = settings["batch_size"]
    shapes = [network.stamp_size] + [network.psf_size] * network.needs_psf
    batch = [rng.normal(0, 1, (size, s, s)).astype(np.float32) for s in shapes]
    np.asarray(network.forward(*batch))
    yield
    start, passes = time.perf_counter(), 0
    while time.perf_counter() - start < settings["seconds"]:
        np.asarray(network.forward(*batch))
        passes += 1
    rate = passes * size / (time.perf_counter() - start)
    yield {"per_second": rate, "mflop": operations(network, shapes) / 1e6}


def operations(network, shapes):
    """Floating-point operations of a galaxy, as TensorFlow counts them."""
    import tensorflow as tf

    specs = [tf.TensorSpec((1, side, side), tf.float32) for side in shapes]
    graph = tf.function(network._forward).get_concrete_function(*specs).graph
    profiler = tf.compat.v1.profiler
    options = profiler.ProfileOptionBuilder.float_operation()
    options = profiler.ProfileOptionBuilder(options).with_empty_output().build()
    return profiler.profile(graph, options=options).total_float_ops


def from_memory(arguments, stack, target, settings):
    """Whole calls of a measurer on stamps in memory, a share in each process."""
    own = {**settings, **stack, "target": target}
    rates = run_together(__file__, "memory", own, arguments.workers)
    return {"per_second": sum(rate["per_second"] for rate in rates)}


def memory(settings):
    """Child: a measurer on its share of the stamps."""
    import h5py
    from astropy.io import fits

    from astro_cnnfit import CNNCASMeasurer, CNNSersicFitter

    part, parts = settings["part"], settings["parts"]
    with h5py.File(settings["path"]) as file:
        share = len(file["stamps"]) // parts
        stamps = file["stamps"][part * share : (part + 1) * share]
    given = {name: settings[name] for name in ("batch_size", "precision")}
    given |= TARGETS[settings["target"]][settings["target"]]
    if settings["target"] == "sersic":
        call, arguments = CNNSersicFitter(**given), [fits.getdata(settings["psf"])]
    else:
        call, arguments = CNNCASMeasurer(**given), []
    call(stamps[: settings["batch_size"]], *arguments)
    yield
    start = time.perf_counter()
    call(stamps, *arguments)
    yield {"per_second": len(stamps) / (time.perf_counter() - start)}


def from_stack(arguments, stack, target, settings):
    """``measure_catalog`` on a stack in HDF5."""
    from astropy.table import Table

    rows = Table.read(stack["catalog"])
    options = {**settings, **TARGETS[target], "psf": stack["psf"]}
    if target == "cas":
        options["sersic"] = options["psf"] = None
    parts = WARM * arguments.workers
    tiles = [{"path": stack["path"], "name": f"first_{i}"} for i in range(parts)]
    first = rows[: min(parts * arguments.batch_size, len(rows))]
    first["tile"] = [f"first_{i % parts}" for i in range(len(first))]
    return timed_run(arguments, (tiles, first), ([stack["path"]], rows), options)


def from_tiles(arguments, survey, target, settings, galaxies=None):
    """``measure_catalog`` on the first tiles."""
    from astropy.table import Table

    galaxies = galaxies or arguments.galaxies
    number = -(-galaxies // arguments.on_a_tile)
    tiles = survey["tiles"][:number]
    # The catalogue is in the order of the tiles.
    rows = Table.read(survey["catalog"])[: number * arguments.on_a_tile]
    rows = rows["id", "ra", "dec"]
    options = {**settings, **TARGETS[target], "psf": survey["psf"]}
    if target == "cas":
        options["sersic"] = options["psf"] = None
    few = min(WARM * arguments.workers, number)
    first = tiles[:few], rows[: few * arguments.on_a_tile]
    return timed_run(arguments, first, (tiles, rows), options)


def timed_run(arguments, first, timed, options):
    """
    Time a run whose workers have measured a little before.

    Parameters
    ----------
    arguments : `argparse.Namespace`
        Of the command line.
    first, timed : tuple
        Tiles and catalogue: what workers measure before, and what is timed.
    options : dict
        Further arguments of ``measure_catalog``.

    Returns
    -------
    dict
        Rate, times, memory of the largest worker, bytes read and written.
    """
    from astro_cnnfit.catalog import measure_catalog
    from astro_cnnfit.catalog.cluster import connected

    output = arguments.folder / "output"
    start = time.perf_counter()
    # As measure_catalog begins its own: one tile is read while another is measured.
    workers = {"workers": arguments.workers, "threads_per_worker": 2}
    with connected(None, **workers) as client:
        options = {**options, "client": client}
        measure_catalog(*first, output=fresh(output), **options)
        ready = time.perf_counter()
        run = measure_catalog(*timed, output=fresh(output), **options)
        seconds = time.perf_counter() - ready
        peaks = client.run(peak_memory)
    if len(run.failures):
        raise RuntimeError(f"{len(run.failures)} failures: {run.failures[:3]}")
    tiles, rows = timed
    return {
        "galaxies": len(rows),
        "seconds": seconds,
        "per_second": len(rows) / seconds,
        "start_seconds": ready - start,
        "worker_memory": max(peaks.values()),
        "bytes_read": sum(Path(tile).stat().st_size for tile in tiles),
        "bytes_written": folder_size(output / "catalog"),
        "summary": plain(run.summary),
    }


def fresh(folder):
    """An empty folder's path."""
    shutil.rmtree(folder, ignore_errors=True)
    return folder


def folder_size(folder):
    """Bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def plain(summary):
    """What JSON can hold of a run's summary."""
    return json.loads(json.dumps(summary, default=str))


def measure_size(arguments, survey, galaxies):
    """Time and memory of Sersic parameters of so many galaxies."""
    settings = {"precision": "float32", "batch_size": arguments.batch_size}
    found = from_tiles(arguments, survey, "sersic", settings, galaxies)
    found["milliseconds_a_galaxy"] = 1e3 * found["seconds"] / found["galaxies"]
    return found


def claims(result):
    """Say which goals are met."""
    rates = [
        (source, found["fraction"])
        for targets in result["rates"].values()
        for target in targets.values()
        for source, found in target.items()
        if source in SMALLEST_FRACTION
    ]
    found = {
        f"fraction_from_{source}": bool(own) and min(own) >= SMALLEST_FRACTION[source]
        for source in SMALLEST_FRACTION
        for own in [[fraction for name, fraction in rates if name == source]]
    }
    for claim, key in (("constant_memory", "worker_memory"),
                       ("linear_time", "milliseconds_a_galaxy")):  # fmt: skip
        values = [row[key] for row in result["scaling"]]
        found[claim] = len(values) > 1 and max(values) < LARGEST_GROWTH * min(values)
    return found


def report(result):
    """Print the rates."""
    for precision, targets in result["rates"].items():
        for target, found in targets.items():
            if "not_run" in found:
                print(f"{precision:9s}{target:8s}{found['not_run']}")
                continue
            print(
                f"{precision:9s}{target:8s}forward {found['forward_per_second']:8.0f}/s"
            )
            for source in SMALLEST_FRACTION.keys() & found.keys():
                rate, share = (found[source][k] for k in ("per_second", "fraction"))
                print(f"{'':17s}{source:8s}{rate:8.0f}/s{share:8.2f}")
    for row in result["scaling"]:
        print(
            f"{row['galaxies']:9d} galaxies {row['milliseconds_a_galaxy']:7.3f} ms "
            f"each, {row['worker_memory'] / 2**20:7.0f} MiB a worker"
        )
    print(result["claims"])


CHILDREN = {"forward": forward, "memory": memory}


if __name__ == "__main__":
    main()
