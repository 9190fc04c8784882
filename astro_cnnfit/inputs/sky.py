# Licensed under a 3-clause BSD style license - see LICENSE
"""Pixels and the sky: where a position is in an image, and how large a pixel is."""

import warnings

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord

__all__ = ["pixel_area", "pixel_offsets", "sky_to_pixels", "to_sky"]

# Part of a pixel within which there and back must end where it began.
_CLOSES = 0.01


def to_sky(wcs, x, y):
    """
    Coordinates of pixels.

    Parameters
    ----------
    wcs : WCS or None
        In astropy's common interface.
    x, y : array_like
        Pixels, counted from 0.

    Returns
    -------
    `~astropy.coordinates.SkyCoord` or None
        None where there is no WCS, or one that is not celestial.
    """
    if wcs is None or wcs.low_level_wcs.pixel_n_dim != 2:
        return None
    kinds = wcs.low_level_wcs.world_axis_physical_types
    if not all(kind is not None and "pos." in kind for kind in kinds):
        return None
    with np.errstate(invalid="ignore"):
        world = wcs.pixel_to_world(x, y)
    return world if isinstance(world, SkyCoord) else None


def pixel_offsets(wcs, x, y):
    """
    Steps on the sky of steps of one pixel.

    Parameters
    ----------
    wcs : WCS
        A celestial one.
    x, y : array_like
        (N,) pixels, counted from 0.

    Returns
    -------
    `~numpy.ndarray`
        (N, 2, 2) arcsec: east and north (of ICRS) by x and y, differences over one
        pixel around each position, so that flipped, rotated, stretched and
        distorted images are right too, and the poles.
    """
    x, y = np.atleast_1d(np.asarray(x, float)), np.atleast_1d(np.asarray(y, float))
    start = to_sky(wcs, x, y).icrs
    columns = []
    for dx, dy in ((0.5, 0), (0, 0.5)):
        ahead, behind = (
            _east_north(start, to_sky(wcs, x + sign * dx, y + sign * dy).icrs)
            for sign in (1, -1)
        )
        columns.append(ahead - behind)
    return np.stack(columns, axis=-1)


def _east_north(start, end):
    separation = start.separation(end).to_value(u.arcsec)
    angle = start.position_angle(end).to_value(u.rad)
    return np.stack([separation * np.sin(angle), separation * np.cos(angle)], axis=-1)


def pixel_area(wcs, shape):
    """
    Area of the pixel in the middle of an image.

    Parameters
    ----------
    wcs : WCS or None
        In astropy's common interface.
    shape : tuple of int
        (..., ny, nx)

    Returns
    -------
    float or None
        In steradians; None where there is no celestial WCS.
    """
    x, y = (shape[-1] - 1) / 2, (shape[-2] - 1) / 2
    if to_sky(wcs, x, y) is None:
        return None
    area = float(np.abs(np.linalg.det(pixel_offsets(wcs, x, y)[0])))
    return (area * u.arcsec**2).to_value(u.sr) if area > 0 else None


def sky_to_pixels(wcs, coordinates):
    """
    Where coordinates are in an image.

    Parameters
    ----------
    wcs : WCS
        A celestial one.
    coordinates : `~astropy.coordinates.SkyCoord`
        (N,), in any frame that can be transformed to that of the WCS.

    Returns
    -------
    x, y : `~numpy.ndarray`
        (N,) pixels, counted from 0; NaN where the projection does not reach, or its
        distortion cannot be inverted.
    """
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        # Where the inverse of a distortion is not found, astropy warns and guesses.
        warnings.simplefilter("ignore")
        x, y = wcs.world_to_pixel(coordinates)
        x, y = (np.array(values, dtype=float) for values in (x, y))
        # Beyond the horizon of a projection, other pixels answer as well.
        back = to_sky(wcs, x, y)
        missed = back.separation(coordinates.transform_to(back.frame))
        side = np.hypot.reduce(pixel_offsets(wcs, x, y), axis=(1, 2))
        lost = ~(missed.to_value(u.arcsec) < _CLOSES * side)
    x[lost], y[lost] = np.nan, np.nan
    return x, y
