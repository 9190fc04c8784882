# Licensed under a 3-clause BSD style license - see LICENSE
"""Images from FITS files, with messages that a command line can show."""

import warnings
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.io.fits.verify import VerifyWarning

from astro_cnnfit.wording import in_one_line

from .extensions import ContentError, each_hdu, has_companions, parts_of_hdus
from .headers import header_unit, header_wcs
from .image import parse_image
from .parts import Parts

__all__ = [
    "ContentError",
    "each_hdu",
    "find_image",
    "open_fits",
    "read_array",
    "read_image",
    "read_parts",
]


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
        As for `read_array`; what is not read is NaN.

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
    data, header, wcs = read_array(path, hdu, argument=argument, bands=bands)
    parts = Parts(data, None, None, header_unit(header), wcs, header)
    return parse_image(parts, argument=f"{argument} {path}", single=single)


def read_parts(path, hdu=None, *, argument="data"):
    """
    Read an image of a FITS file with the errors and masks that stand beside it.

    Parameters
    ----------
    path : str or path-like
        The file, compressed or not.
    hdu : int, str or tuple, optional
        Number or name of the HDU. By default that of
        `~astro_cnnfit.inputs.extensions.find_science` where the file has an
        extension of a name that is known, and otherwise that of `read_image`.
    argument : str
        What the file is for, in messages.

    Returns
    -------
    `~astro_cnnfit.inputs.parts.Parts`
        For `~astro_cnnfit.inputs.parse_image`.

    Raises
    ------
    OSError, ValueError
        As `read_image`; also if there are several images of which none is meant
        more than the others.
    """
    what = f"{argument} {path}"
    with open_fits(path, argument=argument) as hdus:
        if hdu is None and not has_companions(hdus):
            hdu = find_image(hdus, None, what)
        return parts_of_hdus(hdus, what, hdu)


def read_array(path, hdu=None, *, argument="data", bands=None, fill=np.nan):
    """
    Read the array of an image of a FITS file, as it is stored.

    Parameters
    ----------
    path, hdu, argument
        As for `read_image`.
    bands : callable, optional
        Says which parts of a 2-D image are wanted: called with the HDU, it returns
        a list of slices (rows, columns), or None for all of it.
    fill : scalar
        What stands where nothing was read. Whole numbers become floating-point
        ones if it is NaN.

    Returns
    -------
    values : `~numpy.ndarray`
        (ny, nx) or (N, ny, nx), scaled as the header says.
    header : `~astropy.io.fits.Header`
        Of the image.
    wcs : `~astropy.wcs.WCS` or None
        Celestial WCS.

    Raises
    ------
    OSError, ValueError
        As `read_image`.
    """
    with open_fits(path, argument=argument) as hdus:
        found = hdus[find_image(hdus, hdu, f"{argument} {path}")]
        parts = None if bands is None else bands(found)
        data = found.data if parts is None else _read_parts(found, parts, fill)
        return data, found.header, header_wcs(found.header, hdus)


@contextmanager
def open_fits(path, *, argument="data", truncated=False):
    """
    Open a FITS file for reading, with messages that a command line can show.

    Parameters
    ----------
    path : str or path-like
        The file, compressed or not.
    argument : str
        What it is for, in messages.
    truncated : bool
        Whether headers are enough, and pixels may be missing at the end.

    Yields
    ------
    `~astropy.io.fits.HDUList`

    Raises
    ------
    OSError
        If the file is missing, unreadable, empty, truncated or not FITS, also
        where that shows later, while it is open: there, any error that reading may
        bring about counts as that, but not a `ContentError`.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{argument} {path}: no such file")
    try:
        with warnings.catch_warnings():
            # A file that ends too early is only warned about at first.
            warnings.filterwarnings("ignore" if truncated else "error", ".*truncated.*")
            warnings.simplefilter("ignore", VerifyWarning)
            # Opened here, so that it is closed whatever astropy stumbles over;
            # not mapped, as a file that shrinks meanwhile would end the process.
            with path.open("rb") as stream, fits.open(stream, memmap=False) as hdus:
                yield hdus
    except ContentError:
        raise
    except Exception as exc:
        # Damaged headers make readers fail in ways that nobody has listed.
        reason = in_one_line(exc)
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
        _walk_to(hdus, wanted)
        try:
            index = hdus.index_of(wanted)
            if _dimensions(hdus[index]):
                return index
        except (KeyError, IndexError):
            pass
        raise ContentError(f"{what}: the file holds no image in HDU {wanted!r}")
    stack = None
    for index, hdu in each_hdu(hdus):
        dimensions = _dimensions(hdu)
        if dimensions == 2:
            return index
        if dimensions == 3 and stack is None:
            stack = index
    if stack is None:
        raise ContentError(f"{what}: the file holds no 2-D image")
    return stack


def _walk_to(hdus, wanted):
    """Read HDUs up to one of a name, as astropy does, but not for ever."""
    if isinstance(wanted, int):
        return
    name, version = wanted if isinstance(wanted, tuple) else (wanted, None)
    for _, hdu in each_hdu(hdus):
        same = hdu.name.upper() == str(name).upper()
        if same and version in (None, hdu.ver):
            return


def _dimensions(hdu):
    return len(hdu.shape) if hdu.is_image and 0 not in hdu.shape else 0


def _read_parts(hdu, parts, fill):
    """Read parts of an image to where they belong in an array."""
    values = [hdu.section[part] for part in parts]
    kind = values[0].dtype.newbyteorder("=")
    if kind.kind in "iu" and np.isnan(fill):
        kind = np.dtype(float)
    data = np.full(hdu.shape, fill, kind)
    for part, value in zip(parts, values, strict=True):
        data[part] = value
    return data
