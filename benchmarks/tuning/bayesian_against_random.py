# Licensed under a 3-clause BSD style license - see LICENSE
"""
The Bayesian search against a random one: the best network after as many trials.

Both search the same space with the same seeds. Every trial is the training of a
network, none is looked up. So that hundreds of them are affordable, the space is the
paper's with fewer filters and small dense layers, stamps are averaged over blocks of
2 x 2 pixels, and sets are small:

    python benchmarks/tuning/bayesian_against_random.py --figures docs/_static

A killed run goes on by the same command.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from common import provenance, write_result

METHODS = ("bayesian", "random")
QUANTITY = {"casnet_a": "asymmetry", "casnet_c": "concentration"}
DATA_SEED = 1
VALIDATION = 1_000_003
# Some galaxies fail the paper's selection.
SPARE = 1.25
QUARTILES = (0.25, 0.5, 0.75)


def main():
    """Run all searches and compare them."""
    arguments = parse_arguments()
    arguments.directory.mkdir(parents=True, exist_ok=True)
    space = small_space(arguments)
    data = small_data(arguments)
    tables = {method: [] for method in METHODS}
    for place, seed in enumerate(arguments.seeds):
        for method in METHODS:
            start = time.perf_counter()
            table = search(space, data, method, seed, arguments)
            tables[method].append(table)
            print(
                f"seed {seed} ({place + 1} of {len(arguments.seeds)}), {method}: best "
                f"{np.nanmin(table['score']):.4f}, {time.perf_counter() - start:.0f} s",
                flush=True,
            )
    result = provenance(arguments.seeds, **settings(arguments, data, space))
    result |= summary(tables)
    report(result)
    if arguments.figures:
        draw(tables, Path(arguments.figures))
    write_result("tuning_bayesian_against_random", result, arguments.output)


def parse_arguments():
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--trials", type=int, default=30)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    parser.add_argument("--number", type=int, default=2000, help="stamps to train on")
    parser.add_argument("--epochs", type=int, default=12, help="at most")
    parser.add_argument("--patience", type=int, default=4)
    parser.add_argument("--max-mflop", type=float, default=4.0)
    parser.add_argument("--network", choices=QUANTITY, default="casnet_c")
    parser.add_argument(
        "--directory", type=Path, default=Path("runs/bayesian_against_random"),
        help="keeps stamps and searches",
    )  # fmt: skip
    parser.add_argument("--library", help="keeps noise-free galaxies")
    parser.add_argument("--output", help="folder of the JSON file")
    parser.add_argument("--figures", help="folder to draw in")
    return parser.parse_args()


def small_space(arguments):
    """The paper's space with networks that train in seconds."""
    from astro_cnnfit.tuning import Choice, Integer, read_space

    return read_space("casnet", architecture=arguments.network).replace(
        name="small",
        blocks=Integer(1, 2),
        filters=Choice(4, 8, 16),
        dense_units=Choice(32, 64, 128, 256),
        batch_size=Choice(32, 64, 128, 256),
    )


def small_data(arguments):
    """
    Procedural galaxies on noise, as CASNET sees them, at half the sampling.

    Returns
    -------
    `~astro_cnnfit.tuning.TuningData`
    """
    from astro_cnnfit.morphology.casnet_data import draw_casnet
    from astro_cnnfit.morphology.library import draw_library
    from astro_cnnfit.tuning import TuningData

    parts = []
    for part, number, seed in (
        ("train", arguments.number, DATA_SEED),
        ("held_out", max(arguments.number // 3, 2), DATA_SEED + VALIDATION),
    ):
        drawn_number = round(SPARE * number)
        galaxies = draw_library(
            drawn_number, part, {"procedural": 1.0}, DATA_SEED,
            arguments.library or arguments.directory / "galaxies", progress_bar=True,
        )  # fmt: skip
        drawn = draw_casnet(
            galaxies, drawn_number, seed, arguments.directory / "stamps",
            progress_bar=True,
        )  # fmt: skip
        values = drawn.measured[QUANTITY[arguments.network]]
        parts.append((halved(drawn.stamps[:number]), values[:number]))
    return TuningData(*parts)


def halved(stamps):
    """
    Average over blocks of 2 x 2 pixels.

    Parameters
    ----------
    stamps : `~numpy.ndarray`
        (N, size, size), the size even.

    Returns
    -------
    `~numpy.ndarray`
        (N, size / 2, size / 2) float32.
    """
    number, size = len(stamps), stamps.shape[1] // 2
    blocks = stamps.astype(np.float32).reshape(number, size, 2, size, 2)
    return blocks.mean(axis=(2, 4))


def search(space, data, method, seed, arguments):
    """
    Search, or read what was found before.

    Returns
    -------
    `~astropy.table.QTable`
        A row a trial.
    """
    from astro_cnnfit.tuning import BayesianHyperparameterSearch

    one = BayesianHyperparameterSearch(
        space, max_trials=arguments.trials, seed=seed, method=method,
        directory=arguments.directory / f"{method}-{seed}", epochs=arguments.epochs,
        patience=arguments.patience, max_mflop=arguments.max_mflop, progress_bar=True,
    )  # fmt: skip
    one.search(data)
    return one.results


def settings(arguments, data, space):
    """What the run depended on, as plain values."""
    shown = ("trials", "epochs", "patience", "max_mflop", "network")
    spread = {
        name: float(np.std(getattr(data, name)[1])) for name in ("train", "validation")
    }
    return {
        **{name: getattr(arguments, name) for name in shown},
        "train": len(data.train[1]),
        "validation": len(data.validation[1]),
        "stamp_size": data.sizes[0],
        "spread_of_truth": spread,
        "space": space.as_dict()["dimensions"],
    }


def summary(tables):
    """
    Curves of the best so far, and how they compare.

    Parameters
    ----------
    tables : dict of list
        Results by method, a table a seed in one order.

    Returns
    -------
    dict
        ``curves`` by method: each seed's, with the quartiles over seeds; ``compared``
        after 5, 10, ... trials; ``lower``: numbers of trials at which the Bayesian
        median is the lower, the higher, or equal; ``gain``: mean over the trials that
        differ of the logarithm of random to Bayesian score, with its error over
        seeds; ``trials``: how many ended how, and what they cost.
    """
    curves = best_curves(tables)
    medians = {method: np.nanmedian(own, axis=0) for method, own in curves.items()}
    difference = medians["bayesian"] - medians["random"]
    last = len(difference)
    steps = [*range(5, last, 5), last]
    ratio = np.log(curves["random"] / curves["bayesian"])
    gains = np.nanmean(ratio[:, min(random_trials(tables), last - 1) :], axis=1)
    return {
        "curves": {
            method: {
                "seeds": own,
                "quartiles": np.nanquantile(own, QUARTILES, axis=0),
            }
            for method, own in curves.items()
        },
        "compared": [compared(curves, step) for step in steps],
        "lower": {
            "lower": int(np.sum(difference < 0)),
            "equal": int(np.sum(difference == 0)),
            "higher": int(np.sum(difference > 0)),
            "lower_from": first_for_good(difference < 0),
        },
        "gain": {
            "mean": gains.mean(),
            "error": gains.std(ddof=1) / np.sqrt(len(gains))
            if len(gains) > 1
            else None,
            "seeds": gains,
        },
        "random_trials": random_trials(tables),
        "trials": {method: costs(own) for method, own in tables.items()},
    }


def random_trials(tables):
    """Trials at the beginning, which are the same in both methods."""
    return max(table.meta["initial_points"] for table in tables["bayesian"])


def best_curves(tables):
    """Best scores after each number of trained networks, (seeds, trials) by method."""
    from astro_cnnfit.tuning.ranking import best_so_far

    found = {
        method: [best_so_far(table) for table in own] for method, own in tables.items()
    }
    length = min(len(curve) for own in found.values() for curve in own)
    return {
        method: np.array([curve[:length] for curve in own])
        for method, own in found.items()
    }


def compared(curves, trials):
    """Medians with quartiles after so many trials, and how many seeds agree."""
    found = {method: own[:, trials - 1] for method, own in curves.items()}
    return {
        "trials": trials,
        **{
            method: np.nanquantile(values, QUARTILES)
            for method, values in found.items()
        },
        "seeds_lower": int(np.sum(found["bayesian"] < found["random"])),
        "seeds": len(found["random"]),
    }


def first_for_good(lower):
    """Number of trials from which on all are lower, None where there is none."""
    higher = np.flatnonzero(~lower)
    first = higher[-1] + 2 if len(higher) else 1
    return int(first) if first <= len(lower) else None


def costs(tables):
    """How the trials of one method ended, and their time."""
    status = [str(value) for table in tables for value in table["status"]]
    seconds = np.concatenate([table["seconds"].value for table in tables])
    trained = np.array(status) != "refused"
    return {
        **{name: status.count(name) for name in ("completed", "failed", "refused")},
        "seconds_a_trial": float(np.nanmean(seconds[trained])),
        "seconds": float(np.nansum(seconds)),
    }


def report(result):
    """Print what was found."""
    for row in result["compared"]:
        cells = "  ".join(
            f"{method} {row[method][1]:.4f} ({row[method][0]:.4f} to "
            f"{row[method][2]:.4f})"
            for method in METHODS
        )
        print(
            f"{row['trials']:3d} trials: {cells}; Bayesian lower in "
            f"{row['seeds_lower']} of {row['seeds']} seeds"
        )
    print(result["lower"], result["gain"], result["trials"])


def draw(tables, folder):
    """Draw the curves."""
    from matplotlib.figure import Figure

    from astro_cnnfit.tuning.plots import plot_best_so_far

    figure = Figure(figsize=(6.5, 4.2), layout="constrained")
    named = {"Bayesian": tables["bayesian"], "random": tables["random"]}
    plot_best_so_far(named, axes=figure.subplots())
    folder.mkdir(parents=True, exist_ok=True)
    figure.savefig(folder / "tuning_bayesian_against_random.png", dpi=120)


if __name__ == "__main__":
    main()
