# Licensed under a 3-clause BSD style license - see LICENSE
"""
The package's own network for C, A, S, Gini, M20 and RMS asymmetry.

A stamp is looked at in its own pixels near the centre and averaged by 2 and 4
further out, each time as the galaxy and as its difference from itself turned by
180 degrees, both about the half pixel that leaves least of that difference. One
tower of residual blocks sees all three scales; growth curves of light,
differences and squares in the stamp's own pixels go straight to the dense layers.
The output is a mean and a full covariance.

Under a policy of mixed precision, only the tower is in the lower one: the rest costs
next to no time, and the growth curves of a bright galaxy have more digits than that.
"""

import keras
import numpy as np
from keras import layers, ops

from astro_cnnfit.measures import LATENT_MEASURES, latent_index

from .cas_layers import GrowthCurves, Scales, SymmetryCentre
from .likelihood import covariances, n_outputs, student_loss
from .modulation import modulate

__all__ = ["OUTPUTS", "build_cas", "loss", "posterior", "targets"]

_NUMBER = len(LATENT_MEASURES)
OUTPUTS = n_outputs(_NUMBER)

# Zero and scale of each latent quantity as the network sees it.
CENTRES = np.array([3.3, 0.2, 0.1, 0.52, -1.7, 0.3, 0.45, 0.75, 1.1, 0, 0, 0.8])
WIDTHS = np.array([0.6, 0.2, 0.1, 0.07, 0.35, 0.2, 0.25, 0.25, 0.25, 1, 1, 0.4])


def build_cas(filters=(24, 48, 72), blocks=1, dense=(256, 160), size=101):
    """
    The default network of morphology.

    Parameters
    ----------
    filters : sequence of int
        Filters at a half, a quarter and an eighth of each scale's resolution.
    blocks : int
        Residual blocks at the quarter and the eighth.
    dense : sequence of int
        Units of the dense layers.
    size : int
        Pixels on a side of the stamp, odd.

    Returns
    -------
    keras.Model
        (N, size, size) -> (N, 90): 12 means and 78 entries of a lower triangle.
    """
    stamp = keras.Input((size, size), name="stamp", dtype="float32")
    centred, turned, centre = SymmetryCentre(dtype="float32")(stamp)
    difference = centred - turned
    scalars, flux = GrowthCurves(dtype="float32")([centred, difference])
    scalars = layers.Concatenate(dtype="float32")([scalars, centre / 4])
    scales = Scales(dtype="float32")([centred, difference, flux])
    tower = _tower(filters, blocks)
    condition = layers.Dense(48, activation="silu", dtype="float32")(scalars)
    seen = [tower([image, condition]) for image in scales]
    seen = map(layers.Flatten(dtype="float32"), seen)
    joined = layers.Concatenate(dtype="float32")([*seen, scalars])
    for units in dense:
        joined = layers.Dense(units, activation="silu", dtype="float32")(joined)
    joined = layers.Concatenate(dtype="float32")([joined, scalars])
    output = layers.Dense(OUTPUTS, dtype="float32", name="posterior")(joined)
    return keras.Model([stamp], _relative_to_scalars(output, scalars, centre))


def _tower(filters, blocks):
    """Residual blocks that every scale goes through."""
    image = keras.Input((None, None, 4))
    condition = keras.Input((48,))
    x = layers.Conv2D(filters[0], 5, strides=2, padding="same")(image)
    for level, number in enumerate(filters):
        if level:
            x = layers.Activation("silu")(x)
            x = layers.Conv2D(number, 3, strides=2, padding="same")(x)
        x = modulate(x, condition)
        for _ in range(blocks if level else 0):
            inner = layers.Activation("silu")(x)
            inner = layers.Conv2D(number, 3, padding="same", activation="silu")(inner)
            inner = layers.Conv2D(number, 3, padding="same")(inner)
            x = layers.Add()([x, inner])
    x = layers.Conv2D(max(filters[-1] // 4, 1), 1, activation="silu")(x)
    return keras.Model([image, condition], x)


def _relative_to_scalars(output, scalars, centre):
    """Add to the centre that of the turn, which it is near."""
    place = np.zeros((2, OUTPUTS), np.float32)
    # `centre` is (y, x).
    place[1, latent_index("x")] = 1 / WIDTHS[latent_index("x")]
    place[0, latent_index("y")] = 1 / WIDTHS[latent_index("y")]
    return output + ops.matmul(centre, ops.convert_to_tensor(place))


def targets(labels):
    """
    Standardised latent quantities.

    Parameters
    ----------
    labels : array_like
        (N, 12) in the order of `~astro_cnnfit.measures.LATENT_MEASURES`.

    Returns
    -------
    `~numpy.ndarray`
        (N, 12) float32.
    """
    return ((np.asarray(labels) - CENTRES) / WIDTHS).astype(np.float32)


loss = student_loss


def posterior(output):
    """
    Latent mean and covariance from the network's output.

    Parameters
    ----------
    output : `~numpy.ndarray`
        (N, 90)

    Returns
    -------
    latent : `~numpy.ndarray`
        (N, 12) float64.
    covariance : `~numpy.ndarray`
        (N, 12, 12) float64.
    """
    mean, covariance = covariances(output, _NUMBER)
    return mean * WIDTHS + CENTRES, covariance * WIDTHS[:, None] * WIDTHS
