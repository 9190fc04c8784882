# Licensed under a 3-clause BSD style license - see LICENSE
"""
Layers of the network for C, A and S.

They find where a galaxy is symmetric, sum up its light about that place, and show it at
three scales.
"""

import keras
import numpy as np
from keras import layers, ops

from .functions import arcsinh

__all__ = ["GrowthCurves", "Scales", "SymmetryCentre"]

_RADII = (1.5, 2.5, 3.5, 5.0, 7.0, 9.5, 13.0, 17.5, 23.5, 31.0, 40.0, 50.0)
_REFERENCE = 5
_SOFTENING = 20.0

# Mean absolute difference of two pixels of white noise.
_MEAN_NOISE = np.float32(2 / np.sqrt(np.pi))

# Reach of the search for the centre, in steps of 2 and of half a pixel.
_COARSE, _FINE = 4, 2

_INNER = 27

# Pixels.
_TYPICAL_OFFSET = 2.5


@keras.saving.register_keras_serializable("astro_cnnfit")
class SymmetryCentre(layers.Layer):
    """
    Stamps (N, size, size) -> stamps moved to their centre, and turned about it.

    The centre is that of the least absolute difference between the stamp and
    itself turned by 180 degrees: first of averaged pixels on a grid of 2 pixels,
    then of the inner part on one of half pixels, where the turn needs no
    interpolation. What lies outside the stamp is 0. What comes out is transposed,
    x before y: `Scales` puts it right on fewer pixels.
    """

    def build(self, shape):
        """Set up the weights and where pixels come from."""
        self.size = shape[-1]
        self.towards = [
            _gaussian(-(-(self.size - 4) // 4), 5.0),
            _gaussian(_INNER, 8.0),
        ]
        self.margin = 2 * _COARSE + _FINE
        self.width = self.size + 2 * self.margin

    def call(self, stamp):
        """Stamp and turned stamp about the centre, and the centre as (y, x)."""
        averaged = _averaged(stamp, 4, 5)
        coarse = 2 * _least(averaged, self.towards[0], _COARSE, 2.0)
        margin = [(0, 0), (self.margin, self.margin), (self.margin, self.margin)]
        padded = ops.pad(stamp, margin)
        inner = self._gather(padded, coarse, 1, _INNER + 2 * _FINE)
        fine = _least(inner, self.towards[1], _FINE, 0.5, outer=True)
        fine = ops.flip(fine, 1)
        # The last half pixel stays.
        moved = coarse + fine // 2
        here = self._gather(padded, moved, 1, self.size)
        across = self._gather(padded, moved + fine % 2, -1, self.size)
        centre = ops.cast(moved, "float32") + ops.cast(fine % 2, "float32") / 2
        return here, across, centre

    def _gather(self, padded, centre, sign, number):
        """Pixels about a centre, (N, x, y); with sign -1 turned."""
        offset = sign * (np.arange(number) - number // 2)
        offset = (offset + self.margin + self.size // 2).astype("int32")
        # Whole rows are copied many times faster than pixels one by one.
        rows = _take_rows(padded, centre[:, :1] + offset)
        return _take_rows(ops.transpose(rows, (0, 2, 1)), centre[:, 1:] + offset)


def _take_rows(images, rows):
    """Rows (N, number) of images (N, ny, nx)."""
    height, width = images.shape[1:]
    first = ops.arange(ops.shape(images)[0], dtype="int32")[:, None] * height
    return ops.take(ops.reshape(images, (-1, width)), first + rows, axis=0)


def _gaussian(number, sigma):
    offset = np.arange(number) - number // 2
    weight = np.exp(-(offset[:, None] ** 2 + offset**2) / (2 * sigma**2))
    return weight.reshape(-1, 1).astype("float32")


def _least(image, weight, reach, step, outer=False):
    """
    Twice the centre of the least weighted difference, (N, 2) integers.

    Where noise decides, centres near the middle are preferred: a step is ``step``
    pixels of the stamp. With ``outer`` the image is wider than the weight by
    ``reach`` on each side; otherwise there are zeros.
    """
    number = int(len(weight) ** 0.5)
    # With the stamps as the last axis, shifted parts are long runs of memory.
    image = ops.transpose(image, (1, 2, 0))
    # One axis at a time, for Keras 3.10.
    turned = ops.flip(ops.flip(image, 0), 1)
    if outer:
        image = image[reach:-reach, reach:-reach]
    else:
        turned = ops.pad(turned, [(reach, reach), (reach, reach), (0, 0)])
    steps = range(-reach, reach + 1)
    shifts = np.array([(j, i) for i in steps for j in steps], dtype="int32")
    weights = ops.convert_to_tensor(weight.T.copy())
    left = []
    for i in steps:
        columns = turned[:, reach - i : reach - i + number]
        for j in steps:
            apart = ops.abs(image - columns[reach - j : reach - j + number])
            left.append(ops.matmul(weights, ops.reshape(apart, (number**2, -1))))
    noise = np.sqrt(np.sum(weight**2))
    away = noise * np.sum((shifts * step / _TYPICAL_OFFSET) ** 2, axis=1) / 2
    left = ops.concatenate(left, 0) + away.astype("float32")[:, None]
    best = ops.argmin(left, axis=0)
    return ops.take(ops.convert_to_tensor(shifts), best, axis=0)


@keras.saving.register_keras_serializable("astro_cnnfit")
class GrowthCurves(layers.Layer):
    """
    Stamp and difference -> scalars (N, 77), and the flux within 9.5 pixels.

    Both are transposed, as `SymmetryCentre` gives them.

    Within each radius: light, its square, the absolute difference and its square,
    less what white noise adds. Their ratios are C, A and RMS asymmetry but for the
    choice of the radius.
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
        y, x = np.divmod(np.flatnonzero(border)[::4], size)
        self.border = x * size + y

    def call(self, images):
        """Scalars of the stamps."""
        stamp, difference = images
        pixels = stamp.shape[1] * stamp.shape[2]
        flat = ops.reshape(stamp, (-1, pixels))
        turned = ops.reshape(difference, (-1, pixels))
        count = len(self.border)
        sky = ops.sort(ops.take(flat, self.border, axis=1), axis=1)
        sky = ops.take(sky, [count // 6, count // 2, count - count // 6], axis=1)
        light = self._within(flat)
        squares = self._within(ops.square(flat)) - self.areas
        apart = self._within(ops.abs(turned)) - _MEAN_NOISE * self.areas
        apart_squares = self._within(ops.square(turned)) - 2 * self.areas
        noise = np.sqrt(self.areas).astype("float32")
        soft = _at_least(light, 3 * noise)
        soft_squares = _at_least(squares, 4 * noise)
        scale = _at_least(light[:, _REFERENCE : _REFERENCE + 1], _SOFTENING)
        return ops.concatenate(
            [
                arcsinh(sky),
                ops.log10(scale) - 2.5,
                arcsinh(light / scale),
                ops.log(soft[:, 1:] / soft[:, :-1]) * 2,
                ops.clip(apart / soft, -2, 3) * 2,
                apart / (scale + self.areas),
                ops.clip(_signed_root(apart_squares / soft_squares), -2, 2) * 2,
                ops.log(soft_squares / ops.square(scale)) / 2 + 2,
                _lag(stamp),
            ],
            -1,
        ), scale

    def _within(self, flat):
        return ops.matmul(flat, ops.convert_to_tensor(self.apertures))


def _at_least(x, floor):
    """X where it is far above the floor, and never much below it."""
    return 0.5 * (x + ops.sqrt(ops.square(x) + 4 * floor**2))


def _signed_root(x):
    return x / ops.sqrt(ops.abs(x) + 1e-4)


def _lag(stamp):
    """How the noise of neighbouring pixels near the border goes together."""
    strip = ops.clip(stamp[:, :, :6], -4, 4)
    along = ops.mean(strip[:, 1:] * strip[:, :-1], axis=(1, 2))
    across = ops.mean(strip[:, :, 1:] * strip[:, :, :-1], axis=(1, 2))
    return ops.stack([along, across], -1)


def _averaged(image, step, taps):
    """Averages over taps x taps pixels, in noise units, (N, ny, nx)."""
    size = image.shape[1]
    number = (size - taps) // step + 1
    # As products of matrices, which convolutions of one channel are slower than.
    matrix = np.zeros((size, number), np.float32)
    for place in range(number):
        matrix[place * step : place * step + taps, place] = taps**-0.5
    along = ops.matmul(image, ops.convert_to_tensor(matrix))
    return ops.matmul(ops.convert_to_tensor(matrix.T.copy()), along)


def _pyramid(image, size):
    """The inner part, and averages over 3 x 3 and 5 x 5 pixels, in noise units."""
    centre = (size - 1) // 2
    levels = []
    for step, taps, reach in ((1, 1, 16), (2, 3, 16), (4, 5, 12)):
        margin = centre - step * reach - taps // 2
        part = image[:, margin : size - margin, margin : size - margin]
        part = part if taps == 1 else _averaged(part, step, taps)
        levels.append(part)
    return levels


@keras.saving.register_keras_serializable("astro_cnnfit")
class Scales(layers.Layer):
    """
    Stamp, difference, flux -> three images of four channels each.

    Stamp and difference are transposed, as `SymmetryCentre` gives them; images are
    not.
    """

    def call(self, images):
        """Channels of the three scales."""
        stamp, difference, flux = images
        size = stamp.shape[-1]
        flux = ops.reshape(flux, (-1, 1, 1))
        pairs = zip(_pyramid(stamp, size), _pyramid(difference, size), strict=True)
        found = []
        for light, apart in pairs:
            channels = [
                arcsinh(light / 2) / 2,
                arcsinh(light / flux * 40),
                arcsinh(apart / 3) / 2,
                arcsinh(apart / flux * 80),
            ]
            # Channels are put side by side, y before x, in one go.
            found.append(ops.transpose(ops.stack(channels, 1), (0, 3, 2, 1)))
        return found
