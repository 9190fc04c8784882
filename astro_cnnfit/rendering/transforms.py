# Licensed under a 3-clause BSD style license - see LICENSE
"""
From pixels to frequencies and back, for images that are symmetric about their centre.

The transform of such an image is real, and half of it tells all.
"""

from functools import cache

import numpy as np
from keras import ops

from .render import _constant

__all__ = [
    "frequency_axes",
    "frequency_products",
    "half_to_frequency",
    "pixel_polynomial",
    "pixel_products",
    "shifted",
    "to_pixels",
]


def half_to_frequency(images, size):
    """Real transform of images that are symmetric about their centre."""
    along_x, cos_y, sin_y = map(_constant, _half_transform(size))
    half = size // 2 + 1
    mixed = ops.matmul(images, along_x)
    even = ops.matmul(cos_y, mixed[..., :half])
    odd = ops.matmul(sin_y, mixed[..., half:])
    negative = ops.flip((even + odd)[..., 1:, :], axis=-2)
    return ops.concatenate([negative, even - odd], axis=-2)


def shifted(spectrum, values, size):
    """The PSF's spectrum, moved to the galaxy's centre."""
    step = _constant(2 * np.pi / size * (np.arange(size) - size // 2))
    x, y = values[:, 0, None] * step[None, size // 2 :], values[:, 1, None] * step
    phase = x[:, None, :] + y[:, :, None]
    cos, sin = ops.cos(phase), ops.sin(phase)
    real, imag = spectrum
    return real * cos + imag * sin, imag * cos - real * sin


def to_pixels(real, imag, size, shape, block):
    """
    Inverse transform at the pixels, or blocks of pixels, of the stamp.

    Rows at +y and -y share the sums that are even and odd in k_y, which halves
    the frequencies and the rows of the matrix products.
    """
    half, odd_rows = size // 2, shape[0] % 2
    cos_y, sin_y, along_x = map(_constant, _inverse_transform(size, shape, block))
    cosines, sines = [], []
    for part in (real, imag):
        above = part[..., half:, :]
        below = ops.flip(part[..., : half + 1, :], axis=-2)
        cosines.append(ops.matmul(cos_y, above + below))
        sines.append(ops.matmul(sin_y, above - below))
    upper = (cosines[0] - sines[1], cosines[1] + sines[0])
    lower = (cosines[0] + sines[1], cosines[1] - sines[0])
    rows = [
        ops.concatenate([ops.flip(low[..., odd_rows:, :], axis=-2), up], axis=-2)
        for low, up in zip(lower, upper, strict=True)
    ]
    return ops.matmul(ops.concatenate(rows, axis=-1), along_x)


@cache
def frequency_axes(size):
    """Angular frequencies as (size, half) arrays; the half along x."""
    step, half = 2 * np.pi / size, size // 2
    return np.meshgrid(step * np.arange(half + 1), step * np.arange(-half, half + 1))


@cache
def frequency_products(size):
    """Products x^2, 2 x y and y^2 of the frequencies, (3, size * half)."""
    k_x, k_y = frequency_axes(size)
    return np.stack([k_x**2, 2 * k_x * k_y, k_y**2]).reshape(3, -1)


@cache
def pixel_products(size):
    """Products x^2, 2 x y and y^2 of the upper half of the pixels."""
    half = size // 2
    x, y = np.meshgrid(np.arange(-half, half + 1), np.arange(half + 1))
    return np.stack([x**2, 2 * x * y, y**2]).reshape(3, -1)


@cache
def pixel_polynomial(size):
    """Those products, after a constant."""
    products = pixel_products(size)
    return np.concatenate([np.ones_like(products[:1]), products])


@cache
def _half_transform(size):
    half = size // 2
    frequency = 2 * np.pi / size * np.arange(half + 1)
    angle_x = np.outer(np.arange(-half, half + 1), frequency)
    angle_y = np.outer(frequency, np.arange(half + 1))
    # Rows other than the central one stand for their mirror images, too.
    weight = np.where(np.arange(half + 1) == 0, 1.0, 2.0)
    along_x = np.concatenate([np.cos(angle_x), np.sin(angle_x)], axis=1)
    return along_x, np.cos(angle_y) * weight, np.sin(angle_y) * weight


@cache
def _inverse_transform(size, shape, block):
    ny, nx = shape
    frequency = 2 * np.pi / size * np.arange(size // 2 + 1)
    zero = np.arange(size // 2 + 1) == 0
    y = block * (np.arange(ny) - (ny - 1) / 2)[ny // 2 :]
    angle_y = np.outer(y, frequency)
    angle_x = np.outer(frequency, block * (np.arange(nx) - (nx - 1) / 2))
    # What the mean over a block leaves of a wave.
    places = np.arange(block) - (block - 1) / 2
    left = np.cos(np.outer(places, frequency)).mean(axis=0)
    # The other half of the frequencies along x is the complex conjugate.
    weight = (np.where(zero, 1.0, 2.0) * left)[:, None] / size**2
    along_x = np.concatenate([np.cos(angle_x) * weight, -np.sin(angle_x) * weight])
    cos_y = np.cos(angle_y) * np.where(zero, 0.5, left)
    return cos_y, np.sin(angle_y) * left, along_x
