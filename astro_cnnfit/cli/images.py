# Licensed under a 3-clause BSD style license - see LICENSE
"""Images on the command line: those to measure, with mask and error."""

import numpy as np

from astro_cnnfit.inputs import parse_image, parse_positions
from astro_cnnfit.inputs.files import read_array, read_parts

from .files import read_table

__all__ = [
    "add_image_arguments",
    "add_precision_argument",
    "check_shape",
    "read_data",
    "read_positions",
]


_TO_ERROR = {
    "error": lambda values: values,
    "variance": lambda values: values**0.5,
    "inverse_variance": lambda values: values**-0.5,
}


def add_image_arguments(parser):
    """
    Add the arguments that say what is measured and where the table goes.

    Parameters
    ----------
    parser : `argparse.ArgumentParser`
        Gets IMAGE, ``--hdu``, ``--mask``, ``--bad-bits``, ``--error``, ``--variance``,
        ``--inverse-variance``, ``--catalog``, ``--pixel-scale`` and ``--output``.
    """
    parser.add_argument(
        "image",
        metavar="IMAGE",
        help="FITS image or stack of stamps; errors and masks are taken from its "
        "extensions (ERR, VARIANCE, DQ, ...) unless they are given",
    )
    parser.add_argument(
        "--hdu",
        metavar="NAME",
        help="name (NAME or NAME,VERSION) or number of the image's HDU; by default "
        "SCI or IMAGE, or else the first image",
    )
    parser.add_argument(
        "--mask", metavar="FILE", help="FITS image, nonzero for pixels to leave out"
    )
    parser.add_argument(
        "--bad-bits",
        metavar="BITS",
        help="bits of a mask of whole numbers that make a pixel bad, such as 1,4096, "
        "or names that the mask's header gives, such as SAT,CR; by default any bit",
    )
    _add_error_arguments(parser)
    parser.add_argument(
        "--catalog",
        metavar="TABLE",
        help="table of positions, with columns x and y in pixels counted from 0, or "
        "ra and dec in degrees; without it, the image shows one galaxy in its centre",
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
        metavar="TABLE",
        help="table to write: .ecsv, .fits or .parquet; without it, it is only printed",
    )


def _add_error_arguments(parser):
    group = parser.add_mutually_exclusive_group()
    group.add_argument(
        "--error", metavar="FILE", help="FITS image of standard deviations"
    )
    group.add_argument("--variance", metavar="FILE", help="FITS image of variances")
    group.add_argument(
        "--inverse-variance", metavar="FILE", help="FITS image of inverse variances"
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
    `~astro_cnnfit.inputs.Image`

    Raises
    ------
    OSError
        If a file is missing or not readable.
    ValueError
        If a file holds no image, or one of another shape, or the bits that are
        bad are none of the mask's.
    """
    parts = read_parts(options.image, _hdu(options.hdu), argument="IMAGE")
    if options.mask is not None:
        mask, header, _ = read_array(options.mask, argument="--mask")
        check_shape(mask, parts.values, "--mask")
        parts = parts._replace(mask=mask, flag_header=header)
    for name, to_error in _TO_ERROR.items():
        path = getattr(options, name)
        if path is None:
            continue
        argument = "--" + name.replace("_", "-")
        values = read_array(path, argument=argument)[0]
        check_shape(values, parts.values, argument)
        # Zero or negative (inverse) variances become bad pixels, not warnings.
        with np.errstate(divide="ignore", invalid="ignore"):
            parts = parts._replace(error=to_error(np.asarray(values, dtype=float)))
    return parse_image(
        parts,
        bad_bits=_bits(options.bad_bits),
        argument=f"IMAGE {options.image}",
        single=True,
        find_blank=True,
    )


def _hdu(text):
    """An HDU as astropy takes it: a number, a name, or name and version."""
    if text is None:
        return None
    if text.isdecimal():
        return int(text)
    name, comma, version = text.rpartition(",")
    return (name, int(version)) if comma and version.isdecimal() else text


def _bits(text):
    """Bits as `~astro_cnnfit.inputs.masks.parse_bad_bits` takes them."""
    if text is None:
        return None
    bits = [bit.strip() for bit in text.split(",")]
    return [int(bit) if bit.isdecimal() else bit for bit in bits]


def read_positions(options, image):
    """
    Read the catalog, if there is one.

    Parameters
    ----------
    options : `argparse.Namespace`
        With those of `add_image_arguments`.
    image : `~astro_cnnfit.inputs.Image`
        Of which it is.

    Returns
    -------
    `~astropy.table.Table` or None

    Raises
    ------
    OSError
        If the file is missing or not a table.
    ValueError
        If it has no positions, or some on the sky for an image without WCS.
    """
    if options.catalog is None:
        return None
    positions = read_table(options.catalog, "--catalog")
    parse_positions(positions, None if image.data.ndim == 3 else image.wcs)
    return positions


def check_shape(array, image, argument):
    """
    Check that an array has the shape of the image.

    Raises
    ------
    ValueError
        If it has not. The message names ``argument``.
    """
    if np.shape(array) != np.shape(image):
        raise ValueError(
            f"{argument} must have the shape of IMAGE, {np.shape(image)}, "
            f"got {np.shape(array)}"
        )
