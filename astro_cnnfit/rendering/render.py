# Licensed under a 3-clause BSD style license - see LICENSE
"""
Batches of PSF-convolved Sersic images.

The galaxy is a sum of Gaussians (see `~astro_cnnfit.rendering.gaussians`).
Narrow ones are written down in frequency space, where they are exact and
broad enough to need few frequencies; broad ones in pixels, where they do not
wrap around (Lang 2020, arXiv:2012.15797, combines the two in the same way).
Both meet the PSF in frequency space, and one inverse transform brings the
stamp back. The transforms are matrix products: at these sizes they cost what
an FFT costs, need no complex numbers, and run and differentiate on every
backend.

A PSF is an effective PSF: it includes the pixel's response, so that the image
is the continuous galaxy convolved with the (sinc-interpolated) PSF and
sampled at the pixel centres.
"""

from functools import cache

import numpy as np
from keras import ops

from astro_cnnfit.compiled import compiled

from .gaussians import N_GAUSSIANS, N_NODES, N_RANGE, amplitude_table

__all__ = ["render_sersic", "render_sersic_numpy"]

# Broad Gaussians are sampled after smoothing by this width (pixels), which
# keeps thin discs from aliasing; the PSF is deconvolved by the same Gaussian.
_SMOOTHING = 0.7
_PADDING = 6


def render_sersic(params, psf, shape=(61, 61)):
    """
    PSF-convolved images of Sersic galaxies.

    Parameters
    ----------
    params : array_like or tensor
        (N, 7): ``x_0, y_0`` in pixels from the centre of the stamp, total
        ``flux``, ``r_eff`` (semi-major axis, pixels), ``n``, ``ellip`` and
        ``theta`` (radians, counter-clockwise from +x). ``n`` is taken as 0.3
        or 8 outside that range; a tiny ``r_eff`` makes a point source.
    psf : array_like or tensor
        (N, k, k) or (1, k, k), k odd: effective PSFs, centred, of unit sum.
    shape : tuple of int
        (ny, nx) of the stamps.

    Returns
    -------
    tensor
        (N, ny, nx) float32, in flux per pixel. Differentiable in ``params``
        and ``psf``.

    Notes
    -----
    Total flux follows Eq. 4 of Li et al. (2022). Light that the PSF would
    scatter from outside a margin of half the PSF's size around the stamp is
    left out.
    """
    params = ops.convert_to_tensor(params, dtype="float32")
    psf = ops.convert_to_tensor(psf, dtype="float32")
    size = grid_size(shape, int(psf.shape[-1]))
    widths, amplitudes = _gaussians(params)
    in_pixels = _share_in_pixels(params, widths, size, shape)
    narrow = _narrow_in_frequency(params, widths, amplitudes * (1 - in_pixels), size)
    broad = _broad_in_pixels(params, widths, amplitudes * in_pixels, size)
    broad = _to_frequency(broad, size)
    deconvolve = _constant(_smoothing_inverse(size))
    real = narrow[0] + broad[0] * deconvolve
    imag = narrow[1] + broad[1] * deconvolve
    psf_real, psf_imag = _to_frequency(psf, size)
    real, imag = real * psf_real - imag * psf_imag, real * psf_imag + imag * psf_real
    return _to_pixels(real, imag, size, shape)


def render_sersic_numpy(params, psf, shape=(61, 61), batch_size=64):
    """
    `render_sersic` for any number of galaxies, as a `~numpy.ndarray`.

    Parameters
    ----------
    params, psf, shape
        As for `render_sersic`.
    batch_size : int
        Galaxies rendered together; 64 keeps the work within a CPU's cache.

    Returns
    -------
    `~numpy.ndarray`
        (N, ny, nx) float32.
    """
    params = np.asarray(params, dtype=np.float32)
    psf = np.asarray(psf, dtype=np.float32)
    out = np.empty((len(params), *shape), dtype=np.float32)
    for start in range(0, len(params), batch_size):
        rows = slice(start, start + batch_size)
        own = psf[rows] if len(psf) > 1 else psf
        # Padded to one batch shape: each new shape would be traced anew.
        missing = batch_size - len(own) if len(psf) > 1 else 0
        own = np.pad(own, ((0, missing), (0, 0), (0, 0)), mode="edge")
        some = params[rows]
        some = np.pad(some, ((0, batch_size - len(some)), (0, 0)), mode="edge")
        stamps = ops.convert_to_numpy(_render_compiled(some, own, tuple(shape)))
        out[rows] = stamps[: len(out[rows])]
    return out


_render_compiled = compiled(render_sersic, static=(2,))


def grid_size(shape, psf_size):
    """Pixels on a side, odd, of the square that light is convolved on."""
    size = max(shape) + psf_size - 1 + 2 * _PADDING
    return size + 1 - size % 2


def _constant(array):
    return ops.convert_to_tensor(array, dtype="float32")


def _gaussians(params):
    """Widths in pixels and fluxes of the Gaussians, (N, 20) each."""
    low, high = np.log(N_RANGE)
    table = _constant(amplitude_table())
    position = (ops.log(ops.clip(params[:, 4], *N_RANGE)) - low) / (high - low)
    position = position * (N_NODES - 1)
    # floor has no gradient; the fraction carries it.
    node = ops.clip(ops.floor(ops.stop_gradient(position)), 0, N_NODES - 2)
    fraction = (position - node)[:, None]
    node = ops.cast(node, "int32")
    row = ops.take(table, node, axis=0) * (1 - fraction)
    row = row + ops.take(table, node + 1, axis=0) * fraction
    amplitudes = row[:, :N_GAUSSIANS] * params[:, 2:3]
    widths = ops.exp(row[:, N_GAUSSIANS:]) * params[:, 3:4]
    return widths, amplitudes


def _share_in_pixels(params, widths, size, shape):
    """How much of each Gaussian is drawn in pixels: 0 narrow, 1 broad."""
    # Drawn in frequency space, a galaxy returns at a distance of `size`; by
    # then it must have faded.
    offset = ops.maximum(ops.abs(params[:, 0]), ops.abs(params[:, 1]))
    free = size - max(shape) / 2 - offset - _PADDING
    limit = ops.clip(free / 6.5, 0.3, 8.0)[:, None]
    return ops.sigmoid((ops.log(widths) - ops.log(limit)) / 0.08)


def _rotated_squares(params, x, y):
    """Squares of the coordinates along the major and the minor axis."""
    cos = ops.cos(params[:, 6])[:, None, None]
    sin = ops.sin(params[:, 6])[:, None, None]
    return ops.square(x * cos + y * sin), ops.square(y * cos - x * sin)


def _narrow_in_frequency(params, widths, amplitudes, size):
    k_x, k_y = _frequencies(size)
    k_x, k_y = _constant(k_x)[None, None, :], _constant(k_y)[None, :, None]
    q = (1 - params[:, 5])[:, None, None]
    along, across = _rotated_squares(params, k_x, k_y)
    squared = along + q**2 * across
    total = ops.zeros_like(squared)
    for k in range(N_GAUSSIANS):
        half = (-0.5 * ops.square(widths[:, k]))[:, None, None]
        total = total + amplitudes[:, k, None, None] * ops.exp(half * squared)
    x_0, y_0 = params[:, 0, None, None], params[:, 1, None, None]
    phase = k_x * x_0 + k_y * y_0
    return total * ops.cos(phase), -total * ops.sin(phase)


def _broad_in_pixels(params, widths, amplitudes, size):
    grid = _constant(np.arange(size) - size // 2)
    x = grid[None, None, :] - params[:, 0, None, None]
    y = grid[None, :, None] - params[:, 1, None, None]
    along, across = _rotated_squares(params, x, y)
    q = (1 - params[:, 5])[:, None]
    major = ops.square(widths) + _SMOOTHING**2
    minor = ops.square(widths * q) + _SMOOTHING**2
    height = amplitudes / (2 * np.pi * ops.sqrt(major * minor))
    a, b = -0.5 / major, -0.5 / minor
    total = ops.zeros_like(along)
    for k in range(N_GAUSSIANS):
        exponent = a[:, k, None, None] * along + b[:, k, None, None] * across
        total = total + height[:, k, None, None] * ops.exp(exponent)
    return total


@cache
def _frequencies(size):
    """Angular frequencies: the non-negative half along x, all along y."""
    half = size // 2
    step = 2 * np.pi / size
    return step * np.arange(half + 1), step * np.arange(-half, half + 1)


@cache
def _smoothing_inverse(size):
    k_x, k_y = _frequencies(size)
    return np.exp(0.5 * _SMOOTHING**2 * (k_x[None, :] ** 2 + k_y[:, None] ** 2))


@cache
def _transform(size, n_pixels):
    """Cosines and sines of frequency times pixel, for each axis."""
    pixel = np.arange(n_pixels) - (n_pixels - 1) / 2
    k_x, k_y = _frequencies(size)
    angle_x, angle_y = np.outer(pixel, k_x), np.outer(k_y, pixel)
    return np.cos(angle_x), np.sin(angle_x), np.cos(angle_y), np.sin(angle_y)


def _to_frequency(image, size):
    """Fourier transform of centred square images on the frequency grid."""
    cos_x, sin_x, cos_y, sin_y = map(_constant, _transform(size, int(image.shape[-1])))
    even, odd = ops.matmul(image, cos_x), ops.matmul(image, sin_x)
    real = ops.matmul(cos_y, even) - ops.matmul(sin_y, odd)
    imag = -ops.matmul(cos_y, odd) - ops.matmul(sin_y, even)
    return real, imag


def _to_pixels(real, imag, size, shape):
    """Inverse transform at the pixels of the stamp."""
    ny, nx = shape
    _, _, cos_y, sin_y = map(_constant, _transform(size, ny))
    cos_x, sin_x, _, _ = map(_constant, _transform(size, nx))
    # The other half of the frequencies along x is the complex conjugate.
    weight = np.full(size // 2 + 1, 2.0)
    weight[0] = 1.0
    weight = _constant(weight / size**2)[:, None]
    cos_y, sin_y = ops.transpose(cos_y), ops.transpose(sin_y)
    cos_x, sin_x = ops.transpose(cos_x) * weight, ops.transpose(sin_x) * weight
    even = ops.matmul(cos_y, real) - ops.matmul(sin_y, imag)
    odd = ops.matmul(cos_y, imag) + ops.matmul(sin_y, real)
    return ops.matmul(even, cos_x) - ops.matmul(odd, sin_x)
