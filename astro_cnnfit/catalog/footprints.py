# Licensed under a 3-clause BSD style license - see LICENSE
"""Which galaxies of a sky stand on an image, and where."""

from typing import Any, NamedTuple

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord
from astropy.wcs.utils import wcs_to_celestial_frame

__all__ = ["Footprint", "footprint_of", "pixels_of", "unit_vectors"]

# Points along each side of an image: its border is curved on the sky.
_POINTS = 17
_MARGIN = 1.02
# A position that a distorted WCS puts on the image must come back to within this.
_CLOSES = 0.5  # pixel


class Footprint(NamedTuple):
    """A circle on the sky around an image."""

    centre: np.ndarray
    """(3,) unit vector, ICRS."""
    chord: float
    """Distance of the circle from the centre, between unit vectors."""
    scale: float
    """Side of a pixel in the centre, in arcsec."""
    shape: tuple
    """(ny, nx)."""
    wcs: Any
    """Celestial WCS."""


def footprint_of(wcs, shape):
    """
    Circle around an image on the sky.

    Parameters
    ----------
    wcs : `~astropy.wcs.WCS`
        Celestial.
    shape : tuple
        (ny, nx).

    Returns
    -------
    `Footprint`
        The whole sky where the border of the image is not on the sky.
    """
    ny, nx = shape
    x_0, y_0 = (nx - 1) / 2, (ny - 1) / 2
    along = np.linspace(0, 1, _POINTS)
    x_along, y_along = nx * along - 0.5, ny * along - 0.5
    low, right, top = np.full((3, _POINTS), [[-0.5], [nx - 0.5], [ny - 0.5]])
    x = np.concatenate([[x_0, x_0 + 1, x_0], x_along, x_along, low, right])
    y = np.concatenate([[y_0, y_0, y_0 + 1], low, top, y_along, y_along])
    with np.errstate(invalid="ignore"):
        vectors = _vectors_of(wcs, x, y)
    centre = vectors[0]
    sides = np.linalg.norm(vectors[1:3] - centre, axis=1)
    scale = np.degrees(np.sqrt(np.prod(sides))) * 3600
    reach = np.linalg.norm(vectors[3:] - centre, axis=1).max()
    chord = _MARGIN * reach + 2 * sides.max()
    # Over a quarter of the sky the border no longer tells how far it reaches.
    if not np.isfinite(chord) or chord > 1:
        chord = 2.1
    if not np.isfinite(centre).all():
        centre, scale = np.array([1.0, 0, 0]), _mean_scale(wcs)
    if not np.isfinite(scale):
        scale = _mean_scale(wcs)
    return Footprint(centre, float(chord), float(scale), tuple(shape), wcs)


def _mean_scale(wcs):
    return float(np.sqrt(np.abs(np.linalg.det(wcs.pixel_scale_matrix))) * 3600)


def _vectors_of(wcs, x, y):
    """Unit vectors of pixels, ICRS; NaN where a pixel is not on the sky."""
    world = wcs.all_pix2world(x, y, 0)
    # Some images have the declination along x.
    lon, lat = world[wcs.wcs.lng], world[wcs.wcs.lat]
    frame = wcs_to_celestial_frame(wcs)
    if frame.name == "icrs":
        return unit_vectors(lon, lat)
    sky = SkyCoord(lon * u.deg, np.clip(lat, -90, 90) * u.deg, frame=frame).icrs
    return unit_vectors(sky.ra.deg, sky.dec.deg)


def unit_vectors(ra, dec):
    """
    Points on the unit sphere.

    Parameters
    ----------
    ra, dec : `~numpy.ndarray`
        (N,) in degrees.

    Returns
    -------
    `~numpy.ndarray`
        (N, 3).
    """
    ra, dec = np.radians(ra), np.radians(dec)
    result = np.empty((len(ra), 3))
    cos = np.cos(dec)
    result[:, 0], result[:, 1] = np.cos(ra) * cos, np.sin(ra) * cos
    result[:, 2] = np.sin(dec)
    return result


def pixels_of(footprint, ra, dec):
    """
    Where galaxies are in an image.

    Parameters
    ----------
    footprint : `Footprint`
        Of the image.
    ra, dec : `~numpy.ndarray`
        (N,) in degrees, ICRS, within the circle.

    Returns
    -------
    x, y : `~numpy.ndarray`
        (N,) in pixels, NaN for those that the WCS does not reach.
    depth : `~numpy.ndarray`
        (N,) distance to the nearest edge in arcsec; -inf for those outside.
    """
    wcs = footprint.wcs
    frame = wcs_to_celestial_frame(wcs)
    lon, lat = ra, dec
    if frame.name != "icrs":
        sky = SkyCoord(ra * u.deg, dec * u.deg).transform_to(frame)
        lon, lat = sky.spherical.lon.deg, sky.spherical.lat.deg
    world = (lon, lat) if wcs.wcs.lng == 0 else (lat, lon)
    with np.errstate(invalid="ignore"):
        # Far from the image the inverse of a distortion may not be found at all.
        x, y = wcs.all_world2pix(*world, 0, quiet=True)
    ny, nx = footprint.shape
    with np.errstate(invalid="ignore"):
        edge = np.minimum(np.minimum(x, nx - 1 - x), np.minimum(y, ny - 1 - y)) + 0.5
    # The upper border belongs to no pixel.
    inside = (edge >= 0) & (x < nx - 0.5) & (y < ny - 0.5)
    if wcs.has_distortion and inside.any():
        back = _vectors_of(wcs, x[inside], y[inside])
        offset = np.linalg.norm(back - unit_vectors(ra[inside], dec[inside]), axis=1)
        closes = np.degrees(offset) * 3600 < _CLOSES * footprint.scale
        inside[inside] = closes
    return x, y, np.where(inside, edge * footprint.scale, -np.inf)
