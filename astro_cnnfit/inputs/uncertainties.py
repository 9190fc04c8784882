# Licensed under a 3-clause BSD style license - see LICENSE
"""Standard deviations of pixels, from what stands for them."""

import astropy.units as u
import numpy as np
from astropy.io import fits

from .headers import header_unit
from .paths import refuse_path

__all__ = ["error_from_uncertainty", "parse_error", "real_array"]

_KINDS = {
    "std": lambda value: value,
    "var": lambda value: value**0.5,
    "ivar": lambda value: 1 / value**0.5,
}
_IMAGE_HDUS = (fits.PrimaryHDU, fits.ImageHDU, fits.CompImageHDU)


def error_from_uncertainty(data, argument):
    """
    Standard deviations of an NDData.

    Parameters
    ----------
    data : `~astropy.nddata.NDData`
        With a standard deviation, a variance, an inverse variance, or nothing.
    argument : str
        Its name, for messages.

    Returns
    -------
    `~numpy.ndarray`, `~astropy.units.Quantity` or None

    Raises
    ------
    TypeError
        If it does not hold real numbers.
    ValueError
        If it is another kind of uncertainty.
    """
    uncertainty = data.uncertainty
    if uncertainty is None:
        return None
    kind = uncertainty.uncertainty_type
    if kind not in _KINDS:
        raise ValueError(
            f"the uncertainty of {argument} must be a standard deviation, variance "
            f"or inverse variance, got {type(uncertainty).__name__}"
        )
    values = real_array(uncertainty.array, f"the uncertainty of {argument}")
    if uncertainty.unit is not None:
        values = values * uncertainty.unit
    # Zero or negative (inverse) variances become bad pixels, not warnings.
    with np.errstate(divide="ignore", invalid="ignore"):
        return _KINDS[kind](values)


def parse_error(error, shape, unit, argument, *, plain=False):
    """
    Turn standard deviations into an array in the unit of the data.

    Parameters
    ----------
    error : array_like, `~astropy.units.Quantity` or image HDU
        One number, or one for each pixel.
    shape : tuple of int
        Of the image.
    unit : `~astropy.units.UnitBase` or None
        Of the image.
    argument : str
        Name of the image, for messages.
    plain : bool
        Whether errors without unit are in that of the image.

    Returns
    -------
    `~numpy.ndarray`
        (ny, nx) or (N, ny, nx), float64.

    Raises
    ------
    TypeError
        If it does not hold real numbers.
    ValueError
        If its unit or shape does not fit.
    """
    refuse_path(error, "error")
    own_unit = getattr(error, "unit", None)
    if isinstance(error, _IMAGE_HDUS):
        own_unit = header_unit(error.header)
        # In a file a unit is a label: it may be missing on either side.
        plain, error = True, error.data
        own_unit = None if unit is None else own_unit
        error = error if own_unit is None else error * own_unit
    if (own_unit is None) != (unit is None) and not (plain and own_unit is None):
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
    error = real_array(error, "error")
    if error.ndim and error.shape != shape:
        raise ValueError(
            f"error must be a number or have the shape of {argument}, {shape}, got "
            f"{error.shape}"
        )
    return np.ascontiguousarray(np.broadcast_to(error, shape), dtype=np.float64)


def real_array(values, argument):
    """
    Return an array of real numbers, or say what it should have been.

    Parameters
    ----------
    values : array_like
    argument : str
        Its name, for messages.

    Returns
    -------
    `~numpy.ndarray`

    Raises
    ------
    TypeError
        If it does not hold real numbers.
    ValueError
        If it is not a regular array.
    """
    refuse_path(values, argument)
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
