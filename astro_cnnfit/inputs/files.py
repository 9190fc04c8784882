# Licensed under a 3-clause BSD style license - see LICENSE
"""Images from FITS files, with messages that a command line can show."""

import warnings
import zlib
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.io.fits.verify import VerifyWarning

from astro_cnnfit.inputs.image import header_unit, header_wcs, parse_image

__all__ = ["find_image", "open_fits", "read_image"]


class _NoImageError(ValueError):
    """The file is as it should be, but what is wanted is not in it."""


def read_image(path, hdu=None, *, argument="data", single=False, bands=None):
    """
    Read an image from a FITS file.

    Parameters
    ----------
    path : str or path-like
        The file, compressed or not.
    hdu : int, str or tuple, optional
        Number or name of the HDU. By default the first with a 2-D image, or
        else the first with a stack of images (3-D).
    argument : str
        What the file is for, in messages.
    single : bool
        Leave values that are float32 as they are, without a copy twice as large.
    bands : callable, optional
        Says which parts of a 2-D image are wanted: called with the HDU, it returns
        a list of slices (rows, columns), or None for all of it. The rest is NaN.

    Returns
    -------
    image : `~astro_cnnfit.inputs.Image`
        With the unit (BUNIT) and the celestial WCS of its header.

    Raises
    ------
    OSError
        If the file is missing, unreadable, empty, truncated or not FITS.
    ValueError
        If it holds no image, no such HDU, or one that is not an image. Every
        message is one line that names the file.
    """
    with open_fits(path, argument=argument) as hdus:
        found = hdus[find_image(hdus, hdu, f"{argument} {path}")]
        header = found.header
        parts = None if bands is None else bands(found)
        data = found.data if parts is None else _read_parts(found, parts)
    image = parse_image(data, argument=f"{argument} {path}", single=single)
    return replace(image, unit=header_unit(header), wcs=header_wcs(header))


@contextmanager
def open_fits(path, *, argument="data"):
    """
    Open a FITS file for reading, with messages that a command line can show.

    Parameters
    ----------
    path : str or path-like
        The file, compressed or not.
    argument : str
        What it is for, in messages.

    Yields
    ------
    `~astropy.io.fits.HDUList`

    Raises
    ------
    OSError
        If the file is missing, unreadable, empty, truncated or not FITS, also
        where that shows later, while it is open.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{argument} {path}: no such file")
    try:
        with warnings.catch_warnings():
            # A file that ends too early is only warned about at first.
            warnings.filterwarnings("error", ".*truncated.*")
            warnings.simplefilter("ignore", VerifyWarning)
            # Opened here, so that it is closed whatever astropy stumbles over;
            # not mapped, as a file that shrinks meanwhile would end the process.
            with path.open("rb") as stream, fits.open(stream, memmap=False) as hdus:
                yield hdus
    except _NoImageError:
        raise
    except (OSError, EOFError, TypeError, ValueError, Warning, zlib.error) as exc:
        reason = " ".join(str(exc).split()) or type(exc).__name__
        raise OSError(f"{argument} {path}: not a readable FITS file: {reason}") from exc


def find_image(hdus, wanted, what):
    """
    Find an image, or a stack of images, in a FITS file.

    Parameters
    ----------
    hdus : `~astropy.io.fits.HDUList`
        Of `open_fits`.
    wanted : int, str, tuple or None
        Number or name of the HDU; None for the first with two dimensions, or else
        the first with three.
    what : str
        What the file is, in messages.

    Returns
    -------
    int

    Raises
    ------
    ValueError
        If there is none.
    """
    if wanted is not None:
        try:
            index = hdus.index_of(wanted)
            if _dimensions(hdus[index]):
                return index
        except (KeyError, IndexError):
            pass
        raise _NoImageError(f"{what}: the file holds no image in HDU {wanted!r}")
    dimensions = [_dimensions(hdu) for hdu in hdus]
    for number in (2, 3):
        if number in dimensions:
            return dimensions.index(number)
    raise _NoImageError(f"{what}: the file holds no 2-D image")


def _dimensions(hdu):
    return len(hdu.shape) if hdu.is_image and 0 not in hdu.shape else 0


def _read_parts(hdu, parts):
    """Parts of an image where they belong in an array of NaN."""
    data = None
    for part in parts:
        values = hdu.section[part]
        if data is None:
            single = values.dtype.newbyteorder("=") == np.float32
            data = np.full(hdu.shape, np.nan, np.float32 if single else np.float64)
        data[part] = values
    return np.full(hdu.shape, np.nan, np.float32) if data is None else data
