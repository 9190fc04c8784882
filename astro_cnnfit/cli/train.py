# Licensed under a 3-clause BSD style license - see LICENSE
"""Train a network; a run that was interrupted goes on from its checkpoint."""

import logging
import shlex
import sys
from pathlib import Path

from astro_cnnfit.keras_start import load_keras

from .report import say

__all__ = ["EXAMPLES", "GOES_ON", "add_arguments", "run"]

GOES_ON = True

EXAMPLES = {
    "A bundled network once more, with its settings:":
        "astro-cnnfit train galnet2 -o runs/galnet2",
    "A short run, to see that all is well:":
        "astro-cnnfit train sersic --samples 10000 -o runs/short",
    "A network of morphology; its galaxies are kept for the next one:":
        "astro-cnnfit train cas --library galaxies --processes 4",
}  # fmt: skip


def add_arguments(parser):
    """Add the arguments of ``astro-cnnfit train``."""
    parser.add_argument(
        "model",
        metavar="MODEL",
        help="'sersic', 'sersic_wide', 'galnet1', 'galnet2', 'cas', 'casnet_a', "
        "'casnet_c', or 'casnet_a_tuned', 'casnet_c_tuned' with what a search found",
    )
    parser.add_argument(
        "--config",
        metavar="FILE",
        help="TOML file with the settings, priors of your own among them; by default "
        "those of the bundled MODEL",
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="FOLDER",
        help="folder for checkpoints, weights and description (default: runs/MODEL)",
    )
    for name, says in (
        ("--samples", "stamps to show, in all"),
        ("--batch-size", "stamps per step"),
        ("--seed", "of weights and scenes"),
    ):
        parser.add_argument(name, type=int, metavar="N", help=says)
    parser.add_argument(
        "--epochs",
        type=int,
        metavar="N",
        help="at most so many, for networks trained on a fixed set",
    )
    parser.add_argument(
        "--galaxies",
        type=int,
        metavar="N",
        help="noise-free galaxies to draw, for morphology",
    )
    parser.add_argument(
        "--library",
        metavar="FOLDER",
        help="keeps these galaxies (default: galaxies/ in the output folder)",
    )
    parser.add_argument(
        "--processes",
        type=int,
        metavar="N",
        default=1,
        help="processes that draw and measure them (default: 1)",
    )


def run(options):
    """Run ``astro-cnnfit train``."""
    load_keras(options.debug)
    from astro_cnnfit.networks import ARCHITECTURES
    from astro_cnnfit.training import config_names, read_config, train

    if options.model not in config_names():
        raise ValueError(
            f"MODEL must be one of {', '.join(config_names())}, got {options.model!r}"
        )

    changes = {
        name: getattr(options, name)
        for name in ("samples", "batch_size", "epochs", "seed", "galaxies")
        if getattr(options, name) is not None
    }
    config = read_config(options.config or options.model, **changes)
    if config.architecture != read_config(options.model).architecture:
        raise ValueError(
            f"--config is for the architecture {config.architecture!r}, not for "
            f"MODEL {options.model!r}"
        )
    logging.getLogger("astro_cnnfit").setLevel(logging.INFO)
    output = Path(options.output or Path("runs") / options.model)
    command = shlex.join(["astro-cnnfit", *sys.argv[1:]])
    data = None
    task = ARCHITECTURES[config.architecture].task
    if task in ("cas", "casnet"):
        from astro_cnnfit.morphology.library import libraries

        data = libraries(
            config,
            options.library or output / "galaxies",
            processes=options.processes,
            progress_bar=True,
        )
    if task == "casnet":
        from astro_cnnfit.morphology.casnet_training import train_casnet

        folder = train_casnet(
            config, output, data=data, processes=options.processes,
            progress_bar=True, command=command,
        )  # fmt: skip
    else:
        folder = train(config, output, data=data, progress_bar=True, command=command)
    if task == "cas":
        from astro_cnnfit.morphology.combination_fit import add_combination

        add_combination(folder, config, data[1], progress_bar=True)
    say(f"Trained {options.model!r}: {folder}")
    if task == "sersic":
        say(
            "Its point_like_prob is NaN so far. Added in a few minutes by:",
            f"  python -m astro_cnnfit.training.point_like {shlex.quote(str(folder))}",
        )
    return {"model": options.model, "output": folder}
