# Licensed under a 3-clause BSD style license - see LICENSE
"""Write a data set of simulated galaxies with their truth."""

from astro_cnnfit.keras_start import load_keras
from astro_cnnfit.wording import counted

from .files import check_folder_of
from .report import say

__all__ = ["EXAMPLES", "add_arguments", "run"]

EXAMPLES = {
    "A thousand galaxies with neighbours:":
        "astro-cnnfit simulate -o galaxies.fits",
    "The same for whom HDF5 suits better, of all sizes and PSFs, and isolated:":
        "astro-cnnfit simulate -o galaxies.h5 -n 20000 --prior wide --isolated",
    "Of a prior of your own, [prior.mine] in the file that 'train' takes:":
        "astro-cnnfit simulate -o galaxies.fits --config mine.toml --prior mine",
}  # fmt: skip

_SUFFIXES = (".fits", ".fits.gz", ".h5", ".hdf5")


def add_arguments(parser):
    """Add the arguments of ``astro-cnnfit simulate``."""
    parser.add_argument(
        "-o",
        "--output",
        required=True,
        metavar="FILE",
        help="data set to write: .fits, .fits.gz, .h5 or .hdf5",
    )
    parser.add_argument(
        "-n",
        "--number",
        type=int,
        default=1000,
        metavar="N",
        help="number of galaxies (default: %(default)s)",
    )
    parser.add_argument(
        "--prior",
        metavar="PRIOR",
        help="'table1', of Li et al. (2022), 'wide', or the NAME of a [prior.NAME] of "
        "--config (default without --config: table1)",
    )
    parser.add_argument(
        "--config",
        metavar="FILE",
        help="TOML file with priors of your own, as 'train' takes it",
    )
    parser.add_argument(
        "--seed",
        type=int,
        default=0,
        metavar="N",
        help="reproduces the data set (default: 0)",
    )
    parser.add_argument(
        "--isolated", action="store_true", help="leave out the neighbours"
    )
    parser.add_argument(
        "--real-sky",
        type=float,
        default=0.0,
        metavar="SHARE",
        help="share of the stamps on real sky, from the images in the folder that "
        "ASTRO_CNNFIT_TEST_DATA names (default: 0)",
    )


def run(options):
    """Run ``astro-cnnfit simulate``."""
    output = check_folder_of(options.output, "--output")
    if not output.name.endswith(_SUFFIXES):
        raise ValueError(
            f"--output must end on {', '.join(_SUFFIXES)}, got {output.name}"
        )
    if options.number < 1:
        raise ValueError(f"--number must be positive, got {options.number}")
    if not 0 <= options.real_sky <= 1:
        raise ValueError(f"--real-sky must be from 0 to 1, got {options.real_sky}")

    load_keras(options.debug)
    from astro_cnnfit.simulation.dataset import simulate, write_dataset

    name, prior = _prior(options)
    stamps, psfs, truth = simulate(
        options.number,
        prior,
        seed=options.seed,
        neighbours=not options.isolated,
        real_sky=options.real_sky,
        progress_bar=True,
    )
    write_dataset(output, stamps, psfs, truth)
    say(f"{counted(len(stamps))} of the prior {name!r}: {output}")
    return {"output": output, "galaxies": len(stamps), "prior": name}


def _prior(options):
    """Name and distributions of the prior that is asked for."""
    from astro_cnnfit.simulation import PRIORS
    from astro_cnnfit.training import read_config

    if options.config is None:
        known, name, hint = PRIORS, options.prior or "table1", "; others need --config"
    else:
        known, name, hint = read_config(options.config).scene_priors, options.prior, ""
    if name not in known:
        got = "none" if name is None else repr(name)
        raise ValueError(f"--prior must be one of {', '.join(known)}, got {got}{hint}")
    return name, known[name]
