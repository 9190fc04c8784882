# Licensed under a 3-clause BSD style license - see LICENSE
"""From pixels to the sky: sizes in arcsec, position angles and coordinates."""

import astropy.units as u
import numpy as np

from astro_cnnfit.inputs.sky import pixel_offsets, to_sky
from astro_cnnfit.parameters import NAMES

__all__ = ["parse_pixel_scale", "sky_columns"]

_SHAPE = [NAMES.index(name) for name in ("r_eff", "ellip", "theta")]
# Of an ellipse: the part of its size below which it has no direction. The steps of
# a pixel are known to 1e-9 of themselves, and no projection is straight to 1e-6.
_ROUND = 1e-5


def parse_pixel_scale(pixel_scale):
    """
    The pixel scale in arcsec, from a number or a Quantity.

    Parameters
    ----------
    pixel_scale : float, `~astropy.units.Quantity` or None
        In arcsec per pixel if it has no unit.

    Returns
    -------
    float or None

    Raises
    ------
    ValueError
        If it is not one positive, finite number, or not an angle (per pixel).
    """
    if pixel_scale is None:
        return None
    takes = "one positive number of arcsec per pixel"
    value = pixel_scale
    try:
        if isinstance(value, u.Quantity):
            per_pixel = value.unit.is_equivalent(u.arcsec / u.pix)
            value = value.to_value(u.arcsec / u.pix if per_pixel else u.arcsec)
        value = float(value)
    except (TypeError, ValueError, u.UnitConversionError) as error:
        message = f"pixel_scale must be {takes}, got {pixel_scale!r}"
        raise ValueError(message) from error
    if not 0 < value < np.inf:
        raise ValueError(f"pixel_scale must be {takes}, got {pixel_scale!r}")
    return value


def sky_columns(params, covariance, *, wcs=None, pixel_scale=None):
    """
    The columns that need a pixel scale or a WCS.

    Parameters
    ----------
    params, covariance : `~numpy.ndarray`
        (N, 7) and (N, 7, 7), ``x_0, y_0`` in pixels of the image.
    wcs : WCS, optional
        Of the image, in astropy's common interface. One that is not
        celestial counts as none.
    pixel_scale : float, optional
        In arcsec; goes before the WCS's own.

    Returns
    -------
    dict
        ``r_eff_sky_fit, r_eff_sky_err`` and, with a WCS, ``pa_fit, pa_err``
        and ``sky_fit``.

    Notes
    -----
    The half-light ellipse is taken to the sky by the steps of one pixel around the
    galaxy's centre, so that flipped, rotated, stretched and distorted images are
    right too: on the sky its axes need not be those that it has in pixels. With
    ``pixel_scale``, ``r_eff`` is that of the pixels. North is that of ICRS. Errors
    are propagated linearly.
    """
    columns = {}
    centre = to_sky(wcs, params[:, 0], params[:, 1])
    if centre is not None:
        shape, own = params[:, _SHAPE], covariance[:, _SHAPE][:, :, _SHAPE]
        with np.errstate(invalid="ignore", divide="ignore"):
            offsets = pixel_offsets(wcs, *params[:, :2].T)
            r_eff, pa, derivative = _on_sky(shape, offsets)
            variance = np.einsum("nki,nij,nkj->nk", derivative, own, derivative)
        r_eff_err, pa_err = np.sqrt(np.maximum(variance, 0)).T
        columns["pa_fit"] = np.degrees(pa) % 180 % 180
        columns["pa_err"] = np.degrees(pa_err)
        columns["sky_fit"] = centre
    if pixel_scale is not None:
        r_eff, r_eff_err = params[:, 3], np.sqrt(covariance[:, 3, 3])
        r_eff, r_eff_err = r_eff * pixel_scale, r_eff_err * pixel_scale
    if pixel_scale is not None or centre is not None:
        columns["r_eff_sky_fit"] = r_eff
        columns["r_eff_sky_err"] = r_eff_err
    return columns


def _on_sky(shape, offsets):
    """
    Semi-major axis and position angle on the sky.

    Parameters
    ----------
    shape : `~numpy.ndarray`
        (N, 3): r_eff, ellip and theta in pixels and radians.
    offsets : `~numpy.ndarray`
        (N, 2, 2) arcsec east and north by pixels along x and y.

    Returns
    -------
    r_eff, pa : `~numpy.ndarray`
        (N,) in arcsec and radians east of north.
    derivative : `~numpy.ndarray`
        (N, 2, 3) of both, by r_eff, ellip and theta.
    """
    r_eff, ellip, theta = shape.T
    q = 1 - ellip
    # Steps of one pixel along and across the galaxy, as north + i east: conjugate
    # semi-diameters of the ellipse on the sky, the second one times q.
    cos, sin = np.cos(theta)[:, np.newaxis], np.sin(theta)[:, np.newaxis]
    east_x, east_y = offsets[..., 0], offsets[..., 1]
    p = _complex(east_x * cos + east_y * sin)
    c = _complex(east_y * cos - east_x * sin)
    size = np.abs(p) ** 2 + (q * np.abs(c)) ** 2
    shear = p**2 + (q * c) ** 2
    # One that is round on the sky has any angle: that along p is as good.
    is_round = np.abs(shear) < _ROUND * size
    shear = np.where(is_round, p**2, shear)
    length = np.abs(shear)
    major = np.sqrt((size + np.where(is_round, 0, length)) / 2)

    zero = np.zeros_like(q)
    d_size = (-2 * q * np.abs(c) ** 2, 2 * (1 - q**2) * (p.conj() * c).real)
    d_shear = (-2 * q * c**2, np.where(is_round, 2, 2 * (1 - q**2)) * p * c)
    d_r, d_pa = [major], [zero]
    for by_size, by_shear in zip(d_size, d_shear, strict=True):
        ratio = shear.conj() * by_shear / length
        d_r.append(r_eff * (by_size + ratio.real) / (4 * major))
        d_pa.append(ratio.imag / (2 * length))
    derivative = np.stack([np.stack(d_r, axis=-1), np.stack(d_pa, axis=-1)], axis=1)
    return r_eff * major, np.angle(shear) / 2, derivative


def _complex(east_north):
    return east_north[:, 1] + 1j * east_north[:, 0]
