# Licensed under a 3-clause BSD style license - see LICENSE
"""
The noise experiment of Tohill et al. (2021), Section 4.2 and Figures 7 to 10.

As in the paper, galaxies with S/N per pixel above 10 are chosen whose asymmetry
network and classical code agree on (to 0.01); each is made fainter and put on new
white noise such that its S/N is 10, 9, ... 2, and the deviation from what the same
method measured at S/N 10 is followed. Beside it, the same for galaxies that are not
chosen by agreement, and the deviation from the truth, which the paper did not know.

    python benchmarks/accuracy/cas_noise.py --figures docs/_static

Half of the galaxies are procedural, half from real sources that training never saw.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from cas_galaxies import SEED, draw_galaxies, expose, kinds_at_hand
from cas_methods import load_methods, measure_all
from cas_statistics import QUANTITIES
from common import provenance, write_result

TARGETS = (10.0, 9.0, 8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.5, 2.0)
"""S/N per pixel; the first is what the others are compared with."""
FIRST = (12.0, 40.0)
SHOWN = ("asymmetry", "concentration")
AGREEMENT = 0.01
PAPER = {
    "asymmetry": {
        "casnet": {"scatter": 0.025, "bias_at_3": 0.016, "catastrophic": 0.033},
        "tohill2021": {"scatter": 0.037, "bias_at_3": 0.028, "catastrophic": 0.043},
    },
    "concentration": {"casnet": {"scatter": 0.04}, "tohill2021": {"scatter": 0.07}},
}
"""Their network and their classical code, Morfometryka."""


def main():
    """Run the experiment."""
    arguments = parse_arguments()
    methods, not_run = load_methods(arguments.methods, arguments.networks)
    stamps, labels, snr, sources = originals(arguments)
    groups = choose(stamps, methods, arguments.number)
    rows = np.unique(np.concatenate(list(groups.values())))
    values = degrade(stamps[rows], snr[rows], methods, arguments.seed)
    result = provenance(arguments.seed, number=arguments.number, pool=arguments.pool)
    result |= {"not_run": not_run, "targets": TARGETS, "paper": PAPER, "groups": {}}
    for group, chosen in groups.items():
        own = np.searchsorted(rows, chosen)
        result["groups"][group] = {
            "count": len(chosen),
            "sources": len(np.unique(sources[chosen])),
            "methods": {
                method: {
                    name: figures(found[:, own], labels[chosen, QUANTITIES.index(name)])
                    for name, found in by_quantity.items()
                }
                for method, by_quantity in values.items()
            },
        }
    result["below_paper"] = below_paper(result["groups"])
    report(result)
    if arguments.figures:
        draw(values, np.searchsorted(rows, groups["agreeing"]), arguments.figures)
    write_result("cas_noise", result, arguments.output)


def parse_arguments():
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument(
        "--number", type=int, default=600, help="galaxies that agree; half of it of all"
    )
    parser.add_argument(
        "--pool", type=int, default=2000, help="galaxies to choose from"
    )
    parser.add_argument(
        "--methods", nargs="+", default=("network", "combined", "tohill2021", "casnet")
    )
    parser.add_argument("--seed", type=int, default=SEED + 1)
    parser.add_argument("--networks", help="folder of networks instead of the bundled")
    parser.add_argument("--output", help="folder of the JSON file")
    parser.add_argument("--figures", help="folder to draw in")
    return parser.parse_args()


def originals(arguments):
    """Noisy stamps of high S/N, in random order of kinds."""
    rng = np.random.default_rng(arguments.seed)
    kinds = kinds_at_hand()
    parts = []
    for kind in kinds:
        galaxies, _ = draw_galaxies(kind, arguments.pool // len(kinds), arguments.seed)
        seen = expose(galaxies, FIRST, rng)
        parts.append((*seen, 10 ** galaxies_snr(seen), galaxies.sources))
    stamps, labels, snr, sources = (
        np.concatenate(part) for part in zip(*parts, strict=True)
    )
    order = rng.permutation(len(stamps))
    return stamps[order], labels[order], snr[order], sources[order]


def galaxies_snr(seen):
    """Logarithm of the S/N per pixel of observed galaxies."""
    from astro_cnnfit.measures import latent_index

    return seen.labels[:, latent_index("log_snr")]


def choose(stamps, methods, number):
    """Rows of galaxies on whose A two methods agree, and of the first, half as many."""
    pair = [name for name in ("network", "tohill2021") if name in methods]
    found = measure_all({name: methods[name] for name in pair}, stamps)
    asymmetry = [found[name].values["asymmetry"] for name in pair]
    agree = np.flatnonzero(np.abs(asymmetry[0] - asymmetry[-1]) < AGREEMENT)
    return {"agreeing": agree[:number], "all": np.arange(min(number // 2, len(stamps)))}


def degrade(stamps, snr, methods, seed):
    """
    Measure the galaxies at every S/N.

    Returns
    -------
    dict of dict
        By method and quantity, (targets, N).
    """
    rng = np.random.default_rng(seed)
    rows = []
    for target in TARGETS:
        found = measure_all(methods, fainter(stamps, snr, target, rng))
        rows.append(found)
        print(f"S/N {target:g}", flush=True)
    return {
        method: {
            name: np.stack([found[method].values[name] for found in rows])
            for name in SHOWN
        }
        for method in methods
    }


def fainter(stamps, snr, target, rng):
    """
    Galaxies made fainter on new noise.

    Parameters
    ----------
    stamps : `~numpy.ndarray`
        (N, ny, nx) with noise of 1.
    snr : `~numpy.ndarray`
        (N,) their S/N, above the target.
    target : float
        S/N for all of the noise: the new and what is left of the old.
    rng : `numpy.random.Generator`

    Returns
    -------
    `~numpy.ndarray`
        float32 stamps with noise of 1.
    """
    factor = target / np.sqrt(snr**2 - target**2)
    factor = factor[:, None, None].astype(np.float32)
    new = rng.standard_normal(stamps.shape, dtype=np.float32)
    return (factor * stamps + new) / np.sqrt(1 + factor**2)


def figures(values, true):
    """
    The paper's figures, and deviations from the truth.

    Parameters
    ----------
    values : `~numpy.ndarray`
        (targets, N)
    true : `~numpy.ndarray`
        (N,)

    Returns
    -------
    dict
        ``scatter``, averaged over S/N of 5 to 9, ``bias_at_3``, ``catastrophic``, the
        share beyond two standard deviations from the mean at those S/N; ``mean``,
        ``std`` and ``median`` of the deviation at each S/N; ``true_mean`` and
        ``true_std`` of that from the truth.
    """
    deviation, error = values - values[0], values - true
    mean, std = np.nanmean(deviation, axis=1), np.nanstd(deviation, axis=1)
    high = [i for i, target in enumerate(TARGETS) if i and target >= 5]
    with np.errstate(invalid="ignore", divide="ignore"):
        far = np.abs(deviation - mean[:, None]) / std[:, None] > 2
    measured = np.isfinite(deviation)
    return {
        "scatter": std[high].mean(),
        "bias_at_3": mean[TARGETS.index(3.0)],
        "catastrophic": np.sum(far[high]) / np.sum(measured[high]),
        "missing": 1 - measured.mean(),
        "mean": mean,
        "std": std,
        "median": np.nanmedian(deviation, axis=1),
        "true_mean": np.nanmean(error, axis=1),
        "true_std": np.nanstd(error, axis=1),
    }


def below_paper(groups):
    """Whether our figures are below those of the paper's network."""
    limits = {
        "scatter of A": ("asymmetry", "scatter", 0.025),
        "scatter of C": ("concentration", "scatter", 0.04),
        "bias of A at 3": ("asymmetry", "bias_at_3", 0.016),
    }
    return {
        group: {
            method: {
                text: bool(abs(found[quantity][figure]) < limit)
                for text, (quantity, figure, limit) in limits.items()
            }
            for method, found in own["methods"].items()
        }
        for group, own in groups.items()
    }


def report(result):
    """Print the paper's figures."""
    for group, own in result["groups"].items():
        print(f"\n{group}: {own['count']} galaxies")
        for name in SHOWN:
            for method, found in own["methods"].items():
                row = found[name]
                print(f"{name:15s}{method:12s}scatter {row['scatter']:.4f}  bias at 3 "
                      f"{row['bias_at_3']:+.4f}  catastrophic "
                      f"{row['catastrophic']:.3f}")  # fmt: skip
    print(result["below_paper"])


def draw(values, rows, folder):
    """Draw deviations against the S/N, as Figures 9 and 10."""
    from cas_figures import draw_against

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    deviations = {
        f"deviation of {name[0].upper()}": {
            method: (own[name] - own[name][0])[1:, rows]
            for method, own in values.items()
        }
        for name in SHOWN
    }
    path = folder / "cas_noise.png"
    draw_against(TARGETS[1:], deviations, path, "S/N per pixel")


if __name__ == "__main__":
    main()
