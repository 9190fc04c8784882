# Licensed under a 3-clause BSD style license - see LICENSE
"""What FITS headers say of an image: its unit and its place on the sky."""

import warnings

import astropy.units as u
import numpy as np
from astropy.io.fits.verify import VerifyError
from astropy.wcs import WCS, FITSFixedWarning

__all__ = ["header_number", "header_text", "header_unit", "header_value", "header_wcs"]

_COUNTS = {
    "electron": ("ELECTRON", "ELECTRONS", "E-", "E"),
    "ct": ("COUNT", "COUNTS", "CTS"),
    "adu": ("ADU", "ADUS"),
    "DN": ("DN", "DNS"),
}
# Units as HST and ground-based pipelines spell them, which the FITS standard does not.
_SPELLINGS = {
    f"{text}{per}": f"{name}{' / s' if per else ''}"
    for name, texts in _COUNTS.items()
    for text in texts
    for per in ("", "/S", "/SEC", "/SECOND")
} | {
    "CPS": "ct / s",
    "MJY/SR": "MJy / sr",
    "NANOMAGGIES": "nmgy",
    "MICROJANSKY": "uJy",
    "MICROJY": "uJy",
}


def header_unit(header):
    """
    Unit of an image, from its FITS header.

    Parameters
    ----------
    header : `~astropy.io.fits.Header` or dict

    Returns
    -------
    `~astropy.units.UnitBase` or None
        None where there is no BUNIT, or one that nobody can read.
    """
    text = header_text(header, "BUNIT")
    if not text:
        return None
    text = _SPELLINGS.get(text.upper().replace(" ", ""), text)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", u.UnitsWarning)
            return u.Unit(text)
    except ValueError:
        # Many files have free text there; the numbers are good all the same.
        return None


def header_wcs(header, hdus=None):
    """
    Celestial WCS of an image, from its FITS header.

    Parameters
    ----------
    header : `~astropy.io.fits.Header`
    hdus : `~astropy.io.fits.HDUList`, optional
        The file, where a distortion may be kept as a table of its own.

    Returns
    -------
    `~astropy.wcs.WCS` or None
        None where there is none, or one that cannot be read.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FITSFixedWarning)
        try:
            wcs = WCS(header, hdus)
        except Exception:  # wcslib raises many kinds for headers it cannot read
            return None
    return wcs.celestial if wcs.has_celestial else None


def header_number(header, keyword):
    """
    A number of a header.

    Parameters
    ----------
    header : `~astropy.io.fits.Header` or dict
    keyword : str

    Returns
    -------
    float or None
        None where there is none, or something else than a finite number.
    """
    value = header_value(header, keyword)
    number = isinstance(value, (int, float, np.number))
    if not number or isinstance(value, (bool, np.bool_)) or not np.isfinite(value):
        return None
    return float(value)


def header_text(header, keyword):
    """
    A text of a header.

    Parameters
    ----------
    header : `~astropy.io.fits.Header` or dict
    keyword : str

    Returns
    -------
    str
        Without the spaces around it; empty where there is none.
    """
    value = header_value(header, keyword)
    return value.strip() if isinstance(value, str) else ""


def header_value(header, keyword):
    """
    What a header says, whatever its type.

    Parameters
    ----------
    header : `~astropy.io.fits.Header` or dict
    keyword : str

    Returns
    -------
    object
        None where there is nothing, or what cannot be read.
    """
    # Dictionaries of NDData may have keywords in small letters.
    for name in (keyword, keyword.lower()):
        try:
            if name in header:
                return header[name]
        except VerifyError:  # a damaged card says nothing
            return None
    return None
