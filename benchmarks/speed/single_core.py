# Licensed under a 3-clause BSD style license - see LICENSE
"""
Milliseconds per galaxy on one core: both networks, beside classical codes.

    python benchmarks/speed/single_core.py
    python benchmarks/speed/single_core.py --model sersic --model galnet2

Each measurement runs in its own process, held to one core. ``forward`` is the network
alone, ``call`` the whole call, from stamps in memory to the table. In batches of 1 and
16 a call holds so many galaxies: what someone with few of them waits for. In batches
of 512 it holds all stamps. astropy's fitter is timed as in ``sersic.py``, statmorph as
in ``cas.py``, on the same kinds of stamps; what is not installed is named as not run.
The rate of large products of matrices on the same core says what any network could
reach. The result is written after each measurement, and the same command makes those
that are missing, or that were made by other code, settings or another machine.
"""

import argparse
import json
import sys
import warnings
from functools import partial
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from common import provenance, write_result
from held import best_time, rate_of_products, run_held
from parts import is_current, origin, read_parts, stamped

SEED = 161
BATCHES = (1, 16, 512)
PRECISIONS = ("float32", "bfloat16")
LARGEST_MS, LARGEST_MS_OF_BOTH = 0.7, 0.25
GAINS = {"astropy": ("sersic", 50), "statmorph": ("cas", 150)}
# Calls of small batches; more tell nothing.
CALLS = 64


def main():
    """Run each measurement that is missing in a process of its own."""
    arguments = parse_arguments()
    if arguments.child:
        warnings.simplefilter("ignore")
        print(json.dumps(CHILDREN[arguments.child](arguments)))
        return
    names = ("n", "n_astropy", "n_statmorph", "repeats", "cas")
    settings = {name: getattr(arguments, name) for name in names}
    result = provenance(arguments.seed, batches=list(BATCHES), **settings)
    result |= {"ms": {}, "not_run": {}, "measured": {}}
    known = read_parts("single_core", arguments.output)
    report(result | measure_all(arguments, settings, result, known))


def measure_all(arguments, settings, result, known):
    """Take over what is known, measure the rest, and write after each."""
    of = origin({**settings, "seed": arguments.seed, "batches": list(BATCHES)})
    wanted = children_of(arguments)
    for child, stamp in known.get("measured", {}).items():
        current = is_current({"measured": stamp}, of, any_code=arguments.any_code)
        if current and not (arguments.again and child in wanted):
            result["ms"][child] = known["ms"][child]
            result["measured"][child] = stamp
    for child, (kind, own) in wanted.items():
        if child in result["ms"]:
            continue
        options = {**settings, "seed": arguments.seed, **own}
        done = run_held(__file__, kind, options)
        if done.returncode:
            lines = done.stderr.strip().splitlines()
            result["not_run"][child] = lines[-1] if lines else "no reason given"
        else:
            result["ms"][child] = json.loads(done.stdout.splitlines()[-1])
            result["measured"][child] = stamped({}, of)["measured"]
        result |= compare(result["ms"])
        write_result("single_core", result, arguments.output)
    return compare(result["ms"])


def children_of(arguments):
    """What is measured: by name, the child and its own options."""
    found = {}
    for model in arguments.model or ["sersic"]:
        for precision in PRECISIONS:
            name = f"{Path(model).name}_{precision}"
            found[name] = f"sersic_{precision}", {"model": model}
    for precision in PRECISIONS:
        found[f"cas_{precision}"] = f"cas_{precision}", {}
    return found | {name: (name, {}) for name in GAINS}


def parse_arguments(given=None):
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--n", type=int, default=4096, help="stamps of the networks")
    parser.add_argument("--n-astropy", type=int, default=30)
    parser.add_argument("--n-statmorph", type=int, default=30)
    parser.add_argument("--repeats", type=int, default=5, help="the best counts")
    parser.add_argument(
        "--model", action="append", metavar="NAME",
        help="Sersic network or its folder; may be given several times",
    )  # fmt: skip
    parser.add_argument("--cas", default="cas", help="network or its folder")
    parser.add_argument("--again", action="store_true", help="whatever is there")
    parser.add_argument(
        "--any-code", action="store_true", help="keep what other code has measured"
    )
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--output", help="folder of the JSON file")
    parser.add_argument("--child", choices=tuple(CHILDREN), help="internal")
    return parser.parse_args(given)


def sersic_of(arguments, precision):
    """The fitter with stamps and PSFs."""
    from speed.sersic import stamps_of

    from astro_cnnfit import CNNSersicFitter

    stamps, psfs, _ = stamps_of(arguments, arguments.n)
    make = partial(CNNSersicFitter, *(arguments.model or ()), precision=precision)
    return make, [stamps, psfs]


def cas_of(arguments, precision):
    """The measurer with stamps."""
    from speed.cas import stamps_of

    from astro_cnnfit import CNNCASMeasurer

    make = partial(CNNCASMeasurer, arguments.cas, method="network", precision=precision)
    return make, [stamps_of(arguments, arguments.n)]


def measure(of, precision, arguments):
    """Forward passes and whole calls, by size of batch."""
    from operations import mega_operations

    make, arrays = of(arguments, precision)
    measurer = make()
    network, found = measurer.model, {}
    for batch in BATCHES:
        number = min(len(arrays[0]) // batch, CALLS)
        parts = [
            [a[i * batch : (i + 1) * batch] for a in arrays] for i in range(number)
        ]
        seen = parts
        if not network.needs_psf:
            seen = [part[:1] for part in parts]
        # The last size is a whole stack in one call.
        calls = parts if batch < BATCHES[-1] else [arrays]
        measurer = make(batch_size=batch)
        forward = best_time(partial(run_all, network.forward, seen), arguments.repeats)
        call = best_time(partial(run_all, measurer, calls), arguments.repeats)
        count = sum(len(part[0]) for part in calls)
        found[str(batch)] = {
            "forward": 1e3 * forward / (number * batch),
            "call": 1e3 * call / count,
        }
    rate = rate_of_products(precision)
    work = mega_operations(network)
    return {
        "network": network.name,
        "batches": found,
        "mega_operations": work,
        "limit": 1e9 * work / rate,
        "sha256": network.sha256,
    }


def run_all(function, parts):
    """Call a function with each part; what it returns has been computed then."""
    for part in parts:
        found = function(*part)
        if not hasattr(found, "colnames"):
            np.asarray(found)


def measure_astropy(arguments):
    """Time astropy's fitter."""
    from speed.sersic import measure_astropy

    return 1e3 / measure_astropy(arguments)["per_second"]


def measure_statmorph(arguments):
    """Time statmorph, all that it computes, as its users run it."""
    from speed.cas import measure_statmorph

    arguments.number_slow = arguments.n_statmorph
    return measure_statmorph(arguments)["statmorph"]


CHILDREN = {
    f"{name}_{precision}": partial(measure, of, precision)
    for name, of in (("sersic", sersic_of), ("cas", cas_of))
    for precision in PRECISIONS
}
CHILDREN |= {"astropy": measure_astropy, "statmorph": measure_statmorph}


def compare(ms):
    """Ratios to the whole calls of the networks, and the goals."""
    largest = str(BATCHES[-1])
    forward = {
        name: ms[name]["batches"][largest]["forward"]
        for name in ms
        if name not in GAINS
    }
    claims = {
        f"{name}_at_most_{LARGEST_MS}_ms": value <= LARGEST_MS
        for name, value in forward.items()
    }
    both, faster = {}, {}
    for name, value in forward.items():
        model, _, precision = name.rpartition("_")
        cas = f"cas_{precision}"
        if model == "cas" or cas not in forward:
            continue
        key = precision if model == "sersic" else name
        both[key] = value + forward[cas]
        claims[f"both_{key}_at_most_{LARGEST_MS_OF_BOTH}_ms"] = (
            both[key] <= LARGEST_MS_OF_BOTH
        )
    for peer, (kind, gain) in GAINS.items():
        for name in forward if peer in ms else ():
            if name.startswith("cas_") != (kind == "cas"):
                continue
            ratio = ms[peer] / ms[name]["batches"][largest]["call"]
            faster[f"{name}_than_{peer}"] = ratio
            claims[f"{name}_{gain}_times_faster_than_{peer}"] = ratio >= gain
    return {"forward_of_both": both, "times_faster": faster, "claims": claims}


def report(result):
    """Print milliseconds, ratios and claims."""
    print(f"{'ms a galaxy in batches of':26s}" + "".join(f"{b:18d}" for b in BATCHES))
    for name, found in result["ms"].items():
        if name in GAINS:
            print(f"{name:26s}{found:18.2f}")
            continue
        cells = [
            f"{pair['forward']:8.3f} /{pair['call']:8.3f}"
            for pair in found["batches"].values()
        ]
        limit = f"   limit {found['limit']:.3f} ({found['mega_operations']:.1f} MFLOP)"
        print(f"{name:26s}" + "".join(cells) + limit)
    for key in ("forward_of_both", "times_faster", "claims", "not_run"):
        print(key, result[key])


if __name__ == "__main__":
    main()
