# Licensed under a 3-clause BSD style license - see LICENSE
"""
GaLNet-1 and GaLNet-2 of Li et al. (2022, ApJ 929, 152), Section 2.1, Figure 1.

Four blocks of two 3x3 convolutions and an average pooling, then three dense
layers and seven outputs; in GaLNet-2 the PSF takes a path of one such block
and joins before the dense layers. Huber loss with delta 0.001, Adam.

The paper does not state the rest. Chosen here: 16, 32, 64 and 128 filters (16
for the PSF), dense layers of 256, 128 and 64, ReLU, stamps as arcsinh of the
pixel in sky noises, PSFs relative to the peak of a PSF of 3.5 pixels, and
outputs scaled to order 1 as `SCALES` has them. The position angle is predicted
as an angle in [0, 180) degrees, with its jump, as in the paper.
"""

import keras
import numpy as np
from keras import layers, ops

from astro_cnnfit.parameters import encode

__all__ = [
    "SCALES",
    "build_galnet1",
    "build_galnet2",
    "loss",
    "posterior",
    "targets",
]

HUBER_DELTA = 0.001

# Zero and scale of each output: x, y, log10 flux, log10 R_eff, log10 n, q, PA.
SCALES = np.array(
    [
        (0.0, 2.0),
        (0.0, 2.0),
        (3.0, 1.0),
        (0.6, 1.0),
        (0.1, 1.0),
        (0.5, 1.0),
        (np.pi / 2, np.pi),
    ]
)


def build_galnet1(filters=(16, 32, 64, 128), dense=(256, 128, 64), size=61):
    """
    GaLNet-1: seven parameters from the stamp alone.

    Parameters
    ----------
    filters : sequence of int
        Filters of the convolutions, a number a block.
    dense : sequence of int
        Units of the dense layers.
    size : int
        Pixels on a side of the stamp.

    Returns
    -------
    keras.Model
        (N, size, size) -> (N, 7).
    """
    stamp = keras.Input((size, size), name="stamp")
    return keras.Model([stamp], _head(_image_path(stamp, filters), dense))


def build_galnet2(
    filters=(16, 32, 64, 128), dense=(256, 128, 64), size=61, psf_size=25
):
    """
    GaLNet-2: seven parameters from the stamp and its PSF.

    Parameters
    ----------
    filters, dense, size
        As for `build_galnet1`.
    psf_size : int
        Pixels on a side of the PSF.

    Returns
    -------
    keras.Model
        [(N, size, size), (N, psf_size, psf_size)] -> (N, 7).
    """
    stamp = keras.Input((size, size), name="stamp")
    psf = keras.Input((psf_size, psf_size), name="psf")
    seen = layers.Rescaling(20.0)(layers.Reshape((psf_size, psf_size, 1))(psf))
    seen = layers.Flatten()(_block(seen, filters[0]))
    joined = layers.Concatenate()([_image_path(stamp, filters), seen])
    return keras.Model([stamp, psf], _head(joined, dense))


def _image_path(stamp, filters):
    size = stamp.shape[-1]
    x = layers.Reshape((size, size, 1))(ops.arcsinh(stamp) / 4)
    for number in filters:
        x = _block(x, number)
    return layers.Flatten()(x)


def _block(x, filters):
    for _ in range(2):
        x = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
    return layers.AveragePooling2D(2)(x)


def _head(x, dense):
    for units in dense:
        x = layers.Dense(units, activation="relu")(x)
    return layers.Dense(7, dtype="float32", name="parameters")(x)


def targets(params):
    """
    The seven scaled outputs for physical parameters.

    Parameters
    ----------
    params : array_like
        (N, 7)

    Returns
    -------
    `~numpy.ndarray`
        (N, 7) float32.
    """
    values = encode(params)
    values[:, 5] = 1 - params[:, 5]
    values[:, 6] = np.mod(params[:, 6], np.pi)
    return ((values - SCALES[:, 0]) / SCALES[:, 1]).astype(np.float32)


def loss(true, output):
    """Huber loss with delta 0.001 (Eq. 6), in units of delta."""
    distance = ops.abs(true - output)
    square = 0.5 * ops.square(distance) / HUBER_DELTA
    return ops.mean(
        ops.where(distance <= HUBER_DELTA, square, distance - 0.5 * HUBER_DELTA)
    )


def posterior(output):
    """
    Latent parameters from the network's output.

    Parameters
    ----------
    output : `~numpy.ndarray`
        (N, 7)

    Returns
    -------
    latent : `~numpy.ndarray`
        (N, 7) float64.
    covariance : `~numpy.ndarray`
        (N, 7, 7): zero, the network gives none; its calibration adds the
        scatter that it showed on held-out scenes.
    """
    values = output * SCALES[:, 1] + SCALES[:, 0]
    q = np.clip(values[:, 5], 0.02, 1.0)
    e = (1 - q) / (1 + q)
    latent = values.astype(float)
    # A number beyond the jump stands for the angle at the jump.
    angle = np.clip(values[:, 6], 0, np.nextafter(np.pi, 0))
    latent[:, 5] = e * np.cos(2 * angle)
    latent[:, 6] = e * np.sin(2 * angle)
    return latent, np.zeros((len(latent), 7, 7))
