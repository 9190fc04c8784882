# Licensed under a 3-clause BSD style license - see LICENSE
"""
The galaxy in the centre of a stamp and its neighbours, found from the pixels.

For calls without a segmentation map. All stamps are treated at once, on 2 x 2
pixels taken together, which costs a hundredth of galclean's steps
(`~astro_cnnfit.morphology.cleaning`) and finds sources of half the brightness.
"""

import numpy as np
from scipy.ndimage import generate_binary_structure, label

from .local_sky import LOW, quantile

__all__ = ["find_sources", "grown"]

# S/N of a mean of 2 x 2 pixels at which a source is found, and down to which it is
# followed outwards.
_FOUND, _FOLLOWED = 4.0, 2.5
# Where the galaxy may be, in pairs of pixels from the centre; and in pixels the
# disc that stands for a galaxy that was not found.
_REACH, _DISC = 2.5, 5.0
# A source whose brightest part is no farther from the centre than the galaxy's own
# farthest pixel, times this, is part of it: a clump, an arm, a tidal tail.
_BELONGS = 1.1
# Neighbours within one stamp are connected, stamps are not.
_CONNECTED = np.zeros((3, 3, 3), int)
_CONNECTED[1] = generate_binary_structure(2, 2)


def find_sources(stamps, bad=None):
    """
    Find the central galaxy and its neighbours.

    Parameters
    ----------
    stamps : `~numpy.ndarray`
        (N, size, size) float, with a sky of any level.
    bad : `~numpy.ndarray` of bool, optional
        True for pixels to leave out.

    Returns
    -------
    own, others : `~numpy.ndarray` of bool
        (N, size, size). Where nothing is found in the centre, a disc stands for
        the galaxy. Like galclean, this does not divide what is connected; what is
        apart but no farther out than the galaxy reaches is taken for its part.
    """
    size = stamps.shape[1]
    pairs, empty = _pairs(stamps, bad)
    flat = pairs if empty is None else np.where(empty, np.inf, pairs)
    ordered = np.sort(flat.reshape(len(flat), -1)[:, ::2], axis=1)
    count = np.count_nonzero(np.isfinite(ordered), axis=1)
    # Sources only add light: the scatter is that below the median.
    level, low = (quantile(ordered, count, q) for q in (0.5, LOW))
    sigma = (level - low).reshape(-1, 1, 1).astype(np.float32)
    level = level.reshape(-1, 1, 1).astype(np.float32)
    with np.errstate(invalid="ignore"):
        near = pairs > level + np.float32(_FOLLOWED) * sigma
    if empty is not None:
        near &= ~empty
    labels, n_labels = label(near, _CONNECTED)
    # Sources cover a small part of the stamps: only their pixels are looked at.
    where = np.flatnonzero(near)
    found, light = labels.reshape(-1)[where], pairs.reshape(-1)[where]
    row = where // pairs[0].size
    kept = np.zeros(n_labels + 1, bool)
    kept[found[light > (level + np.float32(_FOUND) * sigma)[row, 0, 0]]] = True
    number = _central(labels, kept)
    belongs = found == number[row]
    own = np.zeros(near.shape, bool)
    own.reshape(-1)[where[belongs]] = True
    other = np.flatnonzero(kept[found] & ~belongs)
    where, found = where[other], found[other]
    part = _parts(own, where, found, light[other])
    own.reshape(-1)[where[part]] = True
    others = np.zeros(near.shape, bool)
    others.reshape(-1)[where[~part]] = True
    others = grown(others) & ~own
    own, others = (_pixels(found, size) for found in (own, others))
    lost = number == 0
    if lost.any():
        own[lost] = _disc(size)
        others[lost] &= ~_disc(size)
    return own, others


def grown(pixels):
    """
    Add the pixels that touch those of a mask with a side or corner.

    Parameters
    ----------
    pixels : `~numpy.ndarray` of bool
        (N, ny, nx).

    Returns
    -------
    `~numpy.ndarray` of bool
    """
    result = pixels.copy()
    result[:, 1:] |= pixels[:, :-1]
    result[:, :-1] |= pixels[:, 1:]
    rows = result.copy()
    result[:, :, 1:] |= rows[:, :, :-1]
    result[:, :, :-1] |= rows[:, :, 1:]
    return result


def _pairs(stamps, bad):
    """Means of 2 x 2 pixels, and which have no good one (None if all have)."""
    if bad is None or not bad.any():
        return np.float32(0.25) * _sums(_sums(stamps, 1), 2), None
    odd = stamps.shape[1] % 2
    stamps = np.pad(stamps, ((0, 0), (0, odd), (0, odd)), mode="edge")
    parts = [stamps[:, i::2, j::2] for i in (0, 1) for j in (0, 1)]
    bad = np.pad(bad, ((0, 0), (0, odd), (0, odd)), mode="edge")
    good = [~bad[:, i::2, j::2] for i in (0, 1) for j in (0, 1)]
    count = sum(part.astype(np.float32) for part in good)
    total = sum(np.where(g, p, 0) for g, p in zip(good, parts, strict=True))
    return (total / np.maximum(count, 1)).astype(np.float32), count == 0


def _sums(stamps, axis):
    """Sums of pairs along an axis; the last of an odd number counts twice."""
    shape = list(stamps.shape)
    number = shape[axis]
    shape[axis] = -(-number // 2)
    result = np.empty(shape, stamps.dtype)
    pairs, stamps = np.moveaxis(result, axis, 0), np.moveaxis(stamps, axis, 0)
    np.add(stamps[: number - 1 : 2], stamps[1::2], out=pairs[: number // 2])
    if number % 2:
        pairs[-1] = 2 * stamps[-1]
    return result


def _central(labels, kept):
    """Label that is kept nearest to the centre of each stamp, 0 for none near."""
    middle = (labels.shape[1] - 1) // 2
    steps = np.arange(-int(_REACH), int(_REACH) + 1)
    distance = np.hypot(*np.meshgrid(steps, steps, indexing="ij"))
    order = np.argsort(distance, axis=None, kind="stable")
    order = order[distance.ravel()[order] <= _REACH]
    rows, columns = np.unravel_index(order, distance.shape)
    found = labels[:, middle + steps[rows], middle + steps[columns]]
    found = np.where(kept[found], found, 0)
    first = np.argmax(found > 0, axis=1)
    return found[np.arange(len(found)), first]


def _parts(own, where, found, light):
    """Pixels of sources whose brightest pair of pixels lies where the galaxy does."""
    if where.size == 0:
        return np.zeros(0, bool)
    size = own.shape[1]
    steps = np.abs(np.arange(size) - (size - 1) // 2)
    order = np.lexsort((-light, found))
    _, first, source = np.unique(found[order], return_index=True, return_inverse=True)
    line, x = np.divmod(where[order[first]], size)
    row, y = np.divmod(line, size)
    reach = np.maximum(
        *(np.where(own[row].any(axis=axis), steps, 0).max(axis=1) for axis in (1, 2))
    )
    inside = np.hypot(steps[y], steps[x]) <= _BELONGS * reach + 1
    part = np.empty(len(where), bool)
    part[order] = inside[source]
    return part


def _pixels(pairs, size):
    """Each pair of pixels as 2 x 2 pixels."""
    n, half, _ = pairs.shape
    # Two equal bytes at once.
    wide = (pairs.astype(np.uint16) * np.uint16(0x0101)).view(bool)
    result = np.empty((n, half, 2, 2 * half), bool)
    result[:, :, 0] = wide
    result[:, :, 1] = wide
    return np.ascontiguousarray(result.reshape(n, 2 * half, -1)[:, :size, :size])


def _disc(size):
    steps = np.arange(size) - (size - 1) / 2
    return np.hypot(steps, steps[:, np.newaxis]) <= _DISC
