# Licensed under a 3-clause BSD style license - see LICENSE
"""
Masked pixels: neighbours that were masked, edges of images, bad columns.

Networks see stamps without holes; what the fitter puts into them is put here, too.
"""

import numpy as np

from astro_cnnfit.cutouts import fill_masked

__all__ = ["draw_masks", "fill"]

_DISCS = 4
_TRUNCATED, _BAD_COLUMN = 0.25, 0.15
# Discs leave the galaxy's core alone.
_CORE = 5.0


def draw_masks(rng, share, size):
    """
    Draw masks of stamps.

    A quarter of them are cut by the edge of an image; the others have up to four
    discs. Some have bad columns.

    Parameters
    ----------
    rng : `numpy.random.Generator`
        Source of random numbers.
    share : `~numpy.ndarray`
        (N,) about how much of each stamp is masked.
    size : int
        Pixels on a side.

    Returns
    -------
    `~numpy.ndarray` of bool
        (N, size, size), True for masked pixels.
    """
    n = len(share)
    axis = np.arange(size) - (size - 1) / 2
    y, x = axis[:, None], axis[None, :]
    edge = rng.random(n) < _TRUNCATED
    # One side of the image, along x or y.
    angle = rng.integers(4, size=n) * np.pi / 2
    along = _column(np.cos(angle)) * x + _column(np.sin(angle)) * y
    mask = _column(edge) & (along > _column((0.5 - share) * size))
    for _ in range(_DISCS):
        x_0, y_0 = rng.uniform(-size / 2, size / 2, (2, n))
        radius = size * np.sqrt(share / np.pi / _DISCS) * rng.uniform(0.5, 1.6, n)
        shown = ~edge & (np.hypot(x_0, y_0) > radius + _CORE)
        distance = np.hypot(x - _column(x_0), y - _column(y_0))
        mask |= _column(shown) & (distance < _column(radius))
    bad = rng.random(n) < _BAD_COLUMN
    place = rng.integers(size, size=n)
    mask |= _column(bad) & (np.arange(size)[None, :] == _column(place))
    return mask


def _column(values):
    return np.asarray(values)[:, None, None]


def fill(stamps, masks, rng):
    """
    Fill masked pixels of noisy stamps.

    Each gets the value of its counterpart on the other side of the galaxy or,
    where that is masked, too, the sky with its noise.

    Parameters
    ----------
    stamps : `~numpy.ndarray`
        (N, size, size) in units of the sky noise.
    masks : `~numpy.ndarray` of bool
        (N, size, size)
    rng : `numpy.random.Generator`
        Source of the noise.

    Returns
    -------
    `~numpy.ndarray`
        (N, size, size) float32.
    """
    filled = np.array(fill_masked(stamps, masks))
    calm = masks & masks[:, ::-1, ::-1]
    filled[calm] += rng.standard_normal(int(calm.sum()), np.float32)
    return filled
