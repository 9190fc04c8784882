# Licensed under a 3-clause BSD style license - see LICENSE
"""
The galaxy in the centre of a stamp and its neighbours, found from the pixels.

For calls without a segmentation map. All stamps are treated at once, on 2 x 2
pixels taken together, which costs a hundredth of galclean's steps
(`~astro_cnnfit.morphology.cleaning`) and finds sources of half the brightness.
"""

import numpy as np
from scipy.ndimage import generate_binary_structure, label, maximum_position

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
    kept = np.zeros(n_labels + 1, bool)
    kept[labels[near & (pairs > level + np.float32(_FOUND) * sigma)]] = True
    number = _central(np.where(kept[labels], labels, 0))
    own = (labels == number[:, np.newaxis, np.newaxis]) & near
    others = kept[labels] & ~own
    parts = _parts(pairs, labels, own, others)
    own |= parts
    others &= ~parts
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
    odd = stamps.shape[1] % 2
    if odd:
        stamps = np.pad(stamps, ((0, 0), (0, 1), (0, 1)), mode="edge")
    parts = [stamps[:, i::2, j::2] for i in (0, 1) for j in (0, 1)]
    if bad is None or not bad.any():
        return np.float32(0.25) * sum(parts), None
    bad = np.pad(bad, ((0, 0), (0, odd), (0, odd)), mode="edge")
    good = [~bad[:, i::2, j::2] for i in (0, 1) for j in (0, 1)]
    count = sum(part.astype(np.float32) for part in good)
    total = sum(np.where(g, p, 0) for g, p in zip(good, parts, strict=True))
    return (total / np.maximum(count, 1)).astype(np.float32), count == 0


def _central(labels):
    """Label nearest to the centre of each stamp, 0 where none is near."""
    middle = (labels.shape[1] - 1) // 2
    steps = np.arange(-int(_REACH), int(_REACH) + 1)
    distance = np.hypot(*np.meshgrid(steps, steps, indexing="ij"))
    order = np.argsort(distance, axis=None, kind="stable")
    order = order[distance.ravel()[order] <= _REACH]
    rows, columns = np.unravel_index(order, distance.shape)
    found = labels[:, middle + steps[rows], middle + steps[columns]]
    first = np.argmax(found > 0, axis=1)
    return found[np.arange(len(found)), first]


def _parts(pairs, labels, own, others):
    """Sources whose brightest pair of pixels lies where the galaxy reaches."""
    rows = np.flatnonzero(others.any(axis=(1, 2)))
    parts = np.zeros_like(own)
    if rows.size == 0:
        return parts
    steps = np.abs(np.arange(pairs.shape[1]) - (pairs.shape[1] - 1) // 2)
    reach = np.maximum(
        *(np.where(own[rows].any(axis=axis), steps, 0).max(axis=1) for axis in (1, 2))
    )
    some = labels[rows] * others[rows]
    numbers = np.unique(some)[1:]
    places = maximum_position(pairs[rows], some, numbers)
    row, y, x = np.array(places, dtype=int).T
    distance = np.hypot(steps[y], steps[x])
    inside = np.zeros(labels.max() + 1, bool)
    inside[numbers] = distance <= _BELONGS * reach[row] + 1
    parts[rows] = inside[some] & (some > 0)
    return parts


def _pixels(pairs, size):
    return pairs.repeat(2, axis=1).repeat(2, axis=2)[:, :size, :size]


def _disc(size):
    steps = np.arange(size) - (size - 1) / 2
    return np.hypot(steps, steps[:, np.newaxis]) <= _DISC
