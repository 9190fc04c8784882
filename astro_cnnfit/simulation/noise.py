# Licensed under a 3-clause BSD style license - see LICENSE
"""Noise whose neighbouring pixels go together, as resampling leaves it."""

from keras import ops

__all__ = ["correlate"]


def correlate(noise, weight):
    """
    Mix the four nearest pixels in; the variance remains 1.

    Parameters
    ----------
    noise : tensor
        (N, ny, nx) white, of unit variance.
    weight : tensor
        (N, 1, 1), that of a neighbour relative to the pixel itself.

    Returns
    -------
    tensor
        (N, ny, nx)
    """
    near = ops.roll(noise, 1, 1) + ops.roll(noise, -1, 1)
    near = near + ops.roll(noise, 1, 2) + ops.roll(noise, -1, 2)
    return (noise + weight * near) / ops.sqrt(1 + 4 * ops.square(weight))
