# Licensed under a 3-clause BSD style license - see LICENSE
"""
Concentration, asymmetry and their kin of noisy galaxies, by all methods at once.

The truth is what the classical reference measures on the noise-free stamp. Noise is
white and neighbours are absent here (see ``cas_conditions.py``). Galaxies have a
Petrosian radius above 5 pixels; every galaxy is seen once in every bin of the S/N.
Procedural galaxies come from a seed and real ones from sources that training never
uses; errors of figures are from a bootstrap over the sources.

    python benchmarks/accuracy/cas_accuracy.py --figures docs/_static

``network`` is `CNNCASMeasurer` with the network alone, ``combined`` what it does by
default, ``bare`` the network told of sky and noise, ``tohill2021`` the classical
reference, ``statmorph`` the package of that name, on the first of the stamps only (a
second row compares it with what its own definition gives without noise), ``casnet``
the two networks of Tohill et al. (2021), ``casnet_tuned`` those that a search for
hyperparameters found (``benchmarks/tuning``), and ``reg`` a cubic ridge regression on
five outputs of ``tohill2021``, trained on noisy galaxies with noise-free truth as the
networks are. Real galaxies are found through ``ASTRO_CNNFIT_TEST_DATA`` and left out
without it.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from cas_galaxies import SEED, draw_galaxies, expose, kinds_at_hand
from cas_goals import check_goals
from cas_methods import METHODS, load_methods, measure_all, train_regression
from cas_statistics import BINS, QUANTITIES, pairwise_better, statistics, summary
from common import provenance, write_result

from astro_cnnfit.morphology.classical import measure_stamps
from astro_cnnfit.morphology.library import learnable

# Around the bins of the goals, to see where it ends.
ALL_BINS = {"1.5-2": (1.5, 2.0), **BINS, "20-100": (20.0, 100.0)}
OWN = ("network", "combined")
SHOWN_OF_OTHERS = ("network", "combined", "tohill2021")
OTHERS = ("tohill2021", "statmorph", "casnet", "casnet_tuned", "reg")
# Of the truth: a third of the procedural galaxies lies above the first, two nuclei
# or more above the second; of the real ones 4 % and almost none.
PARTS_OF_A = {"A < 0.35": (-1, 0.35), "0.35-0.6": (0.35, 0.6), "A > 0.6": (0.6, 9)}
# Its figures against what statmorph's definition gives without noise.
OWN_DEFINITION = "statmorph, own definition"


def main():
    """Run the benchmark."""
    arguments = parse_arguments()
    methods, not_run = load_methods(arguments.methods, arguments.networks)
    if "tohill2021" in methods and arguments.regression:
        methods["reg"] = train_regression(arguments.regression)
    limits = {"statmorph": arguments.statmorph}
    result = provenance(
        arguments.seed,
        number=arguments.number,
        outer=arguments.outer,
        statmorph=arguments.statmorph,
        regression=arguments.regression,
    ) | {"not_run": not_run}
    result |= {
        part: {} for part in ("sets", "left_out", "sources", "others", "by_asymmetry")
    }
    kept = {}
    for kind in kinds_at_hand():
        galaxies, left_out = draw_galaxies(kind, arguments.number, arguments.seed)
        result["left_out"][kind] = left_out
        result["others"][kind] = measure_others(kind, methods, limits, arguments)
        result["sources"][kind] = len(np.unique(galaxies.sources))
        kept[kind] = measure_bins(galaxies, methods, limits, arguments)
        truth = statmorph_truth(galaxies.stamps[: arguments.statmorph])
        result["sets"][kind] = {
            name: summarise(*own, galaxies.sources[: len(own[0])], truth, arguments)
            for name, own in kept[kind].items()
        }
        result["by_asymmetry"][kind] = {
            name: by_asymmetry(*kept[kind][name]) for name in BINS
        }
    result["goals"] = check_goals(result["sets"], OWN)
    report(result)
    if arguments.figures:
        draw(kept, Path(arguments.figures))
    write_result("cas_accuracy", result, arguments.output)


def parse_arguments():
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument(
        "--number", type=int, default=1000, help="galaxies of each kind and bin"
    )
    parser.add_argument(
        "--outer", type=int, default=250, help="of them, in bins that have no goals"
    )
    parser.add_argument(
        "--statmorph", type=int, default=100, help="stamps a bin that it measures"
    )
    parser.add_argument(
        "--regression", type=int, default=1500,
        help="galaxies of each kind that 'reg' learns from; 0 to leave it out",
    )  # fmt: skip
    parser.add_argument("--methods", nargs="+", default=tuple(METHODS))
    parser.add_argument("--bootstrap", type=int, default=100, help="draws of it")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--networks", help="folder of networks instead of the bundled")
    parser.add_argument("--output", help="folder of the JSON file")
    parser.add_argument("--figures", help="folder to draw in")
    return parser.parse_args()


def measure_bins(galaxies, methods, limits, arguments):
    """Truth and measurements of every galaxy in every bin; of fewer in outer bins."""
    found = {}
    for number, (name, snr) in enumerate(ALL_BINS.items()):
        own = galaxies.take(slice(None if name in BINS else arguments.outer))
        seen = expose(own, snr, np.random.default_rng([arguments.seed, number]))
        start = time.perf_counter()
        found[name] = seen.labels, measure_all(methods, seen.stamps, limits)
        print(f"S/N {name}: {time.perf_counter() - start:.0f} s", flush=True)
    return found


def measure_others(kind, methods, limits, arguments):
    """A and C of what was left out, at S/N 5 to 10: what comes of systems in parts."""
    galaxies, _ = draw_galaxies(
        kind, 4 * arguments.outer, arguments.seed + 1, whole=False
    )
    own = galaxies.take(~learnable(galaxies.stamps, galaxies.labels))
    own = own.take(slice(arguments.outer))
    few = {name: methods[name] for name in SHOWN_OF_OTHERS if name in methods}
    if len(own.labels) < 10 or not few:
        return {}
    seen = expose(own, BINS["5-10"], np.random.default_rng(arguments.seed))
    found = measure_all(few, seen.stamps, limits)
    return summarise(seen.labels, found, own.sources, {}, arguments)


def statmorph_truth(stamps):
    """What statmorph's definition gives without noise, by the classical reference."""
    return measure_stamps(stamps, definition="statmorph")


def summarise(labels, found, sources, truth, arguments):
    """Figures of every method and quantity in one bin."""
    result = {"count": len(labels), "methods": {}}
    true = {name: labels[:, place] for place, name in enumerate(QUANTITIES)}
    for method, own in found.items():
        # What a slow method was not given is not missing.
        limit = arguments.statmorph if method == "statmorph" else len(labels)
        parts = true, sources, slice(min(limit, len(labels)))
        result["methods"][method] = _figures(own, *parts, arguments)
        if method == "statmorph":
            figures = _figures(own, truth, *parts[1:], arguments)
            result["methods"][OWN_DEFINITION] = figures
    result["better"] = {
        own: {
            other: {
                name: pairwise_better(
                    found[own].values[name], values.values[name], true[name], name
                )
                for name in QUANTITIES
            }
            for other, values in found.items()
            if other in OTHERS
        }
        for own in OWN
        if own in found
    }
    return result


def by_asymmetry(labels, found):
    """Errors of A and C by how asymmetric the galaxies are."""
    true = {name: labels[:, place] for place, name in enumerate(QUANTITIES)}
    result = {}
    for part, (low, high) in PARTS_OF_A.items():
        rows = (true["asymmetry"] > low) & (true["asymmetry"] <= high)
        result[part] = {"count": int(rows.sum())} | {
            method: {
                name: statistics(_finite(found[method].values[name] - true[name], rows))
                for name in ("asymmetry", "concentration")
            }
            for method in SHOWN_OF_OTHERS
            if method in found
        }
    return result


def _finite(difference, rows):
    return difference[rows & np.isfinite(difference)]


def _figures(own, true, sources, rows, arguments):
    """Figures of one method, by quantity."""
    rng = np.random.default_rng(arguments.seed)
    return {
        name: summary(
            own.values[name][rows], own.errors[name][rows], true[name][rows],
            sources[rows], rng, arguments.bootstrap,
        )
        for name in QUANTITIES
        if np.isfinite(own.values[name]).any()
    }  # fmt: skip


def report(result):
    """Print the figures that the goals are about."""
    for kind, bins in result["sets"].items():
        print(f"\n{kind}, left out: {result['left_out'][kind]}")
        print("S/N     method         A std    bias    >0.1   68%  C nmad    bias   68%"
              " missing")  # fmt: skip
        for name, own in bins.items():
            for method, found in own["methods"].items():
                print(f"{name:8s}{method[:11]:12s}" + _line(found))
    for own, goals in result["goals"].items():
        failed = [goal["goal"] for goal in goals if not goal["met"]]
        print(f"\n{own}: {len(goals) - len(failed)} of {len(goals)} goals met")
        print("\n".join(f"  not: {goal}" for goal in failed))


def _line(found):
    a, c = (found.get(name, {}) for name in ("asymmetry", "concentration"))
    nan = float("nan")
    return (
        f"{a.get('std', nan):8.4f}{a.get('bias', nan):+8.4f}{a.get('large', nan):8.4f}"
        f"{a.get('68%', nan):6.2f}{c.get('nmad', nan):8.4f}{c.get('bias', nan):+8.4f}"
        f"{c.get('68%', nan):6.2f}{a.get('missing', nan):8.4f}"
    )


def draw(kept, folder):
    """Draw scatter and bias of A and C against the S/N."""
    from cas_figures import draw_scatter_and_bias

    folder.mkdir(parents=True, exist_ok=True)
    draw_scatter_and_bias(kept, ALL_BINS, folder / "cas_accuracy.png")


if __name__ == "__main__":
    main()
