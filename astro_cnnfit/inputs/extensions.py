# Licensed under a 3-clause BSD style license - see LICENSE
"""Files of several extensions: which holds the image, and which its companions."""

import itertools
from collections import ChainMap
from typing import NamedTuple

import numpy as np
from astropy.io import fits

from .headers import header_text, header_unit, header_wcs
from .parts import Parts

__all__ = [
    "COMPANIONS",
    "Companion",
    "ContentError",
    "each_hdu",
    "find_companions",
    "find_science",
    "has_companions",
    "parts_of_hdus",
]

SCIENCE = ("SCI", "SCIENCE", "IMAGE")
"""Names of the extension with the image; the first that is there counts."""


class Companion(NamedTuple):
    """What an extension beside the image holds."""

    names: tuple
    """Of the extension (EXTNAME or EXTTYPE), in capital letters; the first that is
    there counts."""
    role: str
    """'error', 'variance', 'weight' (inverse variance), 'mask' or 'coverage'."""
    description: str
    """What is made of it."""
    found_in: str
    """Who writes files with it."""


COMPANIONS = (
    Companion(("ERR", "ERROR", "SIGMA", "RMS"), "error",
              "standard deviation of each pixel", "HST, JWST"),
    Companion(("VAR", "VARIANCE"), "variance", "variance of each pixel",
              "HSC, Rubin LSST"),
    Companion(("IVAR", "INVVAR"), "weight", "inverse variance of each pixel",
              "Legacy Surveys"),
    Companion(("DQ", "MASK"), "mask", "bit mask; see ``bad_bits``",
              "HST, JWST (DQ); HSC, Rubin LSST (MASK)"),
    Companion(("WHT", "WEIGHT"), "coverage",
              "pixels without weight are masked; no errors are made of it, as it may "
              "be an exposure time", "HST, JWST"),
)  # fmt: skip
"""Extensions beside the image that are understood. Of those that hold errors, the
first in this order counts."""

_TO_ERROR = {
    "error": lambda values: values,
    "variance": lambda values: values**0.5,
    "weight": lambda values: values**-0.5,
}
# Images that are no picture of the sky: more noise terms, depths, contexts, tables
# of distortion.
_OTHERS = {
    *("CON", "CTX", "EXP", "NSAMP", "SAMP", "TIME", "AREA", "PSF", "D2IMARR"),
    *("WCSDVARR", "VAR_POISSON", "VAR_RNOISE", "VAR_FLAT", "DEPTH", "SEGM"),
}
_IMAGES = (fits.PrimaryHDU, fits.ImageHDU, fits.CompImageHDU)


class ContentError(ValueError):
    """A file can be read, but does not hold what is wanted of it."""


def each_hdu(hdus):
    """
    Go through the HDUs of a file, each read when it is its turn.

    Of a compressed file, what comes later is not gone through.

    Parameters
    ----------
    hdus : `~astropy.io.fits.HDUList`
        A file, or a list that was put together.

    Yields
    ------
    index : int
    hdu : HDU

    Raises
    ------
    OSError
        At an HDU with a damaged header: astropy would find it again and again.
    """
    for index in itertools.count():
        try:
            hdu = hdus[index]
        except IndexError:
            return
        # One of negative size would be followed by those before it, for ever.
        if not hasattr(hdu, "fileinfo") or hdu.size < 0:
            raise OSError(f"the header of HDU {index} is damaged")
        yield index, hdu


def parts_of_hdus(hdus, argument, hdu=None):
    """
    Take a file of several extensions apart.

    Parameters
    ----------
    hdus : `~astropy.io.fits.HDUList`
        A file, or a list that was put together.
    argument : str
        What it is, for messages.
    hdu : int, str or tuple, optional
        Which one is the image, by number or name; see `find_science`.

    Returns
    -------
    `Parts`
        Keywords that the image's header does not have are those of the first HDU.

    Raises
    ------
    ValueError
        As `find_science`; or a companion does not have the shape of the image.
    """
    index = find_science(hdus, argument, hdu)
    science = hdus[index]
    found = find_companions(hdus, index)
    header = ChainMap(science.header, hdus[0].header)
    error = mask = unusable = None
    flag_names = {}
    for role, companion in found.items():
        values = companion.data
        if values.shape != science.shape:
            raise ContentError(
                f"{argument}: {_label(companion)} must have the shape of "
                f"{_label(science)}, {science.shape}, got {values.shape}"
            )
        if role == "mask":
            mask, flag_names = values, companion.header
        elif role == "coverage":
            unusable = ~(np.isfinite(values) & (values > 0))
        else:
            # Zero or negative (inverse) variances become bad pixels, not warnings.
            with np.errstate(divide="ignore", invalid="ignore"):
                error = _TO_ERROR[role](np.asarray(values, dtype=np.float64))
    return Parts(
        science.data, mask, error, header_unit(header),
        header_wcs(science.header, hdus), header, flag_header=flag_names,
        unusable=unusable, plain_errors=True,
    )  # fmt: skip


def find_science(hdus, argument="data", hdu=None):
    """
    Find the extension that holds the image.

    Parameters
    ----------
    hdus : `~astropy.io.fits.HDUList`
        A file, or a list that was put together.
    argument : str
        What it is, for messages.
    hdu : int, str or tuple, optional
        Its number, name, or name and version. Otherwise it is the one named as
        `SCIENCE` says, or else the only image that is no companion.

    Returns
    -------
    int

    Raises
    ------
    ValueError
        If there is none, or more than one. The message names them.
    """
    images = dict(_images(hdus))
    if hdu is not None:
        try:
            index = hdus.index_of(hdu)
        except (KeyError, IndexError):
            index = None
        if index not in images:
            raise ContentError(f"{argument}: the file holds no image in HDU {hdu!r}")
        return index
    names = {index: _name(image) for index, image in images.items()}
    for wanted in SCIENCE:
        found = [index for index, name in names.items() if name == wanted]
        if found:
            break
    else:
        known = _OTHERS.union(*(companion.names for companion in COMPANIONS))
        found = [index for index, name in names.items() if name not in known]
    if not found:
        raise ContentError(f"{argument}: the file holds no image")
    if len(found) > 1:
        labels = ", ".join(f"{_label(images[i])} ({i})" for i in found)
        raise ContentError(
            f"{argument}: the file holds several images: {labels}; give one of them, "
            "or a list of HDUs with one and what belongs to it"
        )
    return found[0]


def find_companions(hdus, index):
    """
    Find what belongs to an image.

    Parameters
    ----------
    hdus : `~astropy.io.fits.HDUList`
        A file, or a list that was put together.
    index : int
        Number of the image.

    Returns
    -------
    dict
        HDUs by role (see `Companion`), of the image's version (EXTVER): one with
        errors at most, one mask and one coverage.
    """
    version = hdus[index].ver
    there = {}
    for number, hdu in _images(hdus):
        # One of another version belongs to another image.
        if number != index and hdu.ver == version:
            there.setdefault(_name(hdu), hdu)
    found = {}
    for companion in COMPANIONS:
        names = [name for name in companion.names if name in there]
        errors_known = companion.role in _TO_ERROR and found.keys() & _TO_ERROR.keys()
        if names and not errors_known:
            found[companion.role] = there[names[0]]
    return found


def has_companions(hdus):
    """
    Say whether a file has an extension whose name is known.

    Parameters
    ----------
    hdus : `~astropy.io.fits.HDUList`
        A file, or a list that was put together.

    Returns
    -------
    bool
    """
    known = {name for companion in COMPANIONS for name in companion.names}
    return any(_name(hdu) in known.union(SCIENCE) for _, hdu in _images(hdus))


def _images(hdus):
    for index, hdu in each_hdu(hdus):
        # HST writes constant images without pixels: as good as none.
        if isinstance(hdu, _IMAGES) and len(hdu.shape) > 1 and 0 not in hdu.shape:
            yield index, hdu


def _name(hdu):
    # HSC and Rubin tell the kind of an extension in EXTTYPE.
    name = hdu.header.get("EXTNAME") or header_text(hdu.header, "EXTTYPE")
    return str(name).strip().upper()


def _label(hdu):
    name = _name(hdu) or ("PRIMARY" if isinstance(hdu, fits.PrimaryHDU) else "no name")
    return f"{name},{hdu.ver}" if hdu.ver > 1 or "EXTVER" in hdu.header else name
