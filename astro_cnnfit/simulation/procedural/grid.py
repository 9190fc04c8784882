# Licensed under a 3-clause BSD style license - see LICENSE
"""The fine grid of points on which galaxies are drawn before the PSF blurs them."""

from functools import cache
from typing import NamedTuple

import numpy as np
from scipy.fft import next_fast_len

__all__ = ["STEP", "Grid", "ellipse_frame", "log_uniform", "make_grid"]

STEP = 0.5
"""Distance of the grid's points, in pixels of the stamp."""

_PADDING = 11  # pixels around the stamp, so that the PSF's wings do not wrap


class Grid(NamedTuple):
    """
    Positions in pixels from the galaxy's centre, which is a point of the grid.

    Attributes
    ----------
    x, y : `~numpy.ndarray`, shape (n, n), float32
    """

    x: np.ndarray
    y: np.ndarray

    @property
    def reach(self):
        """Distance from the centre to the nearest border, in pixels."""
        return -float(self.x[0, 0])


@cache
def make_grid(size):
    """Return the grid for stamps of this width in pixels (shared: do not write)."""
    n = 2 * next_fast_len(size + _PADDING, real=True)
    steps = (STEP * (np.arange(n) - n // 2)).astype(np.float32)
    x, y = np.meshgrid(steps, steps)
    x.flags.writeable = y.flags.writeable = False
    return Grid(x, y)


def ellipse_frame(x, y, *, centre=(0.0, 0.0), q=1.0, theta=0.0):
    """
    Positions along an ellipse's axes, the minor one stretched to a circle.

    Parameters
    ----------
    x, y : `~numpy.ndarray`
        In pixels.
    centre : tuple of float
        (x, y) in pixels.
    q : float
        Axis ratio.
    theta : float
        Angle of the major axis from the x axis to the y axis, in radians.

    Returns
    -------
    u, v : `~numpy.ndarray`
        In the galaxy's plane, if the ellipse is an inclined thin disc.
    """
    cos, sin = np.float32(np.cos(theta)), np.float32(np.sin(theta))
    x, y = x - np.float32(centre[0]), y - np.float32(centre[1])
    return cos * x + sin * y, (cos * y - sin * x) / np.float32(q)


def log_uniform(rng, low, high):
    """Draw one number whose logarithm is uniform between two bounds."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))
