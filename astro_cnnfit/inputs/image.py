# Licensed under a 3-clause BSD style license - see LICENSE
"""
Everything a user may call an image.

`parse_image` takes arrays, quantities, masked arrays, `~astropy.nddata.NDData`
and FITS HDUs apart into data, mask, error, unit and WCS, so that no other part
of the package looks at types. What it returns may share memory with what it was
given: treat it as read-only.
"""

import warnings
from dataclasses import dataclass
from typing import Any

import astropy.units as u
import numpy as np
from astropy.io import fits
from astropy.nddata import NDData
from astropy.utils.masked import Masked
from astropy.wcs import WCS, FITSFixedWarning

__all__ = ["Image", "header_unit", "header_wcs", "parse_image"]

ACCEPTED = (
    "a 2-D image (ny, nx) or a stack of images (N, ny, nx) of real numbers: an "
    "array, Quantity, MaskedArray, NDData or FITS image HDU"
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


def parse_image(data, *, mask=None, error=None, argument="data", single=False):
    """
    Take an image apart into plain arrays, unit and WCS.

    Parameters
    ----------
    data : array_like, `~astropy.units.Quantity`, `~numpy.ma.MaskedArray`, \
`~astropy.nddata.NDData`, FITS image HDU or `Image`
        One image (ny, nx) or a stack (N, ny, nx). Of NDData the mask, the
        uncertainty (standard deviation, variance or inverse variance), unit and
        WCS are taken; of an HDU the unit (BUNIT) and celestial WCS. An `Image`
        was taken apart before and is returned as it is.
    mask : array_like of bool, optional
        True or nonzero where a pixel is not to be used; shape of ``data``.
    error : array_like or `~astropy.units.Quantity`, optional
        Standard deviations in the unit of ``data``; one number, or an array of
        the shape of ``data``.
    argument : str
        Name of the argument, for messages.
    single : bool
        Leave values that are float32 as they are, without a copy twice as large.

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
        If a shape or unit does not fit, ``data`` is empty, or ``mask`` or
        ``error`` is given although ``data`` brings its own.
    """
    if isinstance(data, Image):
        _only_one("mask", mask, True, argument)
        _only_one("error", error, True, argument)
        return data
    values, own_mask, own_error, unit, wcs = _take_apart(data, argument)
    values = _real_array(values, argument)
    if values.ndim not in (2, 3) or values.size == 0:
        raise ValueError(
            f"{argument} must be {ACCEPTED}; got "
            f"{'an empty array' if values.size == 0 else f'{values.ndim} dimensions'}"
            f" with shape {values.shape}"
        )
    mask = _only_one("mask", mask, own_mask, argument)
    error = _only_one("error", error, own_error, argument)

    kept = single and values.dtype.type is np.float32
    values = np.ascontiguousarray(values, dtype=np.float32 if kept else np.float64)
    bad = _not_finite(values)
    if mask is not None:
        bad = bad | _parse_mask(mask, values.shape, argument)
    if error is not None:
        error = _parse_error(error, values.shape, unit, argument)
        bad = bad | ~(np.isfinite(error) & (error > 0))
    return Image(values, bad if np.any(bad) else None, error, unit, wcs)


def _not_finite(values):
    """Pixels that are not finite, or False if all are."""
    # A sum tells in a fraction of the time, unless it overflows.
    with np.errstate(over="ignore", invalid="ignore"):
        finite = np.isfinite(values.sum())
    return False if finite else ~np.isfinite(values)


def _take_apart(data, argument):
    """Return values, mask, error, unit and WCS, each None where there is none."""
    if isinstance(data, NDData):
        error = _error_from_uncertainty(data, argument)
        return data.data, data.mask, error, data.unit, data.wcs
    if isinstance(data, _IMAGE_HDUS):
        if data.data is None:
            raise ValueError(
                f"{argument} is an HDU without data; it must be {ACCEPTED}"
            )
        header = data.header
        return data.data, None, None, header_unit(header), header_wcs(header)
    mask = unit = None
    if isinstance(data, Masked):
        data, mask = data.unmasked, data.mask
    elif isinstance(data, np.ma.MaskedArray):
        mask = None if data.mask is np.ma.nomask else np.ma.getmaskarray(data)
        data = data.data
    if isinstance(data, u.Quantity):
        data, unit = data.value, data.unit
    return data, mask, None, unit, None


def header_unit(header):
    """
    Unit of an image, from its FITS header.

    Parameters
    ----------
    header : `~astropy.io.fits.Header`

    Returns
    -------
    `~astropy.units.UnitBase` or None
    """
    text = header.get("BUNIT")
    if not text:
        return None
    try:
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


def _error_from_uncertainty(data, argument):
    uncertainty = data.uncertainty
    if uncertainty is None:
        return None
    kinds = {
        "std": lambda value: value,
        "var": lambda value: value**0.5,
        "ivar": lambda value: 1 / value**0.5,
    }
    kind = uncertainty.uncertainty_type
    if kind not in kinds:
        raise ValueError(
            f"the uncertainty of {argument} must be a standard deviation, variance "
            f"or inverse variance, got {type(uncertainty).__name__}"
        )
    values = _real_array(uncertainty.array, f"the uncertainty of {argument}")
    if uncertainty.unit is not None:
        values = values * uncertainty.unit
    # Zero or negative (inverse) variances become bad pixels, not warnings.
    with np.errstate(divide="ignore", invalid="ignore"):
        return kinds[kind](values)


def _real_array(values, argument):
    """Return an array of real numbers, or say what it should have been."""
    try:
        values = np.asarray(values)
    except ValueError as exc:
        raise ValueError(f"{argument} must be a regular array: {exc}") from exc
    if values.dtype.kind not in "iuf":
        raise TypeError(
            f"{argument} must hold real numbers, got dtype {values.dtype} of shape "
            f"{values.shape}"
        )
    return values


def _only_one(name, given, own, argument):
    if given is not None and own is not None:
        raise ValueError(f"{name} must not be given: {argument} brings its own {name}")
    return own if given is None else given


def _plain(values):
    """Return the array of an HDU; anything else as it is."""
    return values.data if isinstance(values, _IMAGE_HDUS) else values


def _parse_mask(mask, shape, argument):
    mask = np.asarray(_plain(mask))
    if mask.dtype.kind not in "biuf":
        raise TypeError(f"mask must hold booleans, got dtype {mask.dtype}")
    if mask.shape != shape:
        raise ValueError(
            f"mask must have the shape of {argument}, {shape}, got {mask.shape}"
        )
    return mask.astype(bool)


def _parse_error(error, shape, unit, argument):
    error = _plain(error)
    own_unit = getattr(error, "unit", None)
    if (own_unit is None) != (unit is None):
        raise ValueError(
            f"error must have the unit of {argument}, {unit}, got {own_unit}"
        )
    if own_unit is not None:
        try:
            error = error.to_value(unit)
        except u.UnitConversionError as exc:
            raise ValueError(
                f"error must have the unit of {argument}, {unit}: {exc}"
            ) from exc
    if isinstance(error, np.ma.MaskedArray):
        error = error.astype(float).filled(np.nan)
    error = _real_array(error, "error")
    if error.ndim and error.shape != shape:
        raise ValueError(
            f"error must be a number or have the shape of {argument}, {shape}, got "
            f"{error.shape}"
        )
    return np.ascontiguousarray(np.broadcast_to(error, shape), dtype=np.float64)
