# Licensed under a 3-clause BSD style license - see LICENSE
"""Measure the morphology of the galaxies of an image."""

import numpy as np

from astro_cnnfit.inputs import read_image
from astro_cnnfit.keras_start import load_keras
from astro_cnnfit.psf import read_psf
from astro_cnnfit.wording import counted

from .files import check_table_path, write_table
from .images import (
    add_image_arguments,
    add_precision_argument,
    check_shape,
    read_data,
    read_positions,
)
from .report import readable_morphology, say, status_of

__all__ = ["EXAMPLES", "add_arguments", "run"]

EXAMPLES = {
    "Every labelled source of an image:":
        "astro-cnnfit morphology image.fits --segmap segmap.fits -o table.ecsv",
    "The galaxy in the centre, as statmorph defines the quantities:":
        "astro-cnnfit morphology galaxy.fits --method classical --definition statmorph",
    "For a program:":
        "astro-cnnfit morphology image.fits --segmap segmap.fits --json",
}  # fmt: skip

_MAX_ROWS = 50


def add_arguments(parser):
    """Add the arguments of ``astro-cnnfit morphology``."""
    add_image_arguments(parser)
    parser.add_argument(
        "--segmap",
        metavar="FILE",
        help="FITS image of labels, 0 for the sky; each labelled source is measured",
    )
    parser.add_argument(
        "--psf",
        metavar="FILE",
        help="FITS file with the PSF: flags galaxies that it hides",
    )
    parser.add_argument(
        "--model",
        default="cas",
        metavar="MODEL",
        help="name of a bundled network, or folder of a trained one (default: "
        "%(default)s)",
    )
    add_precision_argument(parser)
    parser.add_argument(
        "--method",
        default="combined",
        choices=("combined", "network", "classical"),
        help="network and classical measure combined (the default), or one alone",
    )
    parser.add_argument(
        "--definition",
        default="tohill2021",
        choices=("tohill2021", "statmorph", "conselice2003"),
        help="of the classical measure (default: %(default)s); networks know that",
    )


def run(options):
    """Run ``astro-cnnfit morphology``."""
    output = options.output and check_table_path(options.output)
    data = read_data(options)
    segmap = psf = None
    if options.segmap is not None:
        segmap = _read_labels(options.segmap, data)
    if options.psf is not None:
        psf = read_psf(options.psf, argument="--psf")
    positions = read_positions(options, data)
    if options.method != "classical":
        load_keras(options.debug)
    from astro_cnnfit import CNNCASMeasurer

    measurer = CNNCASMeasurer(
        options.model,
        method=options.method,
        definition=options.definition,
        pixel_scale=options.pixel_scale,
        precision=options.precision,
    )
    table = measurer(data, segmap, init_params=positions, psf=psf)
    if output:
        write_table(table, output)
    lines = _MAX_ROWS if output else -1
    readable_morphology(table).pprint(max_width=-1, max_lines=lines)
    how = measurer.definition if measurer.model is None else repr(options.model)
    where = f": {output}" if output else ""
    say(f"{counted(len(table))} measured with {how} ({options.method}){where}")
    status = status_of(table["concentration"], table["asymmetry"])
    return {"status": status, "output": output, "table": table}


def _read_labels(path, data):
    """Labels of a FITS image; whole numbers may be stored as floats there."""
    found = read_image(path, argument="--segmap")
    check_shape(found.data, data.data, "--segmap")
    labels = np.where(np.isfinite(found.data), found.data, 0)
    if np.any(labels != np.rint(labels)):
        raise ValueError(f"--segmap must hold whole numbers, 0 for the sky: {path}")
    return labels.astype(np.int64)
