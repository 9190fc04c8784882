# Licensed under a 3-clause BSD style license - see LICENSE
"""Channels of an image that are told what is known of it beside its pixels."""

from keras import layers

__all__ = ["modulate"]


def modulate(x, condition):
    """
    Scale and shift the channels of an image by what a vector says.

    Parameters
    ----------
    x : tensor
        (N, ny, nx, C)
    condition : tensor
        (N, K) float32.

    Returns
    -------
    tensor
        As ``x``, and ``x`` itself before anything is learnt.
    """
    channels = x.shape[-1]
    values = layers.Dense(
        2 * channels, kernel_initializer="zeros", dtype="float32"
    )(condition)  # fmt: skip
    values = layers.Reshape((1, 1, 2 * channels), dtype=x.dtype)(values)
    return x * (1 + values[..., :channels]) + values[..., channels:]
