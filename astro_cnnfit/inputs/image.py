# Licensed under a 3-clause BSD style license - see LICENSE
"""
Everything a user may call an image.

`parse_image` takes arrays, quantities, masked arrays, `~astropy.nddata.NDData`,
FITS HDUs and lists of them apart into data, mask, error, unit and WCS, so that no
other part of the package looks at types. What it returns may share memory with what
it was given: treat it as read-only.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import astropy.units as u
import numpy as np
from astropy.io import fits
from astropy.nddata import NDData
from astropy.utils.masked import Masked

from .blank import blank_pixels
from .extensions import parts_of_hdus
from .headers import header_unit, header_wcs
from .masks import parse_mask
from .parts import Parts
from .uncertainties import error_from_uncertainty, parse_error, real_array

__all__ = ["Image", "header_unit", "header_wcs", "parse_image", "parse_values"]

ACCEPTED = (
    "a 2-D image (ny, nx) or a stack of images (N, ny, nx) of real numbers: an "
    "array, Quantity, MaskedArray, NDData, FITS image HDU or HDUList"
)

_IMAGE_HDUS = (fits.PrimaryHDU, fits.ImageHDU, fits.CompImageHDU)


@dataclass(frozen=True, eq=False)
class Image:
    """An image, or a stack of images, taken apart."""

    data: np.ndarray
    """Pixel values, (ny, nx) or (N, ny, nx), native and contiguous; float64, or
    float32 where that was asked for."""
    mask: np.ndarray | None = None
    """True where a pixel is not to be used, or None if all are good."""
    error: np.ndarray | None = None
    """Standard deviation of each pixel, in the unit of the data; float64, or float32
    where it was read as that."""
    unit: u.UnitBase | None = None
    """Unit of the data."""
    wcs: Any = None
    """World coordinate system."""
    header: Mapping | None = None
    """Keywords that may tell the zero-point, or None if it is not to be looked for;
    see `~astro_cnnfit.inputs.find_zeropoint`."""


def parse_image(
    data, *, mask=None, error=None, bad_bits=None, hdu=None, argument="data",
    single=False, find_blank=False,
):  # fmt: skip
    """
    Take an image apart into plain arrays, unit and WCS.

    Parameters
    ----------
    data : array_like, `~astropy.units.Quantity`, `~numpy.ma.MaskedArray`, \
`~astropy.nddata.NDData`, FITS image HDU, `~astropy.io.fits.HDUList` or `Image`
        One image (ny, nx) or a stack (N, ny, nx). Of NDData (and CCDData) the mask,
        the uncertainty (standard deviation, variance or inverse variance), unit,
        WCS and ``meta`` are taken; of an HDU the unit (BUNIT), celestial WCS and
        header. Of a list of HDUs the image is the one named SCI (or IMAGE), or else
        the only one; its errors and masks are in the extensions of
        `~astro_cnnfit.inputs.extensions.COMPANIONS`. An `Image` was taken apart
        before and is returned as it is.
    mask : array_like or image HDU, optional
        True or nonzero where a pixel is not to be used; shape of ``data``. With
        ``bad_bits``, whole numbers.
    error : array_like, `~astropy.units.Quantity` or image HDU, optional
        Standard deviations in the unit of ``data``; one number, or an array of
        the shape of ``data``.
    bad_bits : sequence of int and str, optional
        Bits of the mask that make a pixel bad: their values (powers of two), or the
        names that the mask's header gives them (keywords MP_*). Without it, any
        bit does. Of CCDData, ``flags`` count with it, and not without.
    hdu : int, str or tuple, optional
        Which HDU of a list is the image.
    argument : str
        Name of the argument, for messages.
    single : bool
        Leave values that are float32 as they are, without a copy twice as large.
    find_blank : bool
        Whether zeros may stand for no data; see
        `~astro_cnnfit.inputs.blank.blank_pixels`. They become NaN.

    Returns
    -------
    image : `Image`
        Its mask includes the pixels that are not finite and those whose error is
        not a positive finite number (as an inverse variance of zero gives).

    Raises
    ------
    TypeError
        If ``data``, ``mask`` or ``error`` do not hold real numbers.
    ValueError
        If a shape or unit does not fit, ``data`` is in magnitudes, empty or a colour
        image (ny, nx, 3), ``mask`` or ``error`` is given although ``data`` brings its
        own, a list of HDUs has no image or more than one, or ``bad_bits`` are not bits
        of a mask.
    """
    if isinstance(data, Image):
        for name, value in (("mask", mask), ("error", error), ("bad_bits", bad_bits)):
            _only_one(name, value, True, argument)
        return data
    parts = _take_apart(data, argument, hdu)
    values = real_array(parts.values, argument)
    if values.ndim not in (2, 3) or values.size == 0:
        raise ValueError(
            f"{argument} must be {ACCEPTED}; got "
            f"{'an empty array' if values.size == 0 else f'{values.ndim} dimensions'}"
            f" with shape {values.shape}"
        )
    _refuse_colours(values.shape, argument)
    if _is_logarithmic(parts.unit):
        raise ValueError(
            f"{argument} must be in linear units, got the logarithmic {parts.unit}"
        )
    mask = _only_one("mask", mask, parts.mask, argument)
    error = _only_one("error", error, parts.error, argument)

    kept = single and values.dtype.type is np.float32
    values = np.ascontiguousarray(values, dtype=np.float32 if kept else np.float64)
    blank = blank_pixels(values) if find_blank else False
    if np.any(blank):
        values = np.where(blank, values.dtype.type(np.nan), values)
    bad = _not_finite(values)
    for found in _masks(mask, parts, values.shape, argument, bad_bits):
        bad = bad | found
    if error is not None:
        error = parse_error(
            error, values.shape, parts.unit, argument, plain=parts.plain_errors
        )
        bad = bad | ~(np.isfinite(error) & (error > 0))
    bad = bad if np.any(bad) else None
    return Image(values, bad, error, parts.unit, parts.wcs, parts.header)


def parse_values(data, *, argument="data"):
    """
    Take the pixel values of an image, without any mask or error.

    Parameters
    ----------
    data
        What `parse_image` takes.
    argument : str
        Name of the argument, for messages.

    Returns
    -------
    image : `Image`
        Its mask has the pixels that are not finite alone.

    Raises
    ------
    TypeError, ValueError
        As `parse_image`.
    """
    if not isinstance(data, Image):
        data = _take_apart(data, argument, None)
        data = data._replace(mask=None, error=None, flags=None, unusable=None)
    return parse_image(data, argument=argument)


def _refuse_colours(shape, argument):
    """
    Refuse an image whose last axis is its colours, as pictures have it.

    As a stack it would be one of images 3 or 4 pixels wide, in which there is nothing
    to measure. Those that are as small the other way are left alone.
    """
    if len(shape) == 3 and shape[2] in (3, 4) and min(shape[:2]) > 4:
        raise ValueError(
            f"{argument} must be {ACCEPTED}; got shape {shape}, a colour image: take "
            f"one colour, {argument}[:, :, 0], or make it a stack of {shape[2]} images "
            f"with numpy.moveaxis({argument}, -1, 0)"
        )


def _is_logarithmic(unit):
    """Whether a unit is one of magnitudes, of which light is not the sum."""
    if unit is None or isinstance(unit, u.LogUnit):
        return unit is not None
    return u.dex in unit.decompose().bases


def _not_finite(values):
    """Pixels that are not finite, or False if all are."""
    # A sum tells in a fraction of the time, unless it overflows.
    with np.errstate(over="ignore", invalid="ignore"):
        finite = np.isfinite(values.sum())
    return False if finite else ~np.isfinite(values)


def _masks(mask, parts, shape, argument, bad_bits):
    """Go through the masks that there are, as booleans."""
    if bad_bits is not None and mask is None and parts.flags is None:
        raise ValueError(
            f"bad_bits must not be given: neither mask nor {argument} has bits"
        )
    if parts.unusable is not None:
        yield parts.unusable
    if bad_bits is not None and parts.flags is not None:
        yield parse_mask(parts.flags, shape, argument, bad_bits=bad_bits)
        if np.asarray(mask).dtype == bool:
            bad_bits = None  # they are those of the flags
    if mask is not None:
        header = mask.header if isinstance(mask, _IMAGE_HDUS) else parts.flag_header
        mask = mask.data if isinstance(mask, _IMAGE_HDUS) else mask
        yield parse_mask(mask, shape, argument, bad_bits=bad_bits, header=header)


def _take_apart(data, argument, hdu):
    """Return the parts of what was brought, by its type."""
    if isinstance(data, fits.HDUList):
        return parts_of_hdus(data, argument, hdu)
    if hdu is not None:
        raise ValueError(f"hdu must not be given: {argument} is no list of HDUs")
    if isinstance(data, Parts):
        return data
    if isinstance(data, NDData):
        error = error_from_uncertainty(data, argument)
        return Parts(
            data.data, data.mask, error, data.unit, data.wcs, data.meta,
            flags=getattr(data, "flags", None),
        )  # fmt: skip
    if isinstance(data, _IMAGE_HDUS):
        if data.data is None:
            raise ValueError(
                f"{argument} is an HDU without data; it must be {ACCEPTED}"
            )
        header = data.header
        return Parts(
            data.data, None, None, header_unit(header), header_wcs(header), header,
            plain_errors=True,
        )  # fmt: skip
    mask = unit = None
    if isinstance(data, Masked):
        data, mask = data.unmasked, data.mask
    elif isinstance(data, np.ma.MaskedArray):
        mask = None if data.mask is np.ma.nomask else np.ma.getmaskarray(data)
        data = data.data
    if isinstance(data, u.Quantity):
        data, unit = data.value, data.unit
    return Parts(data, mask, None, unit)


def _only_one(name, given, own, argument):
    if given is not None and own is not None:
        raise ValueError(f"{name} must not be given: {argument} brings its own {name}")
    return own if given is None else given
