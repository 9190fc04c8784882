# Licensed under a 3-clause BSD style license - see LICENSE
"""Stamps of one size about positions, many at a time."""

from typing import NamedTuple

import numpy as np

from astro_cnnfit import flags
from astro_cnnfit.cutouts.gathering import are_inside, gather_all, placed

__all__ = ["Stamps", "cut_stack", "cut_stamps"]

# Half-width of the core in which a bad pixel is worth a flag: 5 x 5 pixels.
_CORE = 2
# Image pixels gathered at once when blocks are averaged (64 MB of float64).
_CHUNK_PIXELS = 8_000_000


class Stamps(NamedTuple):
    """
    Stamps cut out of an image or a stack, all averaged by the same factor.

    The pixel in row i and column j of a stamp of width s lies at
    ``x_origin + factor * (j - (s - 1) / 2)`` and
    ``y_origin + factor * (i - (s - 1) / 2)`` in the image.
    """

    data: np.ndarray
    """Mean per image pixel, (N, size, size), of the image's type (means of blocks
    float64); zero where masked."""
    mask: np.ndarray
    """True where there is no good pixel, (N, size, size)."""
    error: np.ndarray | None
    """Standard deviations of ``data``, or None."""
    x_origin: np.ndarray
    """Image coordinate of the central pixel of each stamp, (N,), float64."""
    y_origin: np.ndarray
    """Image coordinate of the central pixel of each stamp, (N,), float64."""
    factor: int
    """Image pixels along the side of a stamp pixel."""
    flags: np.ndarray
    """Bits of `astro_cnnfit.flags`, (N,), int."""


def cut_stamps(image, x, y, *, size=61, factor=1, planes=None):
    """
    Cut stamps out of an image about positions.

    Parameters
    ----------
    image : `~astro_cnnfit.inputs.Image`
        One image, or a stack together with ``planes``.
    x, y : array_like, shape (N,)
        Positions in pixels. The central pixel of a stamp is the one that holds
        the position (if ``factor`` is even, its centre is the corner between
        pixels that is nearest to the position).
    size : int
        Width of the stamps in (averaged) pixels, odd.
    factor : int
        Side of the blocks of pixels that are averaged. Masked pixels are left
        out; a block is masked if less than half of its pixels are good.
    planes : array_like of int, shape (N,), optional
        Which image of a stack each position is in.

    Returns
    -------
    stamps : `Stamps`
        Pixels outside the image are masked. The flags say what is wrong with a
        stamp; a position that is not finite counts as outside the image.
        The arrays may share memory with ``image``: treat them as read-only.

    Raises
    ------
    ValueError
        If ``size`` is not odd, ``factor`` is not a positive integer, or a stack
        comes without ``planes``.
    """
    if size != int(size) or size < 1 or size % 2 == 0:
        raise ValueError(f"size must be a positive odd number, got {size}")
    if factor != int(factor) or factor < 1:
        raise ValueError(f"factor must be a positive integer, got {factor}")
    x, y = (np.atleast_1d(np.asarray(values, dtype=float)) for values in (x, y))
    if image.data.ndim == 3 and planes is None:
        raise ValueError("image is a stack: planes must say where each position is")
    planes = np.zeros(len(x), int) if planes is None else np.asarray(planes, int)

    shape = image.data.shape[-2:]
    x_origin, x_first, x_inside = placed(x, shape[1], size, factor)
    y_origin, y_first, y_inside = placed(y, shape[0], size, factor)
    outside = ~(x_inside & y_inside)
    # Whatever is cut at an unusable position is masked, so cut anything.
    x_first, y_first = np.where(outside, 0, x_first), np.where(outside, 0, y_first)

    where = planes, y_first, x_first
    data, mask, error, any_finite = _averaged(image, where, size, factor)
    mask[outside] = True
    truncated = ~are_inside(shape, where, size * factor)
    bits = _flags(data, mask, outside, truncated, any_finite, factor)
    return Stamps(data, mask, error, x_origin, y_origin, int(factor), bits)


def cut_stack(image, *, x=None, y=None, size=61, factor=1):
    """
    Cut one stamp out of each image of a stack.

    Parameters
    ----------
    image : `~astro_cnnfit.inputs.Image`
        A stack of N images (one image counts as a stack of one).
    x, y : array_like, shape (N,), optional
        Position in each image; by default its centre, (nx - 1) / 2 and
        (ny - 1) / 2.
    size, factor : int
        As for `cut_stamps`.

    Returns
    -------
    stamps : `Stamps`
    """
    n_images = len(image.data) if image.data.ndim == 3 else 1
    ny, nx = image.data.shape[-2:]
    x = np.full(n_images, (nx - 1) / 2) if x is None else x
    y = np.full(n_images, (ny - 1) / 2) if y is None else y
    return cut_stamps(image, x, y, size=size, factor=factor, planes=np.arange(n_images))


def _averaged(image, where, size, factor):
    """Return data, mask and error of stamps, and whether they hold a finite value."""
    if factor == 1:
        data, mask, error = gather_all(image, where, size)
        return _cleaned(data, mask, error)
    n_stamps = len(where[0])
    parts = []
    step = max(1, _CHUNK_PIXELS // (size * factor) ** 2)
    for start in range(0, max(n_stamps, 1), step):
        some = tuple(index[start : start + step] for index in where)
        data, mask, error = gather_all(image, some, size * factor)
        data, mask, error, any_finite = _cleaned(data, mask, error)
        parts.append((*_block_means(data, mask, error, factor), any_finite))
    data, mask, error, any_finite = zip(*parts, strict=True)
    error = None if error[0] is None else np.concatenate(error)
    return np.concatenate(data), np.concatenate(mask), error, np.concatenate(any_finite)


def _block_means(data, mask, error, factor):
    count = np.full(
        (len(data), data.shape[1] // factor, data.shape[2] // factor), factor**2
    )
    masked = np.flatnonzero(mask.any(axis=(1, 2)))
    count[masked] = _block_sums(~mask[masked], factor, np.int64)
    divisor = np.maximum(count, 1)
    bad = 2 * count < factor**2
    # Masked pixels are zero already and add nothing to the sums.
    mean = np.where(bad, 0, _block_sums(data, factor, float) / divisor)
    if error is not None:
        error = np.sqrt(_block_sums(np.square(error), factor, float)) / divisor
        error = np.where(bad, 0, error)
    return mean, bad, error


def _block_sums(values, factor, dtype):
    """Sums over blocks; whole rows are added, as sums over short axes take longer."""
    rows = values[:, ::factor].astype(dtype)
    for first in range(1, factor):
        rows += values[:, first::factor]
    return sum(
        (rows[:, :, first::factor] for first in range(1, factor)),
        start=rows[:, :, ::factor],
    )


def _cleaned(data, mask, error):
    """Set masked pixels to zero, so that no NaN goes on from here."""
    any_finite = np.ones(len(data), dtype=bool)
    touched = np.flatnonzero(mask.any(axis=(1, 2)))
    if touched.size:
        empty = touched[mask[touched].all(axis=(1, 2))]
        any_finite[empty] = np.isfinite(data[empty]).any(axis=(1, 2))
        data = _zeroed(data, mask, touched)
        error = None if error is None else _zeroed(error, mask, touched)
    return data, mask, error, any_finite


def _zeroed(values, mask, rows):
    values = values if values.flags.writeable else values.copy()
    values[rows] = np.where(mask[rows], 0, values[rows])
    return values


def _flags(data, mask, outside, truncated, any_finite, factor):
    empty = mask.all(axis=(1, 2))
    no_data = ~outside & np.where(empty, ~any_finite, _are_constant(data, mask))
    fully_masked = ~outside & empty & any_finite
    middle = data.shape[1] // 2
    core = slice(max(middle - _CORE, 0), middle + _CORE + 1)
    masked_core = mask[:, core, core].any(axis=(1, 2))

    bits = np.zeros(len(data), dtype=int)
    usable = ~(outside | no_data | fully_masked)
    bits[outside] |= flags.OUTSIDE_IMAGE
    bits[no_data] |= flags.NO_DATA
    bits[fully_masked] |= flags.FULLY_MASKED
    bits[usable & truncated] |= flags.TRUNCATED
    bits[usable & masked_core] |= flags.MASKED_CORE
    if factor > 1:
        bits[usable] |= flags.BLOCK_AVERAGED
    return bits


def _are_constant(data, mask):
    """Whether all good pixels of a stamp are the same: nothing was observed."""
    # One row tells for nearly all stamps; only the rest is looked at as a whole.
    middle = slice(data.shape[1] // 2, data.shape[1] // 2 + 1)
    constant = _range_is_zero(data[:, middle], mask[:, middle])
    rows = np.flatnonzero(constant)
    constant[rows] = _range_is_zero(data[rows], mask[rows])
    return constant


def _range_is_zero(data, mask):
    low = np.min(data, axis=(1, 2), initial=np.inf, where=~mask)
    high = np.max(data, axis=(1, 2), initial=-np.inf, where=~mask)
    return low >= high
