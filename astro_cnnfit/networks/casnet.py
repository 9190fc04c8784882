# Licensed under a 3-clause BSD style license - see LICENSE
"""
The two CASNET networks of Tohill et al. (2021, ApJ 916, 4), Table 1, Figure 4.

One network for the asymmetry, one for the concentration: three blocks of two
3x3 convolutions, an average pooling and a batch normalisation; two dense
layers; dropout before the output. They see a stamp of 60 x 60 pixels divided by
its maximum and give the value as the classical code would measure it on that
image, its noise included. The loss is the root mean square error of a batch.

The paper does not state the padding; chosen here is that of Keras's own
default, 'valid', which leaves 4 x 4 pixels after the third block (with 'same'
it would be 7 x 7, and three times as many weights). Neither does it scale the
values that are learned, and nor is that done here.
"""

import keras
import numpy as np
from keras import layers, ops

from astro_cnnfit.measures import LATENT_MEASURES, latent_index

__all__ = [
    "SIZE",
    "build_casnet_a",
    "build_casnet_c",
    "loss",
    "posterior",
    "targets_a",
    "targets_c",
]

SIZE = 60
"""Pixels on a side of a stamp."""


POOLINGS = {"average": layers.AveragePooling2D, "max": layers.MaxPooling2D}


def build_casnet_a(
    filters=(32, 64, 128),
    dense=(1024, 1024),
    dropout=0.5,
    size=SIZE,
    convolutions=2,
    pooling="average",
):
    """
    The asymmetry's network.

    Parameters
    ----------
    filters : sequence of int
        Filters of the convolutions, a number a block.
    dense : sequence of int
        Units of the dense layers.
    dropout : float
        Share of the last dense layer's units that training leaves out.
    size : int
        Pixels on a side of the stamp.
    convolutions : int
        Convolutions in each block.
    pooling : {'average', 'max'}
        How each block halves the resolution.

    Returns
    -------
    keras.Model
        (N, size, size) -> (N, 1).

    Raises
    ------
    ValueError
        If there is no such pooling, or the stamp is too small for the blocks.
    """
    shape = filters, dense, dropout, size, convolutions, pooling
    return _build(*shape, "asymmetry")


def build_casnet_c(
    filters=(64, 128, 256),
    dense=(512, 512),
    dropout=0.55,
    size=SIZE,
    convolutions=2,
    pooling="average",
):
    """
    The concentration's network.

    Parameters
    ----------
    filters, dense, dropout, size, convolutions, pooling
        As for `build_casnet_a`.

    Returns
    -------
    keras.Model
        (N, size, size) -> (N, 1).

    Raises
    ------
    ValueError
        As for `build_casnet_a`.
    """
    shape = filters, dense, dropout, size, convolutions, pooling
    return _build(*shape, "concentration")


def _build(filters, dense, dropout, size, convolutions, pooling, name):
    if pooling not in POOLINGS:
        raise ValueError(
            f"pooling must be one of {', '.join(POOLINGS)}, got {pooling!r}"
        )
    _check_size(size, len(filters), convolutions)
    stamp = keras.Input((size, size), name="stamp")
    x = layers.Reshape((size, size, 1))(stamp)
    for number in filters:
        for _ in range(convolutions):
            x = layers.Conv2D(number, 3, activation="relu")(x)
        x = POOLINGS[pooling](2)(x)
        x = layers.BatchNormalization()(x)
    x = layers.Flatten()(x)
    for units in dense:
        x = layers.Dense(units, activation="relu")(x)
    x = layers.Dropout(dropout)(x)
    return keras.Model([stamp], layers.Dense(1, dtype="float32", name=name)(x))


def _check_size(size, blocks, convolutions):
    left = size
    for _ in range(blocks):
        left = (left - 2 * convolutions) // 2
    if left < 1:
        raise ValueError(
            f"size is too small for {blocks} blocks of {convolutions} convolutions, "
            f"got {size}"
        )


def targets_a(labels):
    """
    What the asymmetry's network learns.

    Parameters
    ----------
    labels : array_like
        (N, 12) in the order of `astro_cnnfit.measures.LATENT_MEASURES`, or the
        quantity alone, (N,) or (N, 1).

    Returns
    -------
    `~numpy.ndarray`
        (N, 1) float32.

    Raises
    ------
    ValueError
        If the labels have another shape.
    """
    return _column(labels, "asymmetry")


def targets_c(labels):
    """
    What the concentration's network learns.

    Parameters
    ----------
    labels : array_like
        (N, 12) in the order of `astro_cnnfit.measures.LATENT_MEASURES`, or the
        quantity alone, (N,) or (N, 1).

    Returns
    -------
    `~numpy.ndarray`
        (N, 1) float32.

    Raises
    ------
    ValueError
        If the labels have another shape.
    """
    return _column(labels, "concentration")


def _column(labels, name):
    labels = np.asarray(labels, dtype=np.float32)
    if labels.ndim == 1 or labels.shape[1:] == (1,):
        return labels.reshape(-1, 1)
    if labels.shape[1:] != (len(LATENT_MEASURES),):
        raise ValueError(
            f"labels must have shape (N,), (N, 1) or (N, {len(LATENT_MEASURES)}), "
            f"got {labels.shape}"
        )
    return labels[:, [latent_index(name)]]


def loss(true, output):
    """Root mean square error (Eq. 5)."""
    # The slope of a root is infinite at zero.
    return ops.sqrt(ops.mean(ops.square(true - output)) + 1e-12)


def posterior(output):
    """
    The measured value from the network's output.

    Parameters
    ----------
    output : `~numpy.ndarray`
        (N, 1)

    Returns
    -------
    mean : `~numpy.ndarray`
        (N, 1) float64.
    covariance : `~numpy.ndarray`
        (N, 1, 1): zero, the network gives none; its calibration adds the
        scatter that it showed on held-out galaxies.
    """
    mean = np.asarray(output, dtype=float)
    return mean, np.zeros((len(mean), 1, 1))
