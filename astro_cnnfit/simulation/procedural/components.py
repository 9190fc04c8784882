# Licensed under a 3-clause BSD style license - see LICENSE
"""Smooth parts of galaxies: Sersic profiles, bars and rings, each of unit flux."""

from functools import cache

import numpy as np
from scipy.special import gammaincinv

from .grid import STEP, ellipse_frame

__all__ = ["bar", "power_law", "radius", "ring", "sersic", "unit_flux"]

_CORE = 4  # points on each side of a centre that are averages, not samples
_FINER = 5
_THINNEST = 0.45
_SOFTENING = 0.05


def unit_flux(image):
    """Scale an image to a sum of 1."""
    return image / max(float(image.sum(dtype=np.float64)), 1e-30)


def radius(u, v, *, boxiness=2.0, lopsided=(0.0, 0.0)):
    """
    Distance from the centre in the galaxy's frame.

    Parameters
    ----------
    u, v : `~numpy.ndarray`
    boxiness : float
        Exponent of the superellipse: 2 an ellipse, more is boxy, less discy.
    lopsided : tuple of float
        Amplitude along both axes of a term that is proportional to the distance,
        so that isophotes drift to one side with radius; below 1 together.

    Returns
    -------
    radius : `~numpy.ndarray`
    """
    if boxiness == 2.0:
        r = np.sqrt(u * u + v * v + np.float32(_SOFTENING**2))
    else:
        p = np.float32(boxiness)
        r = (np.abs(u) ** p + np.abs(v) ** p + np.float32(_SOFTENING**p)) ** (1 / p)
    if any(lopsided):
        r = r + np.float32(lopsided[0]) * u + np.float32(lopsided[1]) * v
    return r


@cache
def _b(n):
    return float(gammaincinv(2 * n, 0.5))


def sersic(
    grid,
    r_eff,
    n,
    *,
    q=1.0,
    theta=0.0,
    centre=(0.0, 0.0),
    boxiness=2.0,
    lopsided=(0.0, 0.0),
):
    """
    A Sersic profile of unit flux on the grid.

    The innermost points are averages over the cells of the grid, since a cusp
    that is sampled there gets a wrong flux. Cusps are softened over a twentieth of
    a pixel: after the PSF, their peak is up to 4 % lower for an index of 4.

    Parameters
    ----------
    grid : Grid
    r_eff : float
        Half-light radius along the major axis, in pixels.
    n : float
        Sersic index, rounded to 0.01.
    q, theta, centre
        See `~astro_cnnfit.simulation.procedural.grid.ellipse_frame`. The minor
        axis is never thinner than what the grid resolves.
    boxiness, lopsided
        See `radius`.

    Returns
    -------
    image : `~numpy.ndarray`, float32
    """
    n = round(float(n), 2)
    scale = np.float32(_b(n))

    def profile(r):
        if n == 1.0:
            return np.exp(-scale * r)
        return np.exp(scale * (1 - np.exp(np.log(r) * np.float32(1 / n))))

    shape = {"q": q, "theta": theta, "centre": centre}
    return _on_grid(grid, profile, r_eff, shape, boxiness, lopsided)


def power_law(
    grid,
    r_end,
    slope,
    *,
    end=1.0,
    q=1.0,
    theta=0.0,
    centre=(0.0, 0.0),
    boxiness=2.0,
    lopsided=(0.0, 0.0),
):
    """
    A power law of unit flux that ends: more concentrated than a Sersic profile.

    Within the aperture of 1.5 Petrosian radii the concentration of a Sersic
    profile has a maximum of about 4.4. Here it is about 3 / (2 - slope).

    Parameters
    ----------
    grid : Grid
    r_end : float
        Radius along the major axis, in pixels, at which the light ends.
    slope : float
        Of the light's logarithm, below 2.
    end : float
        The higher, the more sudden is the end; 1 is exponential.
    q, theta, centre, boxiness, lopsided
        See `sersic`.

    Returns
    -------
    image : `~numpy.ndarray`, float32
    """

    def profile(r):
        logarithm = np.log(r)
        ended = np.exp(logarithm * np.float32(end))
        return np.exp(np.float32(-slope) * logarithm - ended)

    shape = {"q": q, "theta": theta, "centre": centre}
    return _on_grid(grid, profile, r_end, shape, boxiness, lopsided)


def _on_grid(grid, profile, scale, shape, boxiness, lopsided):
    """Evaluate a profile of the radius in units of a scale length."""
    if shape["q"] < 1:
        thinnest = np.hypot(shape["q"], _THINNEST / scale)
        shape = {**shape, "q": min(1.0, float(thinnest))}

    def light(x, y):
        r = radius(*ellipse_frame(x, y, **shape), boxiness=boxiness, lopsided=lopsided)
        return profile(r / np.float32(scale))

    image = light(grid.x, grid.y)
    _average_core(image, light, shape["centre"])
    return unit_flux(image)


def _average_core(image, profile, centre):
    """Replace samples about the centre by means over their cells, in place."""
    n = len(image)
    j, i = (round(c / STEP) + n // 2 for c in centre)
    if not (_CORE <= i < n - _CORE and _CORE <= j < n - _CORE):
        return
    width = 2 * _CORE + 1
    finer = (np.arange(width * _FINER) - (width * _FINER - 1) / 2) * (STEP / _FINER)
    x, y = np.meshgrid(
        (finer + (j - n // 2) * STEP).astype(np.float32),
        (finer + (i - n // 2) * STEP).astype(np.float32),
    )
    means = profile(x, y).reshape(width, _FINER, width, _FINER).mean(axis=(1, 3))
    image[i - _CORE : i + _CORE + 1, j - _CORE : j + _CORE + 1] = means


def bar(grid, length, *, q=0.3, theta=0.0, frame=(1.0, 0.0), sharpness=4.0):
    """
    A bar of unit flux: flat along most of its length, boxy and with soft ends.

    Parameters
    ----------
    grid : Grid
    length : float
        Half length in pixels, in the plane of the disc.
    q : float
        Width over length.
    theta : float
        Angle in the plane of the disc, in radians.
    frame : tuple of float
        Axis ratio and angle of the disc.
    sharpness : float
        Exponent with which the light falls at the end.

    Returns
    -------
    image : `~numpy.ndarray`, float32
    """
    u, v = ellipse_frame(grid.x, grid.y, q=frame[0], theta=frame[1])
    u, v = ellipse_frame(u, v, q=max(q, _THINNEST / (length * frame[0])), theta=theta)
    u, v = u * u, v * v
    m = (u * u + v * v) / np.float32(length**4)
    return unit_flux(np.exp(-(m ** np.float32(sharpness / 4))))


def ring(r, radius, width):
    """
    A ring of unit flux.

    Parameters
    ----------
    r : `~numpy.ndarray`
        Distance from the centre at every point, in pixels.
    radius, width : float
        Of the ring, in pixels; the width is the standard deviation.

    Returns
    -------
    image : `~numpy.ndarray`, float32
    """
    return unit_flux(
        np.exp(np.float32(-0.5 / width**2) * (r - np.float32(radius)) ** 2)
    )
