# Licensed under a 3-clause BSD style license - see LICENSE
"""
Time per galaxy of morphology: the network, the combination, classical codes.

    python benchmarks/speed/cas.py

Each measurement runs in its own process, held to one core, on the same noisy stamps.
``network`` and ``combined`` are whole calls of `CNNCASMeasurer`, from stamps in memory
to the table, the network seeing 512 stamps at once; ``forward`` is the network alone.
``network_bfloat16`` is the whole call with the network in that precision, which only
some processors have.
``classical`` is the whole call of the classical measure, ``reference`` its functions
on stamps whose galaxy and noise are known. statmorph is timed with all that it
computes, as its users run it, and (``statmorph_cas``) with C, A, S, Gini and M20
alone; the segmentation map is given to it.
"""

import argparse
import json
import sys
import time
import warnings
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from common import provenance, write_result
from held import best_time, run_held

SEED = 424_242
LARGEST_MS = 0.7
SMALLEST_GAIN = 150
LARGEST_CLASSICAL_MS = 10.0


def main():
    """Run each measurement in a process of its own."""
    arguments = parse_arguments()
    if arguments.child:
        warnings.simplefilter("ignore")
        print(json.dumps(CHILDREN[arguments.child](arguments)))
        return
    settings = ("number", "number_slow", "batch_size", "repeats")
    result = provenance(
        arguments.seed, **{name: getattr(arguments, name) for name in settings}
    )
    result |= {"ms": {}, "not_run": {}}
    for child in CHILDREN:
        done = run(child, arguments)
        if done.returncode:
            result["not_run"][child] = done.stderr.strip().splitlines()[-1]
        else:
            result["ms"] |= json.loads(done.stdout.splitlines()[-1])
    result |= compare(result["ms"])
    report(result)
    write_result("cas_speed", result, arguments.output)


def parse_arguments():
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--number", type=int, default=4096, help="stamps of networks")
    parser.add_argument("--number-slow", type=int, default=60, help="of other codes")
    parser.add_argument("--batch-size", type=int, default=512)
    parser.add_argument("--repeats", type=int, default=3, help="the best counts")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--networks", help="folder of networks instead of the bundled")
    parser.add_argument("--output", help="folder of the JSON file")
    parser.add_argument("--child", choices=tuple(CHILDREN), help="internal")
    return parser.parse_args()


def run(child, arguments):
    """Run one measurement held to one core."""
    names = ("number", "number_slow", "batch_size", "repeats", "seed", "networks")
    return run_held(__file__, child, {name: getattr(arguments, name) for name in names})


def stamps_of(arguments, number):
    """Noisy stamps of some galaxies, each on many skies."""
    from cas_galaxies import draw_galaxies, expose

    galaxies, _ = draw_galaxies("procedural", min(number, 128), arguments.seed)
    rows = np.arange(number) % len(galaxies.stamps)
    rng = np.random.default_rng(arguments.seed)
    return expose(galaxies.take(rows), (2.0, 20.0), rng).stamps


def milliseconds(function, stamps, repeats):
    """Run once to warm up; the shortest of the repeats, per stamp."""
    return 1e3 * best_time(lambda: function(stamps), repeats) / len(stamps)


def _model(arguments):
    folder = arguments.networks and Path(arguments.networks) / "cas"
    return folder or "cas"


def measure_network(arguments):
    """Time the whole call and the bare network on the same stamps."""
    from astro_cnnfit import CNNCASMeasurer

    stamps = stamps_of(arguments, arguments.number)
    size = arguments.batch_size
    measurer = CNNCASMeasurer(_model(arguments), method="network", batch_size=size)
    forward = measurer.model.forward
    batches = [stamps[i : i + size] for i in range(0, len(stamps) - size + 1, size)]

    def bare(_):
        for batch in batches:
            np.asarray(forward(batch))

    used = stamps[: len(batches) * size]
    return {
        "network": milliseconds(measurer, stamps, arguments.repeats),
        "forward": milliseconds(bare, used, arguments.repeats),
    }


def measure_bfloat16(arguments):
    """Time the whole call with a network in bfloat16."""
    from astro_cnnfit import CNNCASMeasurer
    from astro_cnnfit.weights import load_network

    stamps = stamps_of(arguments, arguments.number)
    network = load_network(_model(arguments), precision="bfloat16")
    size = arguments.batch_size
    measurer = CNNCASMeasurer(network, method="network", batch_size=size)
    return {"network_bfloat16": milliseconds(measurer, stamps, arguments.repeats)}


def _measurer(method):
    def measure(arguments):
        from astro_cnnfit import CNNCASMeasurer

        # Enough for one batch: its time per stamp counts.
        stamps = stamps_of(arguments, arguments.batch_size)
        kind = {} if method == "classical" else {"model": _model(arguments)}
        measurer = CNNCASMeasurer(**kind, method=method)
        return {method: milliseconds(measurer, stamps, 1)}

    return measure


def measure_reference(arguments):
    """Time the classical functions, on stamps and on the paper's smaller ones."""
    from cas_segments import find_segments

    from astro_cnnfit.morphology.classical import measure_stamps
    from astro_cnnfit.morphology.preparation import cut_centre

    stamps = stamps_of(arguments, 4 * arguments.number_slow)
    segments = find_segments(stamps)
    found = {}
    for name, change in (("reference", np.asarray), ("reference_60", cut_centre)):
        own, map_ = change(stamps), change(segments)
        found[name] = milliseconds(
            lambda s, m=map_: measure_stamps(s, segments=m, sky_sigma=1.0), own, 1
        )
    return found


def measure_statmorph(arguments):
    """Time statmorph, as its users run it and with the same quantities alone."""
    from cas_segments import find_segments
    from peers.statmorph_cas import measure, measure_whole

    stamps = stamps_of(arguments, arguments.number_slow)
    segments = find_segments(stamps)
    functions = {"statmorph": measure_whole, "statmorph_cas": measure}
    found = {}
    for name, function in functions.items():
        function(stamps[:2], segments[:2])
        start = time.perf_counter()
        function(stamps, segments)
        found[name] = 1e3 * (time.perf_counter() - start) / len(stamps)
    return found


CHILDREN = {
    "network": measure_network,
    "network_bfloat16": measure_bfloat16,
    "combined": _measurer("combined"),
    "classical": _measurer("classical"),
    "reference": measure_reference,
    "statmorph": measure_statmorph,
}


def compare(ms):
    """Ratios to the network's whole call, and the goals."""
    if "network" not in ms:
        return {"times_faster": {}, "claims": {}}
    ratios = {name: value / ms["network"] for name, value in ms.items()}
    claims = {"network_fast_enough": ms["network"] <= LARGEST_MS}
    if "network_bfloat16" in ms:
        claims["bfloat16_fast_enough"] = ms["network_bfloat16"] <= LARGEST_MS
    if "reference_60" in ms:
        claims["reference_fast_enough"] = ms["reference_60"] <= LARGEST_CLASSICAL_MS
    for name in ("statmorph", "statmorph_cas"):
        if name in ratios:
            claims[f"faster_than_{name}"] = ratios[name] >= SMALLEST_GAIN
    return {"times_faster": ratios, "claims": claims}


def report(result):
    """Print milliseconds and ratios."""
    for name, value in result["ms"].items():
        ratio = result["times_faster"].get(name, float("nan"))
        print(f"{name:16s}{value:10.3f} ms{ratio:10.1f} x network")
    print(result["claims"], result["not_run"])


if __name__ == "__main__":
    main()
