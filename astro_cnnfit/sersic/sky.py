# Licensed under a 3-clause BSD style license - see LICENSE
"""From pixels to the sky: sizes in arcsec, position angles and coordinates."""

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord

__all__ = ["parse_pixel_scale", "sky_columns"]


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
    Angle and scale are taken along the galaxy's own major axis, over one
    pixel at the galaxy's centre, so that flipped, rotated, stretched and
    distorted images are right too. North is that of ICRS.
    """
    columns = {}
    scale = pixel_scale
    centre = _celestial(wcs, params[:, 0], params[:, 1])
    if centre is not None:
        theta = params[:, 6]
        along = _celestial(
            wcs, params[:, 0] + np.cos(theta), params[:, 1] + np.sin(theta)
        ).icrs
        start = centre.icrs
        angle = start.position_angle(along).to_value(u.deg)
        columns["pa_fit"] = angle % 180
        columns["pa_err"] = np.degrees(np.sqrt(covariance[:, 6, 6]))
        columns["sky_fit"] = centre
        if scale is None:
            scale = start.separation(along).to_value(u.arcsec)
    if scale is not None:
        columns["r_eff_sky_fit"] = params[:, 3] * scale
        columns["r_eff_sky_err"] = np.sqrt(covariance[:, 3, 3]) * scale
    return columns


def _celestial(wcs, x, y):
    """Coordinates of the pixels; None for a WCS that is not celestial."""
    if wcs is None or wcs.low_level_wcs.pixel_n_dim != 2:
        return None
    with np.errstate(invalid="ignore"):
        world = wcs.pixel_to_world(x, y)
    return world if isinstance(world, SkyCoord) else None
