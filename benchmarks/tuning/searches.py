# Licensed under a 3-clause BSD style license - see LICENSE
"""
What a search of ``astro-cnnfit tune`` found, for the documentation.

    python benchmarks/tuning/searches.py casnet_a runs/tune_a/search \
        --figures docs/_static --conclusion "..."

The conclusion is a sentence on what came of it: whether the optimum took the place of
the bundled network, and if not, why.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from common import provenance, write_result

SETTINGS = ("objective", "epochs", "patience", "executions_per_trial", "method", "seed")

STATUS = ("completed", "failed", "refused")


def main():
    """Write what was found."""
    from astro_cnnfit.tuning import read_results
    from astro_cnnfit.tuning.repetition import read_default, read_repetitions

    arguments = parse_arguments()
    results = read_results(arguments.directory)
    result = collect(
        results,
        read_repetitions(arguments.directory),
        read_default(arguments.directory),
    )
    if arguments.conclusion:
        result["conclusion"] = arguments.conclusion
    if arguments.figures:
        draw(results, arguments.name, Path(arguments.figures))
    write_result(f"tuning_{arguments.name}", result, arguments.output)


def parse_arguments():
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("name", help="of the search in the documentation")
    parser.add_argument("directory", help="where it lies")
    parser.add_argument("--conclusion", help="what came of it, in a sentence")
    parser.add_argument("--output", help="folder of the JSON file")
    parser.add_argument("--figures", help="folder to draw in")
    return parser.parse_args()


def collect(results, repetitions=None, default=None):
    """
    The report as plain values.

    Parameters
    ----------
    results : `~astropy.table.QTable`
        A row a trial.
    repetitions : `~numpy.ndarray`, optional
        Scores of the optimum trained again.
    default : `~astro_cnnfit.tuning.repetition.DefaultNetwork`, optional
        What the default network scores.

    Returns
    -------
    dict
        ``trials``, how many ended how; ``optimum``, ``best``, ``pareto`` and
        ``importance``, a dictionary a row; ``robustness``; ``hours`` of training.
    """
    from astro_cnnfit.tuning.robustness import robustness
    from astro_cnnfit.tuning.tables import best_table, front_table, optimum_table

    own = {name: results.meta[name] for name in SETTINGS if name in results.meta}
    status = [str(value) for value in results["status"]]
    found = robustness(results, repetitions=repetitions)
    return {
        **provenance(own.pop("seed", None), **own),
        "trials": {name: status.count(name) for name in STATUS},
        "hours": np.nansum(results["seconds"].to_value("h")),
        "optimum": rows(optimum_table(results)),
        "best": rows(best_table(results)),
        "pareto": rows(front_table(results)),
        "importance": rows(importance(results)),
        "repetitions": repetitions,
        "default": None if default is None else default._asdict(),
        "robustness": {**found._asdict(), "robust": found.robust, "text": found.text},
    }


def importance(results):
    """Importance to two digits, None where too little is known."""
    from astro_cnnfit.tuning.importance import FEWEST, hyperparameter_importance
    from astro_cnnfit.tuning.ranking import is_completed

    if is_completed(results).sum() < FEWEST:
        return None
    table = hyperparameter_importance(results)
    both = zip(table["importance"], table["importance_err"], strict=True)
    table["importance"] = [f"{value:.2f} ± {err:.2f}" for value, err in both]
    return table["hyperparameter", "importance"]


def rows(table):
    """A table as dictionaries."""
    if table is None:
        return None
    return [
        {name: str(row[name]).replace("_", " ") for name in table.colnames}
        for row in table
    ]


def draw(results, name, folder):
    """Draw importance and Pareto front."""
    from matplotlib.figure import Figure

    from astro_cnnfit.tuning import plots

    folder.mkdir(parents=True, exist_ok=True)
    for kind in ("importance", "pareto", "best_so_far"):
        figure = Figure(figsize=(6, 4), layout="constrained")
        try:
            getattr(plots, f"plot_{kind}")(results, axes=figure.subplots())
        except ValueError as error:
            print(f"no figure of {kind}: {error}")
            continue
        figure.savefig(folder / f"tuning_{name}_{kind}.png", dpi=120)


if __name__ == "__main__":
    main()
