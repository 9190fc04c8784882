# Licensed under a 3-clause BSD style license - see LICENSE
"""Compare a network's measurements of simulated galaxies with the truth."""

from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.table import Table

from astro_cnnfit.keras_start import load_keras
from astro_cnnfit.parameters import NAMES
from astro_cnnfit.wording import counted

from .files import whole
from .measure import check_figure_path
from .report import say

__all__ = ["EXAMPLES", "add_arguments", "run"]

EXAMPLES = {
    "The default network beside the published ones, with a figure:":
        "astro-cnnfit evaluate --figure sersic.png",
    "A network of your own, on isolated galaxies:":
        "astro-cnnfit evaluate runs/mine -n 5000 --isolated",
    "On a data set of 'astro-cnnfit simulate', for a program:":
        "astro-cnnfit evaluate galnet2 --data galaxies.fits --json",
}  # fmt: skip

# Training takes small seeds: these scenes are new to every bundled network.
_SEED = 987_654_321


def add_arguments(parser):
    """Add the arguments of ``astro-cnnfit evaluate``."""
    parser.add_argument(
        "model",
        metavar="MODEL",
        nargs="?",
        default="sersic",
        help="name of a bundled network, or folder of a trained one "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--data",
        metavar="FILE",
        help="FITS data set that 'astro-cnnfit simulate' wrote; by default galaxies "
        "of the prior are simulated",
    )
    parser.add_argument(
        "--prior",
        metavar="PRIOR",
        default="table1",
        help="'table1', of Li et al. (2022), or 'wide' (default: %(default)s)",
    )
    parser.add_argument(
        "-n",
        "--number",
        type=int,
        default=2000,
        metavar="N",
        help="number of galaxies (default: %(default)s)",
    )
    parser.add_argument(
        "--seed",
        type=int,
        default=_SEED,
        metavar="N",
        help="of the galaxies (default: %(default)s)",
    )
    parser.add_argument(
        "--isolated", action="store_true", help="leave out the neighbours"
    )
    parser.add_argument(
        "--figure",
        metavar="FILE",
        help="figure of predicted against true values to write",
    )


def run(options):
    """Run ``astro-cnnfit evaluate``."""
    if options.figure is not None:
        check_figure_path(options.figure)
    if options.number < 1:
        raise ValueError(f"--number must be positive, got {options.number}")

    load_keras(options.debug)
    from astro_cnnfit import CNNSersicFitter
    from astro_cnnfit.evaluation import compare_with_published, sersic_summary
    from astro_cnnfit.simulation.priors import SKY_SIGMA, ZEROPOINT

    fitter = CNNSersicFitter(options.model, progress_bar=True)
    stamps, psfs, truth = _galaxies(options)
    fitter(stamps, psfs)
    measured = np.array([info["param_values"] for info in fitter.fit_info])
    true = np.column_stack([_plain(truth[name]) for name in NAMES])
    # From the first pixel to the centre of the stamp, as the paper counts.
    for params in (measured, true):
        params[:, :2] -= (stamps.shape[1] - 1) / 2
    known = np.isfinite(measured).all(axis=1)
    if not known.any():
        raise ValueError("--data must hold galaxies that can be measured, got none")
    # Stamps are in units of the sky noise.
    zeropoint = ZEROPOINT - 2.5 * np.log10(SKY_SIGMA)
    summary = sersic_summary(measured[known], true[known], zeropoint=zeropoint)
    name = Path(options.model).name
    say(f"{np.sum(known)} of {counted(len(known))}, beside Li et al. (2022), Table 2:")
    table = compare_with_published({name: summary})
    table.pprint(max_width=-1, max_lines=-1)
    if options.figure is not None:
        _draw(measured[known], true[known], zeropoint, name, options.figure)
        say(f"Figure: {options.figure}")
    numbers = {"galaxies": len(known), "measured": int(np.sum(known))}
    return {"model": name, **numbers, "figure": options.figure, "table": table}


def _galaxies(options):
    if options.data is None:
        from astro_cnnfit.simulation.dataset import simulate

        return simulate(
            options.number,
            options.prior,
            seed=options.seed,
            neighbours=not options.isolated,
            progress_bar=True,
        )
    path = Path(options.data)
    if not path.is_file():
        raise FileNotFoundError(f"--data {path}: no such file")
    try:
        with fits.open(path, memmap=False) as hdus:
            stamps, psfs = hdus["STAMPS"].data, hdus["PSFS"].data
            truth = Table.read(hdus["TRUTH"])
            missing = set(NAMES) - set(truth.colnames)
    except (OSError, KeyError, ValueError) as error:
        raise OSError(f"--data {path}: not a data set in FITS: {error}") from error
    if missing:
        raise ValueError(f"--data {path}: the truth lacks {', '.join(sorted(missing))}")
    return stamps, psfs, truth


def _plain(column):
    return np.asarray(getattr(column, "value", column), dtype=float)


def _draw(measured, true, zeropoint, name, path):
    """Draw both in pixels and magnitudes, in the order of the paper."""
    # A figure of its own rather than pyplot's: no window, no global state.
    from matplotlib.figure import Figure

    from astro_cnnfit.evaluation import paper_columns
    from astro_cnnfit.evaluation.published import COLUMNS
    from astro_cnnfit.plotting import plot_comparison

    figure = Figure(figsize=(22, 4.8), layout="constrained")
    figure.suptitle(name)
    plot_comparison(
        *(paper_columns(params, 1.0, zeropoint) for params in (measured, true)),
        names=COLUMNS,
        labels=("true", "measured"),
        axes=figure.subplots(2, len(COLUMNS), height_ratios=(2, 1)),
    )
    with whole(path) as partial:
        figure.savefig(partial, dpi=120)
