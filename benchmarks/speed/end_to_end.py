# Licensed under a 3-clause BSD style license - see LICENSE
"""
Galaxies per second from tiles on disk to a Parquet catalogue, on two cores.

    python benchmarks/speed/end_to_end.py
    python benchmarks/speed/end_to_end.py --million

Simulated tiles (4096 x 4096 pixels, compressed as fpack does, 2,500 galaxies each)
are measured by ``measure_catalog`` on a local cluster of two workers, and stacks of
stamps from HDF5 and from memory. Each rate stands beside that of the bare forward
passes of the same networks, in as many processes of one thread on the same cores,
measured before and after; the faster one counts. Workers have loaded their networks
before the clock starts; what that costs once a run is ``start_seconds``.

The result is written after each configuration, and the same command measures only
those that are missing, or that other code, settings or another machine measured
(`--any-code` keeps those of other code, and the file says which). ``--million`` is a
configuration of its own, which nothing else runs. What is slow and compared only
(bfloat16, stacks) has ``--compared`` galaxies.
"""

import argparse
import os
import sys
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from common import provenance, write_result
from parts import is_current, origin, read_parts, stamped
from scale.surveys import make_stacks, make_tiles
from speed.catalog_sources import (
    NETWORKS,
    forward_rates,
    from_memory,
    from_stack,
    from_tiles,
)

SEED = 20_261
PRECISIONS = ("float32", "bfloat16")
MODEL, MILLION = "sersic", 1_000_000
SMALLEST_FRACTION = {"tiles": 0.7, "hdf5": 0.9, "memory": 0.9}
LARGEST_GROWTH = 1.1
# On what every configuration depends.
SETTINGS = (
    *("galaxies", "compared", "on_a_tile", "size", "workers", "batch_size"),
    *("chunk_size", "seconds", "seed", "model"),
)


def main():
    """Measure what is missing, and write it down as it comes."""
    arguments = parse_arguments()
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))[: arguments.workers]
        os.sched_setaffinity(0, cores)
    name = "catalog_speed"
    name += "" if arguments.model == MODEL else f"_{arguments.model}"
    result = measure_missing(arguments, name)
    report(result)


def parse_arguments(given=None):
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--galaxies", type=int, default=100_000)
    parser.add_argument(
        "--compared", type=int, default=40_000, help="in bfloat16, and of stacks"
    )
    parser.add_argument("--on-a-tile", type=int, default=2500)
    parser.add_argument("--size", type=int, default=4096, help="pixels on a side")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--batch-size", type=int, default=512)
    parser.add_argument("--chunk-size", type=int, default=5000, help="of a stack")
    parser.add_argument("--seconds", type=float, default=10.0, help="of forward passes")
    parser.add_argument("--model", default=MODEL, help="of Sersic parameters")
    parser.add_argument(
        "--scaling", type=int, nargs="*", default=[10_000, 100_000],
        help="numbers of galaxies that show memory and time",
    )  # fmt: skip
    parser.add_argument("--million", action="store_true", help="that alone")
    parser.add_argument("--precisions", nargs="*", default=PRECISIONS)
    parser.add_argument("--targets", nargs="*", default=list(NETWORKS))
    parser.add_argument("--again", action="store_true", help="whatever is there")
    parser.add_argument(
        "--any-code", action="store_true", help="keep what other code has measured"
    )
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--folder", type=Path, default=Path("runs/end_to_end"))
    parser.add_argument("--output", help="folder of the JSON file")
    return parser.parse_args(given)


def measure_missing(arguments, name):
    """
    Measure what an earlier run has not, and write after each part.

    Returns
    -------
    dict
        ``rates`` by precision, target and source, ``scaling`` and ``claims``.
    """
    settings = {key: getattr(arguments, key) for key in SETTINGS}
    of = origin(settings)
    known = parts_of(read_parts(name, arguments.output))
    keep = partial(is_current, of=of, any_code=arguments.any_code)
    parts = {key: part for key, part in known.items() if keep(part)}
    for key in known.keys() - parts.keys():
        print(f"{' '.join(map(str, key))}: measured otherwise, and left out")
    result = assemble(arguments, settings, parts)
    for key, measure in configurations(arguments).items():
        if key in parts and not arguments.again:
            continue
        parts[key] = stamped(measure(parts), of)
        result = assemble(arguments, settings, parts)
        write_result(name, result, arguments.output)
    return result


def configurations(arguments):
    """What is measured with each key: a function of the parts that are there."""
    if arguments.million:
        return {("scaling", MILLION): partial(measure_size, arguments, MILLION)}
    found = {
        (precision, target): partial(measure_target, arguments, target, precision)
        for precision in arguments.precisions
        for target in arguments.targets
    }
    return found | {
        ("scaling", number): partial(measure_size, arguments, number)
        for number in arguments.scaling
    }


def parts_of(result):
    """Parts of a result, by their keys."""
    found = {
        (precision, target): part
        for precision, targets in result.get("rates", {}).items()
        for target, part in targets.items()
    }
    rows = result.get("scaling", [])
    return found | {("scaling", row["asked"]): row for row in rows if "asked" in row}


def assemble(arguments, settings, parts):
    """A result of the parts that are there."""
    rates = {precision: {} for precision in PRECISIONS}
    for kind, name in parts:
        if kind != "scaling":
            rates.setdefault(kind, {})[name] = parts[kind, name]
    sizes = sorted(number for kind, number in parts if kind == "scaling")
    shown = {key: value for key, value in settings.items() if key != "seed"}
    result = provenance(arguments.seed, **shown, stamps=arguments.compared)
    result["rates"] = {key: targets for key, targets in rates.items() if targets}
    result["scaling"] = [parts["scaling", number] for number in sizes]
    return result | {"claims": claims(result)}


def measure_target(arguments, target, precision, parts):
    """Rates of one target in one precision, from each source."""
    names = ("batch_size", "model")
    settings = {name: getattr(arguments, name) for name in names}
    settings |= {"precision": precision}
    headline = precision == PRECISIONS[0]
    number = arguments.galaxies if headline else arguments.compared
    ask = partial(forward_rates, target, settings, arguments.workers, arguments.seconds)
    try:
        before = ask()
        found = {"tiles": run_tiles(arguments, target, settings, number)}
        if target != "both":
            found |= run_stacks(arguments, target, settings)
        after = ask()
    except (RuntimeError, ValueError) as error:
        if headline:
            raise
        return {"not_run": str(error).strip().splitlines()[-1]}
    best = {
        name: max(run[name]["per_second"] for run in (before, after)) for name in before
    }
    rate = 1 / sum(1 / value for value in best.values())
    for source in found.values():
        source["fraction"] = source["per_second"] / rate
    return {
        "forward_per_second": rate,
        "forward_by_network": best,
        "forward_runs": [before, after],
        "mflop": sum(network["mflop"] for network in before.values()),
        **found,
    }


def run_tiles(arguments, target, settings, number):
    """``measure_catalog`` on tiles."""
    own = arguments.on_a_tile, arguments.size, arguments.seed
    survey = make_tiles(arguments.folder, number, *own)
    return from_tiles(
        survey, target, settings, arguments.workers, number, arguments.on_a_tile,
        arguments.folder / "output",
    )  # fmt: skip


def run_stacks(arguments, target, settings):
    """``measure_catalog`` on a stack, and a measurer on stamps in memory."""
    number, workers = arguments.compared, arguments.workers
    own = arguments.on_a_tile, arguments.size, arguments.seed
    stack = make_stacks(arguments.folder, number, *own)[target]
    in_parts = {**settings, "chunk_size": arguments.chunk_size}
    output = arguments.folder / "output"
    return {
        "hdf5": from_stack(stack, target, in_parts, workers, number, output),
        "memory": from_memory(stack, target, settings, workers, number),
    }


def measure_size(arguments, galaxies, parts):
    """Time and memory of Sersic parameters of so many galaxies."""
    known = parts.get((PRECISIONS[0], "sersic"), {}).get("tiles")
    if known is None or known["galaxies"] != galaxies:
        settings = {"precision": PRECISIONS[0], "batch_size": arguments.batch_size}
        settings["model"] = arguments.model
        known = run_tiles(arguments, "sersic", settings, galaxies)
    milliseconds = 1e3 * known["seconds"] / known["galaxies"]
    return {**known, "asked": galaxies, "milliseconds_a_galaxy": milliseconds}


def claims(result):
    """Say which goals are met, of what has been measured."""
    rates = [
        (source, found["fraction"])
        for targets in result["rates"].values()
        for target in targets.values()
        for source, found in target.items()
        if source in SMALLEST_FRACTION
    ]
    found = {}
    for source, smallest in SMALLEST_FRACTION.items():
        own = [fraction for name, fraction in rates if name == source]
        if own:
            found[f"fraction_from_{source}"] = min(own) >= smallest
    for claim, key in (("constant_memory", "worker_memory"),
                       ("linear_time", "milliseconds_a_galaxy")):  # fmt: skip
        values = [row[key] for row in result["scaling"]]
        if len(values) > 1:
            found[claim] = max(values) < LARGEST_GROWTH * min(values)
    return found


def report(result):
    """Print the rates, and what a galaxy takes."""
    for precision, targets in result["rates"].items():
        for target, found in targets.items():
            if "not_run" in found:
                print(f"{precision:9s}{target:8s}{found['not_run']}")
                continue
            print(
                f"{precision:9s}{target:8s}forward {found['forward_per_second']:8.0f}/s"
            )
            for source in SMALLEST_FRACTION:
                if source in found:
                    print(line_of(source, found[source]))
    for row in result["scaling"]:
        print(
            f"{row['galaxies']:9d} galaxies {row['milliseconds_a_galaxy']:7.3f} ms "
            f"each, {row['worker_memory'] / 2**20:7.0f} MiB a worker"
        )
    print(result["claims"])


def line_of(source, found):
    """A line of the report."""
    cpu = ", ".join(
        f"{name} {value:.3f}"
        for name, value in found["cpu_milliseconds_a_galaxy"].items()
    )
    looks = ", ".join(f"{value:.2f}" for value in found["looks_a_galaxy"].values())
    return (
        f"{'':17s}{source:8s}{found['per_second']:8.0f}/s{found['fraction']:8.2f}  "
        f"CPU ms: {cpu}; looks: {looks}"
    )


if __name__ == "__main__":
    main()
