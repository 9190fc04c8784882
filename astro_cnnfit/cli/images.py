# Licensed under a 3-clause BSD style license - see LICENSE
"""Images on the command line: those to measure, with mask and error."""

from astropy.nddata import NDData, StdDevUncertainty

from astro_cnnfit.inputs import parse_positions, read_image

from .files import read_table

__all__ = [
    "add_image_arguments",
    "add_precision_argument",
    "check_shape",
    "read_data",
    "read_positions",
]


def add_image_arguments(parser):
    """
    Add the arguments that say what is measured and where the table goes.

    Parameters
    ----------
    parser : `argparse.ArgumentParser`
        Gets IMAGE, ``--mask``, ``--error``, ``--catalog``, ``--pixel-scale`` and
        ``--output``.
    """
    parser.add_argument("image", metavar="IMAGE", help="FITS image or stack of stamps")
    parser.add_argument("--mask", help="FITS image, nonzero for pixels to leave out")
    parser.add_argument("--error", help="FITS image of standard deviations")
    parser.add_argument(
        "--catalog",
        help="table of positions, with columns x and y in pixels counted from 0; "
        "without it, the image shows one galaxy in its centre",
    )
    parser.add_argument(
        "--pixel-scale",
        type=float,
        metavar="ARCSEC",
        help="arcsec per pixel; by default that of the WCS",
    )
    parser.add_argument(
        "-o",
        "--output",
        required=True,
        metavar="TABLE",
        help="table to write: .ecsv, .fits or .parquet",
    )


def add_precision_argument(parser):
    """
    Add ``--precision``.

    Parameters
    ----------
    parser : `argparse.ArgumentParser`
    """
    parser.add_argument(
        "--precision",
        choices=("float32", "bfloat16"),
        help="of the network's arithmetic (default: float32); bfloat16 is faster on "
        "processors that have it and refused where it costs the model accuracy",
    )


def read_data(options):
    """
    Read the image to measure, with mask and error.

    Parameters
    ----------
    options : `argparse.Namespace`
        With those of `add_image_arguments`.

    Returns
    -------
    `~astropy.nddata.NDData`

    Raises
    ------
    OSError
        If a file is missing or not readable.
    ValueError
        If a file holds no image, or one of another shape.
    """
    image = read_image(options.image, argument="IMAGE")
    mask = error = None
    if options.mask is not None:
        found = read_image(options.mask, argument="--mask")
        mask = found.data != 0
        if found.mask is not None:
            mask |= found.mask
        check_shape(mask, image, "--mask")
    if options.error is not None:
        error = read_image(options.error, argument="--error").data
        check_shape(error, image, "--error")
        error = StdDevUncertainty(error)
    return NDData(
        image.data, mask=mask, uncertainty=error, unit=image.unit, wcs=image.wcs
    )


def read_positions(options):
    """
    Read the catalog, if there is one.

    Parameters
    ----------
    options : `argparse.Namespace`
        With those of `add_image_arguments`.

    Returns
    -------
    `~astropy.table.Table` or None

    Raises
    ------
    OSError
        If the file is missing or not a table.
    ValueError
        If it has no positions.
    """
    if options.catalog is None:
        return None
    positions = read_table(options.catalog, "--catalog")
    parse_positions(positions)
    return positions


def check_shape(array, image, argument):
    """
    Check that an array has the shape of the image.

    Raises
    ------
    ValueError
        If it has not. The message names ``argument``.
    """
    if array.shape != image.data.shape:
        raise ValueError(
            f"{argument} must have the shape of IMAGE, {image.data.shape}, "
            f"got {array.shape}"
        )
