# Licensed under a 3-clause BSD style license - see LICENSE
"""
Elliptical apertures on the pixel grid and their partly covered pixels.

A pixel counts with the fraction of its area that lies inside, and its light is
taken as even over that area, as exact aperture photometry does.
"""

import math
from typing import NamedTuple

import numpy as np
from photutils.geometry import circular_overlap_grid, elliptical_overlap_grid

__all__ = [
    "Ellipse",
    "axis_form",
    "bounding_box",
    "coverage",
    "exact_circle",
    "exact_coverage",
    "soft_edge",
    "squared_radius",
    "weighted_sum",
]


class Ellipse(NamedTuple):
    """Centre and shape of an aperture; its size is the semi-major axis."""

    xc: float
    yc: float
    q: float = 1.0
    """Axis ratio; 1 is a circle."""
    theta: float = 0.0
    """Angle of the major axis, in radians counter-clockwise from +x."""


def weighted_sum(weights, values):
    """
    Sum of products.

    Unlike a dot product it does not go to a library of linear algebra, whose
    threads cost far more than they give on arrays as small as a stamp.

    Parameters
    ----------
    weights, values : `~numpy.ndarray`
        Of one shape, with one or two dimensions.

    Returns
    -------
    float
    """
    axes = "ij"[: weights.ndim]
    return np.einsum(f"{axes},{axes}->", weights, values)


def axis_form(ellipse):
    """
    Coefficients of the squared elliptical radius.

    Parameters
    ----------
    ellipse : Ellipse

    Returns
    -------
    a, b, c : float
        The radius squared is a dx^2 + 2 b dx dy + c dy^2.
    """
    cos, sin = np.cos(ellipse.theta), np.sin(ellipse.theta)
    inverse = 1.0 / ellipse.q**2
    return (
        cos**2 + sin**2 * inverse,
        cos * sin * (1.0 - inverse),
        sin**2 + cos**2 * inverse,
    )


def squared_radius(x, y, ellipse):
    """
    Squared elliptical radius on a grid.

    Parameters
    ----------
    x, y : `~numpy.ndarray`
        (nx,) and (ny,) coordinates in pixels.
    ellipse : Ellipse

    Returns
    -------
    `~numpy.ndarray`
        (ny, nx)
    """
    a, b, c = axis_form(ellipse)
    dx, dy = x - ellipse.xc, y - ellipse.yc
    squared = np.multiply.outer(2.0 * b * dy, dx)
    squared += (a * dx**2)[None, :]
    squared += (c * dy**2)[:, None]
    return squared


def bounding_box(ellipse, radius, shape):
    """
    Pixels that an aperture can touch.

    Parameters
    ----------
    ellipse : Ellipse
    radius : float
        Semi-major axis in pixels.
    shape : tuple of int
        (ny, nx) of the image.

    Returns
    -------
    y0, y1, x0, x1 : int
        Bounds as slices take them, within the image.
    """
    cos, sin = np.cos(ellipse.theta), np.sin(ellipse.theta)
    half_x = radius * np.hypot(cos, ellipse.q * sin)
    half_y = radius * np.hypot(sin, ellipse.q * cos)
    ny, nx = shape
    return (
        max(0, int(np.floor(ellipse.yc - half_y + 0.5))),
        min(ny, int(np.ceil(ellipse.yc + half_y + 0.5))),
        max(0, int(np.floor(ellipse.xc - half_x + 0.5))),
        min(nx, int(np.ceil(ellipse.xc + half_x + 0.5))),
    )


def coverage(ellipse, radius, box):
    """
    Covered fraction of pixels, with the boundary taken as straight in each.

    Parameters
    ----------
    ellipse : Ellipse
    radius : float
        Semi-major axis in pixels; well above one pixel.
    box : tuple of int
        (y0, y1, x0, x1) as slices take them.

    Returns
    -------
    `~numpy.ndarray`
        (y1 - y0, x1 - x0), between 0 and 1.
    """
    y0, y1, x0, x1 = box
    x, y = np.arange(x0, x1), np.arange(y0, y1)
    a, b, c = axis_form(ellipse)
    dx, dy = (x - ellipse.xc)[None, :], (y - ellipse.yc)[:, None]
    rho = np.sqrt(np.maximum(squared_radius(x, y, ellipse), 1e-12))
    # How much of rho one pixel spans: its gradient summed over the two axes.
    extent = np.abs(a * dx + b * dy)
    extent += np.abs(b * dx + c * dy)
    extent /= rho
    return np.clip(0.5 + (radius - rho) / np.maximum(extent, 1e-6), 0.0, 1.0)


def exact_circle(radius, shape):
    """
    Exactly covered fractions for a minimiser that moves a circle.

    Parameters
    ----------
    radius : float
        In pixels.
    shape : tuple of int
        (ny, nx) of the image.

    Returns
    -------
    callable
        (xc, yc) -> (box, weights), None for a centre outside the image.
    """
    ny, nx = shape

    def weights(xc, yc):
        circle = Ellipse(xc, yc)
        box = bounding_box(circle, radius, shape)
        if not (0 <= xc < nx and 0 <= yc < ny):
            return box, None
        return box, exact_coverage(circle, radius, box)

    return weights


def soft_edge(ellipse, radius, shape):
    """
    Weights of pixels for a minimiser that moves an aperture: quick and smooth.

    Parameters
    ----------
    ellipse : Ellipse
    radius : float
        Semi-major axis in pixels.
    shape : tuple of int
        (ny, nx) of the image.

    Returns
    -------
    callable
        (xc, yc) -> (box, weights): pixels on the image that have their partner under
        rotation about that centre there too, and weights that fall from 1 to 0
        over about a pixel at the edge; None if no pixel is left.
    """
    a, b, c = axis_form(ellipse)
    ny, nx = shape
    x, y = np.arange(nx, dtype=float), np.arange(ny, dtype=float)
    cos, sin = np.cos(ellipse.theta), np.sin(ellipse.theta)
    half_x = radius * math.hypot(cos, ellipse.q * sin)
    half_y = radius * math.hypot(sin, ellipse.q * cos)
    # One pixel spans 1 in rho at the ends of the major axis, 1/q at the minor's.
    scale = np.sqrt(ellipse.q) / (2.0 * radius)
    level = 0.5 + scale * radius**2

    def weights(xc, yc):
        x0, x1 = _clipped(xc, half_x, nx)
        y0, y1 = _clipped(yc, half_y, ny)
        box = (y0, y1, x0, x1)
        if y1 <= y0 or x1 <= x0:
            return box, None
        dx, dy = x[x0:x1] - xc, y[y0:y1] - yc
        values = np.multiply.outer(-2.0 * b * scale * dy, dx)
        values += level - (a * scale) * dx * dx
        values -= ((c * scale) * dy * dy)[:, None]
        np.minimum(values, 1.0, out=values)
        return box, np.maximum(values, 0.0, out=values)

    return weights


def _clipped(centre, half, size):
    """Pixels within a distance of the centre, as far as their partners exist."""
    low = max(math.floor(centre - half + 0.5), math.ceil(2.0 * centre) - size + 1, 0)
    high = min(math.ceil(centre + half + 0.5), math.floor(2.0 * centre) + 1, size)
    return low, high


def exact_coverage(ellipse, radius, box):
    """
    Covered fraction of pixels, exactly; slower for ellipses.

    Parameters
    ----------
    ellipse : Ellipse
    radius : float
        Semi-major axis in pixels.
    box : tuple of int
        (y0, y1, x0, x1) as slices take them.

    Returns
    -------
    `~numpy.ndarray`
        (y1 - y0, x1 - x0), between 0 and 1.
    """
    y0, y1, x0, x1 = box
    edges = (
        x0 - 0.5 - ellipse.xc, x1 - 0.5 - ellipse.xc,
        y0 - 0.5 - ellipse.yc, y1 - 0.5 - ellipse.yc,
    )  # fmt: skip
    if ellipse.q == 1.0:
        return circular_overlap_grid(*edges, x1 - x0, y1 - y0, radius, 1, 1)
    minor = radius * ellipse.q
    return elliptical_overlap_grid(
        *edges, x1 - x0, y1 - y0, radius, minor, ellipse.theta, 1, 1
    )
