# Licensed under a 3-clause BSD style license - see LICENSE
"""Clumps: knots of star formation that lie where a disc has light, or anywhere."""

import numpy as np

from .grid import STEP

__all__ = ["clumps", "positions_in"]

_REACH = 3.5


def positions_in(rng, light, n):
    """
    Draw positions with the probability that an image gives.

    Parameters
    ----------
    rng : `~numpy.random.Generator`
    light : `~numpy.ndarray`
        Non-negative image on the grid.
    n : int

    Returns
    -------
    x, y : `~numpy.ndarray`, shape (n,)
        In pixels from the grid's centre.
    """
    total = np.cumsum(light.ravel(), dtype=np.float64)
    chosen = np.searchsorted(total, rng.uniform(0, total[-1], n))
    y, x = np.divmod(np.minimum(chosen, light.size - 1), light.shape[1])
    jitter = rng.uniform(-0.5, 0.5, (2, n))
    return tuple(STEP * (np.array([x, y]) + jitter - len(light) // 2))


def clumps(grid, x, y, fluxes, sigmas):
    """
    Round Gaussian clumps.

    Parameters
    ----------
    grid : Grid
    x, y : array_like, shape (n,)
        In pixels from the grid's centre.
    fluxes : array_like, shape (n,)
    sigmas : array_like, shape (n,)
        Standard deviations in pixels.

    Returns
    -------
    image : `~numpy.ndarray`, float32
        What lies outside the grid is lost.
    """
    image = np.zeros_like(grid.x)
    n = len(image)
    for x_0, y_0, flux, sigma in zip(x, y, fluxes, sigmas, strict=True):
        reach = int(np.ceil(_REACH * sigma / STEP))
        cuts, profiles = [], []
        for centre in (y_0, x_0):
            nearest = round(centre / STEP) + n // 2
            cut = slice(max(nearest - reach, 0), max(min(nearest + reach + 1, n), 0))
            offset = STEP * (np.arange(cut.start, cut.stop) - n // 2) - centre
            cuts.append(cut)
            profiles.append(np.exp(-0.5 * (offset / sigma) ** 2))
        norm = flux * STEP**2 / (2 * np.pi * sigma**2)
        image[tuple(cuts)] += norm * np.outer(*profiles)
    return image
