# Licensed under a 3-clause BSD style license - see LICENSE
"""
The zero-point of an image, from its unit and header.

`CONVENTIONS` lists what is recognised, and who writes it. What is not in the list, or
is of the Vega system, is not used: a magnitude that is wrong looks like any other.
"""

import logging
from collections.abc import Callable
from typing import NamedTuple

import astropy.units as u
import numpy as np

from .headers import header_number, header_text, header_unit
from .sky import pixel_area

__all__ = ["CONVENTIONS", "NOT_USED", "Convention", "ZeroPoint", "find_zeropoint"]

logger = logging.getLogger(__name__)

TOLERANCE = 0.005
"""Magnitudes by which two zero-points may differ."""

_RATES = [u.electron / u.s, u.ct / u.s, u.adu / u.s, u.DN / u.s]
_TOTALS = [u.electron, u.ct, u.adu, u.DN]
# STScI: ABMAG = -2.5 log10(PHOTFLAM) - 21.10 - 5 log10(PHOTPLAM) + 18.6921.
_AB_OF_ST = -21.10 + 18.6921


class ZeroPoint(NamedTuple):
    """Magnitude (AB) of unit flux, and where it is from."""

    value: float
    """Magnitude of a source whose flux is one, in the unit of the image times a
    pixel."""
    source: str
    """What it was taken from, such as 'MAGZERO of the header'."""


class Convention(NamedTuple):
    """A way to write down a zero-point."""

    names: str
    """The keywords, or the kind of unit."""
    meaning: str
    """What they say, and when they count."""
    found_in: str
    """Surveys and pipelines that write them."""
    read: Callable
    """Called with header, unit, and the area of a pixel in steradians (a function
    without arguments); returns a `ZeroPoint` or None."""


def find_zeropoint(image):
    """
    Find the zero-point of an image.

    Parameters
    ----------
    image : `~astro_cnnfit.inputs.Image`
        Its unit, header and WCS are looked at.

    Returns
    -------
    `ZeroPoint` or None
        In AB magnitudes; None where nothing of `CONVENTIONS` is there.

    Raises
    ------
    ValueError
        If two of them differ by more than 0.005 magnitudes.
    """
    header = image.header
    if header is None:
        return None
    unit = header_unit(header) if image.unit is None else image.unit

    def area():
        return pixel_area(image.wcs, image.data.shape)

    found = [row.read(header, unit, area) for row in CONVENTIONS]
    found = [zeropoint for zeropoint in found if zeropoint is not None]
    if not found:
        return None
    first = found[0]
    for other in found[1:]:
        if abs(other.value - first.value) > TOLERANCE:
            raise ValueError(
                f"zeropoint must be given: {first.source} says {first.value:.4f} and "
                f"{other.source} says {other.value:.4f}"
            )
    logger.info("zero-point %.4f (AB), from %s", first.value, first.source)
    return first


def _of_flux_density(header, unit, area):
    if unit is None or not unit.is_equivalent(u.Jy):
        return None
    return ZeroPoint(float((1 * unit).to_value(u.ABmag)), f"unit {unit}")


def _of_maggies(header, unit, area):
    if unit is None or not unit.is_equivalent(u.mgy):
        return None
    return ZeroPoint(float(-2.5 * np.log10(unit.to(u.mgy))), f"unit {unit}")


def _of_surface_brightness(header, unit, area):
    if unit is None or not unit.is_equivalent(u.Jy / u.sr):
        return None
    steradians, source = header_number(header, "PIXAR_SR"), "PIXAR_SR of the header"
    if steradians is None or steradians <= 0:
        steradians, source = area(), "the WCS"
    if steradians is None:
        return None
    flux = (1 * unit * steradians * u.sr).to(u.Jy)
    return ZeroPoint(float(flux.to_value(u.ABmag)), f"unit {unit} and {source}")


def _keyword(name, allowed):
    """Read a keyword that holds the zero-point itself."""

    def read(header, unit, area):
        value = header_number(header, name)
        if value is None:
            return None
        if _is_vega(header) or not allowed(header):
            logger.info("%s of the header is not used: system or unit unknown", name)
            return None
        return ZeroPoint(value, f"{name} of the header")

    return read


def _is_vega(header):
    return any("VEGA" in header_text(header, name).upper() for name in _SYSTEM)


_SYSTEM = ("PHOTSYS", "MAGSYS", "ZPSYS", "MAGTYPE")


def _is_ab(header):
    systems = [header_text(header, name).upper() for name in _SYSTEM]
    return _is_from(header, "MEGAPRIME") or any(
        system.startswith("AB") for system in systems
    )


def _is_from(header, *instruments):
    return header_text(header, "INSTRUME").upper().startswith(instruments)


def _is_ztf(header):
    return _is_from(header, "ZTF")


def _unit_is_clear(header):
    # These say counts a second in one header and ADU in the other, and the number
    # goes with neither.
    return not _is_from(header, "MOSAIC3", "90PRIME")


def _of_fluxmag0(header, unit, area):
    flux = header_number(header, "FLUXMAG0")
    if flux is None or flux <= 0:
        return None
    return ZeroPoint(float(2.5 * np.log10(flux)), "FLUXMAG0 of the header")


def _of_photflam(header, unit, area):
    flux, pivot = (header_number(header, name) for name in ("PHOTFLAM", "PHOTPLAM"))
    seconds = _seconds(header, unit)
    if None in (flux, pivot, seconds) or min(flux, pivot) <= 0:
        return None
    value = -2.5 * np.log10(flux / seconds) - 5 * np.log10(pivot) + _AB_OF_ST
    return ZeroPoint(float(value), "PHOTFLAM and PHOTPLAM of the header")


def _of_photfnu(header, unit, area):
    flux, seconds = header_number(header, "PHOTFNU"), _seconds(header, unit)
    if None in (flux, seconds) or flux <= 0:
        return None
    value = (flux / seconds * u.Jy).to_value(u.ABmag)
    return ZeroPoint(float(value), "PHOTFNU of the header")


def _seconds(header, unit):
    """Time in which unit flux was gathered: 1 for rates; None where it is unknown."""
    if unit in _RATES:
        return 1.0
    seconds = header_number(header, "EXPTIME") if unit in _TOTALS else None
    return seconds if seconds is not None and seconds > 0 else None


CONVENTIONS = (
    Convention(
        "unit nJy, uJy, Jy, ...",
        "flux density of each pixel; exact",
        "Rubin LSST, mosaics of HST and JWST in nJy or 10 nJy", _of_flux_density,
    ),
    Convention(
        "unit nanomaggy", "22.5 for nanomaggies; of SDSS within 0.04 of AB",
        "Legacy Surveys, SDSS", _of_maggies,
    ),
    Convention(
        "unit MJy/sr, ...",
        "surface brightness, times the area of a pixel: ``PIXAR_SR``, or else that of "
        "the WCS in the middle of the image",
        "JWST (``PIXAR_SR``), Spitzer", _of_surface_brightness,
    ),
    Convention(
        "``MAGZERO``", "magnitude of unit flux",
        "DES, DECam Community Pipeline, Legacy Surveys, Euclid",
        _keyword("MAGZERO", _unit_is_clear),
    ),
    Convention(
        "``PHOTZP``",
        "magnitude of unit flux, where ``PHOTSYS`` is AB or the instrument MegaPrime",
        "ESO data products (KiDS), MegaPipe", _keyword("PHOTZP", _is_ab),
    ),
    Convention(
        "``MAGZP``", "magnitude of unit flux, where the instrument is ZTF's",
        "ZTF", _keyword("MAGZP", _is_ztf),
    ),
    Convention(
        "``FLUXMAG0``", "flux of magnitude zero",
        "HSC, older versions of the LSST pipelines", _of_fluxmag0,
    ),
    Convention(
        "``PHOTFLAM``, ``PHOTPLAM``",
        "flux density per wavelength of one count a second, and pivot wavelength; "
        "where the unit is counts, electrons, ... a second, or without \"a second\" "
        "and ``EXPTIME`` is there", "HST", _of_photflam,
    ),
    Convention(
        "``PHOTFNU``", "flux density in Jy of one count a second; as ``PHOTFLAM``",
        "HST (WFC3/IR, NICMOS)", _of_photfnu,
    ),
)  # fmt: skip
"""What is recognised; the first that is there gives the value, and the others must
agree with it."""

NOT_USED = (
    ("``MAGZP`` of 2MASS and WISE, ``MAGZPT`` of WFCAM and VISTA", "Vega system"),
    ("any ``MAGZERO``, ``PHOTZP`` where ``PHOTSYS`` or ``MAGSYS`` is VEGA", "Vega"),
    ("``MAGZERO`` of Mosaic-3 and 90Prime", "their headers do not agree on the unit"),
    ("``MAGZEROP`` (SCAMP), ``ZEROPT``, ``ZP`` and others", "system or unit unknown"),
    ("``PHOTZPT`` of HST", "zero-point of the ST system, not of the image"),
    ("``FPA.ZP`` of Pan-STARRS", "its images are stored on a scale of arsinh"),
)
"""Keywords that look as if they could be, and why they are not used."""
