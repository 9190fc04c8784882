# Licensed under a 3-clause BSD style license - see LICENSE
"""
Networks against the classical code: Figures 5 and 6 of Tohill et al. (2021).

On noisy galaxies of the paper's selection (S/N per pixel above 2 and a median of 4.5,
Petrosian radius above 5 pixels) the values of networks are compared with those of the
classical code on the same stamp, as the paper does, and both with the truth, which
the paper does not know. Half are procedural, half from real sources that training
never saw.

    python benchmarks/accuracy/cas_paper_figures.py --figures docs/_static
"""

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from cas_galaxies import SEED, draw_galaxies, expose, kinds_at_hand
from cas_methods import load_methods, measure_all
from cas_statistics import QUANTITIES, statistics
from common import provenance, write_result

SNR = (2.0, 10.0)
SHOWN = ("concentration", "asymmetry")
NETWORKS = ("casnet", "network", "combined")
DRAWN = (
    *(("network", "tohill2021"), ("casnet", "tohill2021"), ("tohill2021", "truth")),
    *(("network", "truth"), ("combined", "truth")),
)
PAPER = {
    "concentration": {"mae": 0.15, "rmse": 0.21, "r": 0.75},
    "asymmetry": {"mae": 0.045, "rmse": 0.065, "r": 0.76},
}


def main():
    """Run the comparison."""
    arguments = parse_arguments()
    methods, not_run = load_methods((*NETWORKS, "tohill2021"), arguments.networks)
    values = measure(methods, arguments)
    result = provenance(arguments.seed, number=arguments.number, snr=SNR)
    result |= {"not_run": not_run, "paper": PAPER, "pairs": {}}
    for name in SHOWN:
        result["pairs"][name] = {
            f"{first} against {second}": agreement(
                values[name][first], values[name][second]
            )
            for first, second in pairs(values[name])
        }
    report(result)
    if arguments.figures:
        draw(values, Path(arguments.figures))
    write_result("cas_paper_figures", result, arguments.output)


def parse_arguments():
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--number", type=int, default=1500, help="galaxies")
    parser.add_argument("--seed", type=int, default=SEED + 2)
    parser.add_argument("--networks", help="folder of networks instead of the bundled")
    parser.add_argument("--output", help="folder of the JSON file")
    parser.add_argument("--figures", help="folder to draw in")
    return parser.parse_args()


def measure(methods, arguments):
    """By quantity and method, (N,) values; ``truth`` is one of the methods."""
    rng = np.random.default_rng(arguments.seed)
    kinds = kinds_at_hand()
    parts = []
    for kind in kinds:
        number = arguments.number // len(kinds)
        galaxies, _ = draw_galaxies(kind, number, arguments.seed)
        seen = expose(galaxies, SNR, rng)
        found = measure_all(methods, seen.stamps)
        parts.append((seen.labels, found))
    values = {}
    for name in SHOWN:
        place = QUANTITIES.index(name)
        values[name] = {"truth": np.concatenate([part[0][:, place] for part in parts])}
        for method in methods:
            columns = [found[method].values[name] for _, found in parts]
            values[name][method] = np.concatenate(columns)
    return values


def pairs(methods):
    """Networks against the classical code, and everything against the truth."""
    networks = [name for name in NETWORKS if name in methods]
    against = [(name, "tohill2021") for name in networks if "tohill2021" in methods]
    return against + [(name, "truth") for name in methods if name != "truth"]


def agreement(first, second):
    """
    The paper's figures of two sets of values.

    Parameters
    ----------
    first, second : `~numpy.ndarray`
        (N,); rows in which one is NaN are left out.

    Returns
    -------
    dict
        ``count``, ``mae``, ``rmse``, ``r`` (Pearson's) and ``bias``.
    """
    good = np.isfinite(first) & np.isfinite(second)
    first, second = first[good], second[good]
    found = statistics(first - second)
    r = np.corrcoef(first, second)[0, 1] if good.sum() > 2 else np.nan
    kept = {key: found[key] for key in ("mae", "rmse", "bias")}
    return {"count": int(good.sum()), "r": r, **kept}


def report(result):
    """Print the figures."""
    for name, own in result["pairs"].items():
        print(f"\n{name}; the paper's: {PAPER[name]}")
        for pair, found in own.items():
            print(f"{pair:34s}MAE {found['mae']:.3f}  RMSE {found['rmse']:.3f}  "
                  f"r {found['r']:.3f}  bias {found['bias']:+.3f}")  # fmt: skip


def draw(values, folder):
    """Draw networks against the classical code and all against the truth."""
    from cas_figures import draw_comparison

    folder.mkdir(parents=True, exist_ok=True)
    panels = []
    for first, second in DRAWN:
        if first in values[SHOWN[0]] and second in values[SHOWN[0]]:
            for name in SHOWN:
                letter = name[0].upper()
                own = values[name]
                panels.append((f"{letter}", second, own[second], first, own[first]))
    if panels:
        draw_comparison(panels, folder / "cas_paper_figures.png")


if __name__ == "__main__":
    main()
