# Licensed under a 3-clause BSD style license - see LICENSE
"""Images from FITS files, with messages that a command line can show."""

import warnings
import zlib
from pathlib import Path

from astropy.io import fits
from astropy.io.fits.verify import VerifyWarning

from astro_cnnfit.inputs.image import parse_image

__all__ = ["read_image"]


def read_image(path, hdu=None, *, argument="data"):
    """
    Read an image from a FITS file.

    Parameters
    ----------
    path : str or path-like
        The file, compressed or not.
    hdu : int or str, optional
        Number or name of the HDU. By default the first with a 2-D image, or
        else the first with a stack of images (3-D).
    argument : str
        What the file is for, in messages.

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
                found = _find(hdus, hdu)
                found = None if found is None else hdus[found].copy()
    except (OSError, EOFError, TypeError, ValueError, Warning, zlib.error) as exc:
        reason = " ".join(str(exc).split()) or type(exc).__name__
        raise OSError(f"{argument} {path}: not a readable FITS file: {reason}") from exc
    if found is None:
        wanted = "no 2-D image" if hdu is None else f"no image in HDU {hdu!r}"
        raise ValueError(f"{argument} {path}: the file holds {wanted}")
    return parse_image(found, argument=f"{argument} {path}")


def _find(hdus, wanted):
    """Return the index of the wanted HDU, its data read, or None."""
    if wanted is not None:
        try:
            index = hdus.index_of(wanted)
            dimensions = _dimensions(hdus[index])
        except (KeyError, IndexError):
            return None
        return index if dimensions else None
    dimensions = [_dimensions(hdu) for hdu in hdus]
    for number in (2, 3):
        if number in dimensions:
            return dimensions.index(number)
    return None


def _dimensions(hdu):
    if not hdu.is_image or hdu.data is None:
        return 0
    return hdu.data.ndim
