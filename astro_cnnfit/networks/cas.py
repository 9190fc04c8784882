# Licensed under a 3-clause BSD style license - see LICENSE
"""
The package's own network for C, A, S, Gini, M20 and RMS asymmetry.

A stamp is looked at in its own pixels near the centre and averaged by 2 and 4
further out, each time as the galaxy and as its difference from itself turned by
180 degrees. The turn is about the half pixel that leaves least of the galaxy's
inner part. One tower of residual blocks sees all three scales; growth curves of
light, differences and squares in the stamp's own pixels go straight to the
dense layers. The output is a mean and a full covariance.
"""

import keras
import numpy as np
from keras import layers, ops

from astro_cnnfit.measures import LATENT_MEASURES, latent_index

from .functions import arcsinh
from .likelihood import covariances, n_outputs, student_loss

__all__ = ["OUTPUTS", "build_cas", "loss", "posterior", "targets"]

_NUMBER = len(LATENT_MEASURES)
OUTPUTS = n_outputs(_NUMBER)

# Zero and scale of each latent quantity as the network sees it.
CENTRES = np.array([3.3, 0.2, 0.1, 0.52, -1.7, 0.3, 0.45, 0.75, 1.1, 0, 0, 0.8])
WIDTHS = np.array([0.6, 0.2, 0.1, 0.07, 0.35, 0.2, 0.25, 0.25, 0.25, 1, 1, 0.4])
_RADII = (1.5, 2.5, 3.5, 5.0, 7.0, 9.5, 13.0, 17.5, 23.5, 31.0, 40.0, 50.0)
_REFERENCE = 5
_SOFTENING = 20.0
_SHIFTS = 2
_INNER = 27


@keras.saving.register_keras_serializable("astro_cnnfit")
class TurnedDifference(layers.Layer):
    """
    Stamps (N, size, size) -> stamp less turned stamp, and the centre of the turn.

    Centres lie on a grid of half pixels, where the turn needs no interpolation;
    of 5 x 5 of them that with the least absolute difference is taken.
    """

    def build(self, shape):
        """Set up the window and the pixels that face each other."""
        size = shape[-1]
        centre = (size - 1) // 2
        half = _INNER // 2
        offset = np.arange(-half, half + 1)
        weight = np.exp(-(offset[:, None] ** 2 + offset**2) / (2 * 8.0**2))
        self.weight = weight.reshape(-1, 1).astype("float32")
        self.window = slice(centre - half, centre + half + 1)
        # As far as the window, turned, is shifted.
        margin = half + _SHIFTS
        self.outer = slice(centre - margin, centre + margin + 1)
        self.size = size
        steps = range(-_SHIFTS, _SHIFTS + 1)
        self.shifts = np.array([(j, i) for j in steps for i in steps])
        place = np.arange(size)
        facing = []
        for j, i in self.shifts:
            rows = np.clip(size - 1 - place + j, 0, size - 1)
            columns = np.clip(size - 1 - place + i, 0, size - 1)
            facing.append((rows[:, None] * size + columns).ravel())
        self.facing = np.array(facing, dtype="int32")

    def call(self, stamp):
        """Difference and centre."""
        inner = stamp[:, self.window, self.window]
        turned = ops.flip(stamp[:, self.outer, self.outer], (1, 2))
        left = []
        for j, i in _SHIFTS - self.shifts:
            rows, columns = slice(j, j + _INNER), slice(i, i + _INNER)
            difference = ops.abs(inner - turned[:, rows, columns])
            difference = ops.reshape(difference, (-1, _INNER**2))
            left.append(ops.matmul(difference, ops.convert_to_tensor(self.weight)))
        best = ops.argmin(ops.concatenate(left, -1), axis=-1)
        facing = ops.take(ops.convert_to_tensor(self.facing), best, axis=0)
        first = ops.arange(ops.shape(stamp)[0], dtype="int32") * self.size**2
        across = ops.take(ops.reshape(stamp, (-1,)), facing + first[:, None])
        difference = stamp - ops.reshape(across, ops.shape(stamp))
        centre = ops.take(
            ops.convert_to_tensor((self.shifts / 2).astype("float32")), best, axis=0
        )
        return difference, centre


@keras.saving.register_keras_serializable("astro_cnnfit")
class GrowthCurves(layers.Layer):
    """
    Stamp and difference -> scalars (N, 55), the second being log10 flux.

    Within each radius: light, its square, the absolute difference and its square
    less what white noise adds, all relative to the light within 9.5 pixels.
    """

    def build(self, shape):
        """Set up apertures, border and the sky's neighbours."""
        size = shape[0][-1]
        y, x = np.mgrid[:size, :size] - (size - 1) / 2
        radius = np.hypot(x, y)
        soft = [np.clip(r + 0.5 - radius, 0, 1) for r in _RADII]
        apertures = np.stack(soft, -1).reshape(size**2, -1)
        self.apertures = apertures.astype("float32")
        self.areas = apertures.sum(0).astype("float32")
        border = np.maximum(np.abs(x), np.abs(y)) > (size - 1) / 2 - 3
        # A quarter of them tells the sky as well and is sorted sooner.
        self.border = np.flatnonzero(border)[::4]

    def call(self, images):
        """Scalars of the stamps."""
        stamp, difference = images
        pixels = stamp.shape[1] * stamp.shape[2]
        flat = ops.reshape(stamp, (-1, pixels))
        turned = ops.reshape(difference, (-1, pixels))
        sky = ops.sort(ops.take(flat, self.border, axis=1), axis=1)
        count = len(self.border)
        sky = ops.take(sky, [count // 6, count // 2, count - count // 6], axis=1)
        light = self._within(flat)
        reference = light[:, _REFERENCE]
        scale = 0.5 * (reference + ops.sqrt(ops.square(reference) + 4 * _SOFTENING**2))
        scale = scale[:, None]
        squares = self._within(ops.square(flat)) - self.areas
        apart = self._within(ops.abs(turned))
        apart_squares = self._within(ops.square(turned)) - 2 * self.areas
        return ops.concatenate(
            [
                arcsinh(sky),
                ops.log10(scale) - 2.5,
                arcsinh(light / scale),
                apart / (scale + self.areas),
                (apart - 2 / np.sqrt(np.pi).astype("float32") * self.areas) / scale,
                _signed_root(squares) / scale * 10,
                _signed_root(apart_squares) / scale * 10,
                _lag(stamp),
            ],
            -1,
        ), scale

    def _within(self, flat):
        return ops.matmul(flat, ops.convert_to_tensor(self.apertures))


def _signed_root(x):
    return x / ops.sqrt(ops.abs(x) + 1.0)


def _lag(stamp):
    """How the noise of neighbouring pixels near the border goes together."""
    strip = ops.clip(stamp[:, :6, :], -4, 4)
    along = ops.mean(strip[:, :, 1:] * strip[:, :, :-1], axis=(1, 2))
    across = ops.mean(strip[:, 1:] * strip[:, :-1], axis=(1, 2))
    return ops.stack([along, across], -1)


def _pyramid(image, size):
    """The inner part, and averages over 3 x 3 and 5 x 5 pixels, in noise units."""
    image = ops.expand_dims(image, -1)
    centre = (size - 1) // 2
    levels = []
    for step, taps, reach in ((1, 1, 16), (2, 3, 16), (4, 5, 12)):
        margin = centre - step * reach - taps // 2
        part = image[:, margin : size - margin, margin : size - margin]
        if taps > 1:
            weights = np.full((taps, taps, 1, 1), 1 / taps, np.float32)
            part = ops.conv(
                part, ops.convert_to_tensor(weights), strides=step, padding="valid"
            )
        levels.append(part)
    return levels


@keras.saving.register_keras_serializable("astro_cnnfit")
class Scales(layers.Layer):
    """Stamp, difference, flux -> three images of four channels each."""

    def call(self, images):
        """Channels of the three scales."""
        stamp, difference, flux = images
        size = stamp.shape[-1]
        flux = ops.reshape(flux, (-1, 1, 1, 1))
        pairs = zip(_pyramid(stamp, size), _pyramid(difference, size), strict=True)
        found = []
        for light, apart in pairs:
            channels = [
                arcsinh(light / 2) / 2,
                arcsinh(light / flux * 40),
                arcsinh(apart / 3) / 2,
                arcsinh(apart / flux * 80),
            ]
            found.append(ops.concatenate(channels, -1))
        return found


def build_cas(filters=(24, 48, 80), blocks=1, dense=(256, 160), size=101):
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
    difference, centre = TurnedDifference(dtype="float32")(stamp)
    scalars, flux = GrowthCurves(dtype="float32")([stamp, difference])
    scalars = layers.Concatenate(dtype="float32")([scalars, centre])
    scales = Scales(dtype="float32")([stamp, difference, flux])
    tower = _tower(filters, blocks)
    condition = layers.Dense(48, activation="silu")(scalars)
    seen = [tower([image, condition]) for image in scales]
    joined = layers.Concatenate()([*map(layers.Flatten(), seen), scalars])
    for units in dense:
        joined = layers.Dense(units, activation="silu")(joined)
    joined = layers.Concatenate()([joined, scalars])
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
        x = _modulate(x, condition)
        for _ in range(blocks if level else 0):
            inner = layers.Activation("silu")(x)
            inner = layers.Conv2D(number, 3, padding="same", activation="silu")(inner)
            inner = layers.Conv2D(number, 3, padding="same")(inner)
            x = layers.Add()([x, inner])
    x = layers.Conv2D(max(filters[-1] // 4, 1), 1, activation="silu")(x)
    return keras.Model([image, condition], x)


def _modulate(x, condition):
    """Scale and shift the channels by what the growth curves say."""
    channels = x.shape[-1]
    values = layers.Dense(2 * channels, kernel_initializer="zeros")(condition)
    values = layers.Reshape((1, 1, 2 * channels))(values)
    return x * (1 + values[..., :channels]) + values[..., channels:]


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
