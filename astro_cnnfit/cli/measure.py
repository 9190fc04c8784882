# Licensed under a 3-clause BSD style license - see LICENSE
"""Measure the galaxies of an image."""

from astro_cnnfit.keras_start import load_keras
from astro_cnnfit.psf import read_psf
from astro_cnnfit.wording import counted

from .files import check_folder_of, check_table_path, whole, write_table
from .images import (
    add_image_arguments,
    add_precision_argument,
    read_data,
    read_positions,
)
from .report import readable, say, status_of

__all__ = ["EXAMPLES", "add_arguments", "draw", "run"]

EXAMPLES = {
    "One galaxy, in the centre of its image, and a figure of it:":
        "astro-cnnfit measure galaxy.fits --psf psf.fits --figure galaxy.png",
    "All objects of a whole image, into a FITS table:":
        "astro-cnnfit measure mosaic.fits --psf mosaic.psf --find -o table.fits",
    "Galaxies at given places, with units, refined by a fit:":
        "astro-cnnfit measure field.fits --psf psf.fits --catalog places.ecsv "
        "--pixel-scale 0.2 --zeropoint 30 --refine -o table.ecsv",
    "For a program:":
        "astro-cnnfit measure galaxy.fits --psf psf.fits --json",
}  # fmt: skip

_MAX_ROWS = 50
# With neighbours subtracted, nearly all galaxies of a field have settled by then.
_PASSES = 6
_REFINE = {"ml": True, "map": "map"}


def add_arguments(parser):
    """Add the arguments of ``astro-cnnfit measure``."""
    add_image_arguments(parser)
    parser.add_argument(
        "--psf",
        metavar="FILE",
        help="FITS file with the PSF, one for each stamp or position, or a model that "
        "varies over the image, such as that of PsfEx",
    )
    parser.add_argument(
        "--psf-oversampling",
        type=float,
        default=1,
        metavar="N",
        help="samples of the PSF per pixel of the image",
    )
    parser.add_argument(
        "--zeropoint",
        type=float,
        metavar="MAG",
        help="magnitude of unit flux; by default that which the unit or header of the "
        "image tells, if it does",
    )
    parser.add_argument(
        "--model",
        default="sersic",
        metavar="MODEL",
        help="name of a bundled network, or folder of a trained "
        "one; 'galnet1' needs no PSF (default: %(default)s)",
    )
    add_precision_argument(parser)
    parser.add_argument(
        "--refine",
        nargs="?",
        const="ml",
        choices=tuple(_REFINE),
        help="refine the network's answer to the maximum of the likelihood (ml, the "
        "default of --refine) or of the posterior (map); needs --psf",
    )
    parser.add_argument(
        "--find",
        action="store_true",
        help="find the objects of the image, and measure them all",
    )
    parser.add_argument(
        "--iterations",
        type=int,
        metavar="N",
        help="measure each object up to N times, with all others subtracted (default: "
        "1; 6 with --find)",
    )
    parser.add_argument(
        "--figure", metavar="FILE", help="figure of data, model and residual to write"
    )


def run(options):
    """Run ``astro-cnnfit measure``."""
    output = options.output and check_table_path(options.output)
    if options.figure is not None:
        check_figure_path(options.figure)
    data = read_data(options)
    psf = None
    if options.psf is not None:
        psf = read_psf(options.psf, argument="--psf")
    positions = read_positions(options, data)
    if options.find and positions is not None:
        raise ValueError("--find must not be given with --catalog: it makes its own")

    load_keras(options.debug)
    from astro_cnnfit import CNNSersicFitter

    fitter = CNNSersicFitter(
        options.model,
        pixel_scale=options.pixel_scale,
        zeropoint=options.zeropoint,
        refine=_REFINE.get(options.refine, False),
        precision=options.precision,
        finder="default" if options.find else None,
        iterations=_passes(options),
        statistics=True,
        progress_bar=options.find,
    )
    table = fitter(
        data, psf, init_params=positions, psf_oversampling=options.psf_oversampling
    )
    if output:
        write_table(table, output)
    if options.figure is not None:
        draw(data, fitter, options.figure)
    readable(table).pprint(max_width=-1, max_lines=_MAX_ROWS if output else -1)
    where = f": {output}" if output else ""
    say(f"{counted(len(table))} measured with {options.model!r}{where}")
    if table.meta.get("zeropoint_source", "user") != "user":
        value, source = table.meta["zeropoint"], table.meta["zeropoint_source"]
        say(f"zero-point {value:.4f} (AB), from {source}")
    written = {"output": output, "figure": options.figure}
    return {"status": status_of(table["flux_fit"]), **written, "table": table}


def _passes(options):
    if options.iterations is not None:
        return options.iterations
    return _PASSES if options.find else 1


def check_figure_path(path):
    """
    Check that a figure can be drawn and written.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    ValueError
        If matplotlib does not know the suffix.
    OSError
        If the folder does not exist.
    """
    path = check_folder_of(path, "--figure")
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise ImportError(
            "--figure needs matplotlib, which comes with the extra 'plot'"
        ) from None
    known = sorted(Figure().canvas.get_supported_filetypes())
    if path.suffix.lstrip(".") not in known:
        raise ValueError(
            f"--figure must end on one of .{', .'.join(known)}, got {path.name}"
        )


def draw(data, fitter, path):
    """
    Write the figure of data, model and residual.

    Parameters
    ----------
    data : `~astro_cnnfit.inputs.Image` or `~astropy.nddata.NDData`
        What was measured; of a stack, the first stamp is drawn.
    fitter : `~astro_cnnfit.CNNSersicFitter`
        After its call.
    path : path-like
        Where to write it.
    """
    # A figure of its own rather than pyplot's: no window, no global state.
    from matplotlib.figure import Figure

    from astro_cnnfit.plotting import plot_fit

    figure = Figure(figsize=(13, 4), layout="constrained")
    plot_fit(data, fitter, axes=figure.subplots(1, 3, sharex=True, sharey=True))
    with whole(path) as partial:
        figure.savefig(partial, dpi=120)
