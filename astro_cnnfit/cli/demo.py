# Licensed under a 3-clause BSD style license - see LICENSE
"""Measure a real galaxy and a small simulated field, and draw both."""

from importlib.util import find_spec
from pathlib import Path

from astropy.nddata import NDData

from astro_cnnfit.datasets import load_field
from astro_cnnfit.inputs import read_image
from astro_cnnfit.keras_start import load_keras

from .measure import check_figure_path, draw
from .report import compared, readable, say

__all__ = ["EXAMPLES", "add_arguments", "find_galaxy", "run"]

EXAMPLES = {
    "Both tables, and figures in astro_cnnfit_demo:":
        "astro-cnnfit demo",
    "Figures elsewhere:":
        "astro-cnnfit demo -o figures",
}  # fmt: skip

_HINT = (
    "The real galaxy is part of statmorph, which is not installed; "
    "pip install statmorph (or the extra 'all') brings it."
)

_NO_FIGURES = (
    "There are no figures, since matplotlib is not installed; the extra 'plot' (or "
    "'all') brings it."
)


def add_arguments(parser):
    """Add the arguments of ``astro-cnnfit demo``."""
    parser.add_argument(
        "-o",
        "--output",
        default="astro_cnnfit_demo",
        metavar="FOLDER",
        help="folder for the figures (default: %(default)s)",
    )


def run(options):
    """Run ``astro-cnnfit demo``."""
    folder = Path(options.output)
    if not folder.absolute().parent.is_dir() or folder.is_file():
        raise NotADirectoryError(
            f"--output must be a folder or a new name in one that exists, got {folder}"
        )
    draws = find_spec("matplotlib") is not None
    if draws:
        folder.mkdir(exist_ok=True)
        for figure in (folder / "galaxy.png", folder / "field.png"):
            check_figure_path(figure)
    load_keras(options.debug)
    path = find_galaxy()
    galaxy = None
    if path is None:
        say(_HINT, "")
    else:
        galaxy = measure_galaxy(path, folder / "galaxy.png" if draws else None)
    field = measure_field(folder / "field.png" if draws else None)
    if not draws:
        say("", _NO_FIGURES)
    return {"galaxy": galaxy, "field": field}


def find_galaxy():
    """
    Path of the galaxy image that statmorph installs.

    Returns
    -------
    `~pathlib.Path` or None
        None if statmorph is not installed, or without its test data.
    """
    found = find_spec("statmorph")
    if found is None or found.origin is None:
        return None
    path = Path(found.origin).parent / "tests" / "data" / "slice.fits"
    return path if path.is_file() else None


def measure_galaxy(path, figure):
    """Measure and draw the real galaxy: no PSF is known, so GaLNet-1 does it."""
    from astro_cnnfit import CNNSersicFitter

    image = read_image(path)
    data = NDData(image.data)
    fitter = CNNSersicFitter("galnet1", statistics=True)
    table = fitter(data)
    say("A real galaxy (statmorph's slice.fits), without PSF, by 'galnet1':")
    readable(table).pprint(max_width=-1)
    _draw(data, fitter, figure)
    say("")
    return {"figure": figure, "table": table}


def measure_field(figure):
    """Measure and draw the field that comes with the package."""
    from astro_cnnfit import CNNSersicFitter

    data, psf, truth = load_field()
    fitter = CNNSersicFitter("sersic", zeropoint=truth.meta["ZEROPT"], statistics=True)
    table = fitter(data, psf, init_params=truth["x_init", "y_init"])
    say("A simulated field, each galaxy above its truth, by 'sersic':")
    compared(table, truth).pprint(max_width=-1, max_lines=-1)
    _draw(data, fitter, figure)
    return {"figure": figure, "table": table, "truth": truth}


def _draw(data, fitter, figure):
    if figure is not None:
        draw(data, fitter, figure)
        say(f"Figure: {figure}")
