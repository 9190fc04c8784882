# Licensed under a 3-clause BSD style license - see LICENSE
"""
What correlated noise, a wrong sky and neighbours do to C and A.

The same galaxies are seen with white noise, with noise whose neighbouring pixels go
together, with a sky that is wrong by a tenth of the noise of a pixel, and with one to
three neighbours: replaced by sky where they are brighter than the galaxy (as with a
good segmentation map), left in, or left in and then cleaned as Tohill et al. (2021)
do, with galclean's steps. ``network`` and ``combined`` are calls of the measurer, which
finds sky and neighbours itself; ``bare``, the network alone, takes the stamps as they
are.

    python benchmarks/accuracy/cas_conditions.py
"""

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from cas_galaxies import SEED, draw_galaxies, expose, kinds_at_hand
from cas_methods import load_methods, measure_all
from cas_statistics import QUANTITIES, summary
from common import provenance, write_result

from astro_cnnfit.morphology.cleaning import clean_neighbours
from astro_cnnfit.simulation.observe_galaxies import IDEAL

BINS = {"2-5": (2.0, 5.0), "5-20": (5.0, 20.0)}
SHOWN = ("concentration", "asymmetry")
CROWDED = IDEAL._replace(neighbours=1.0)


def _plain(stamps):
    return stamps


def _moved_sky(step):
    return lambda stamps: stamps + np.float32(step)


def _cleaned(stamps):
    return clean_neighbours(stamps).stamps


def _correlated(weight):
    return IDEAL._replace(correlated=1.0, correlation=(weight, weight))


CASES = {
    "white noise": (IDEAL, _plain),
    "correlated noise, weight 0.2": (_correlated(0.2), _plain),
    "correlated noise, weight 0.5": (_correlated(0.5), _plain),
    "sky too high by 0.1 noises": (IDEAL, _moved_sky(0.1)),
    "sky too low by 0.1 noises": (IDEAL, _moved_sky(-0.1)),
    "neighbours, replaced": (CROWDED, _plain),
    "neighbours, left in": (CROWDED._replace(left_in=1.0), _plain),
    "neighbours, galclean": (CROWDED._replace(left_in=1.0), _cleaned),
}
"""What there is besides the galaxy, and what is done to the stamps after that."""


def main():
    """Run all cases."""
    arguments = parse_arguments()
    methods, not_run = load_methods(arguments.methods, arguments.networks, clean=True)
    result = provenance(arguments.seed, number=arguments.number)
    result |= {"not_run": not_run, "sets": {}}
    for kind in kinds_at_hand():
        galaxies, _ = draw_galaxies(kind, arguments.number, arguments.seed)
        result["sets"][kind] = {
            case: {
                name: measure(galaxies, snr, *how, methods, arguments.seed)
                for name, snr in BINS.items()
            }
            for case, how in CASES.items()
        }
        report(kind, result["sets"][kind])
    write_result("cas_conditions", result, arguments.output)


def parse_arguments():
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument(
        "--number", type=int, default=250, help="galaxies of each kind, bin and case"
    )
    parser.add_argument(
        "--methods",
        nargs="+",
        default=("network", "bare", "combined", "tohill2021"),
    )
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--networks", help="folder of networks instead of the bundled")
    parser.add_argument("--output", help="folder of the JSON file")
    return parser.parse_args()


def measure(galaxies, snr, conditions, change, methods, seed):
    """Figures of every method in one case and bin."""
    seen = expose(galaxies, snr, np.random.default_rng(seed), conditions)
    found = measure_all(methods, change(seen.stamps))
    rng = np.random.default_rng(seed)
    return {
        method: {
            name: summary(
                own.values[name], own.errors[name],
                seen.labels[:, QUANTITIES.index(name)], galaxies.sources, rng,
            )
            for name in SHOWN
        }
        for method, own in found.items()
    }  # fmt: skip


def report(kind, cases):
    """Print bias, scatter and coverage."""
    print(f"\n{kind}")
    for case, bins in cases.items():
        for name, methods in bins.items():
            for method, found in methods.items():
                line = f"{case:32s}{name:6s}{method:12s}"
                for quantity in SHOWN:
                    own = found[quantity]
                    line += f"{own['bias']:+8.3f}{own['nmad']:7.3f}"
                    line += f"{own.get('68%', np.nan):6.2f}"
                print(line)


if __name__ == "__main__":
    main()
