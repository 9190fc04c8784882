# Licensed under a 3-clause BSD style license - see LICENSE
"""
The galaxy in the centre of a stamp and its neighbours, found from the pixels.

For calls without a segmentation map. All stamps are treated at once, on 2 x 2
pixels taken together, which costs a hundredth of galclean's steps
(`~astro_cnnfit.morphology.cleaning`) and finds sources of half the brightness.
"""

from functools import lru_cache

import numpy as np
from scipy.ndimage import label

from .quantiles import LOW, dealt, in_order, quantiles

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
# Every so manieth pair of pixels tells the sky well enough to find what is above it.
_EVERY = 2
_EIGHT = np.ones((3, 3), int)


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
    n, lines, half = pairs.shape
    level, sigma = _sky(pairs, empty)
    with np.errstate(invalid="ignore"):
        near = pairs > (level + _FOLLOWED * sigma)[:, np.newaxis, np.newaxis]
    # One below the other, with an empty line between them, stamps stay apart.
    labels, n_labels = label(near.reshape(-1, half), _EIGHT)
    # Sources cover a small part of the stamps: only their pixels are looked at.
    where = np.flatnonzero(near)
    number = np.diff(np.searchsorted(where, np.arange(n + 1) * (lines * half)))
    found, light = labels.reshape(-1)[where], pairs.reshape(-1)[where]
    kept = np.zeros(n_labels + 1, bool)
    kept[found[light > np.repeat(level + _FOUND * sigma, number)]] = True
    central = _central(labels.reshape(pairs.shape), kept)
    belongs = found == np.repeat(central, number)
    own = np.zeros(near.shape, bool)
    own.reshape(-1)[where[belongs]] = True
    other = np.flatnonzero(kept[found] & ~belongs)
    where, found = where[other], found[other]
    part = _parts(own, where, found, light[other], n_labels)
    own.reshape(-1)[where[part]] = True
    others = np.zeros(near.shape, bool)
    others.reshape(-1)[where[~part]] = True
    own, others = own[:, :half], others[:, :half]
    others = grown(others) & ~own
    own, others = (_pixels(found, size) for found in (own, others))
    lost = central == 0
    if lost.any():
        own[lost] = _disc(size)
        others[lost] &= ~_disc(size)
    return own, others


def _sky(pairs, empty):
    """Level and scatter of pairs of pixels; sources only add light above it."""
    n, lines, half = pairs.shape
    places = dealt(np.arange(0, (lines - 1) * half, _EVERY))
    good = None
    if empty is not None:
        good = ~np.take(empty.reshape(n, -1), places, axis=1)
    ordered = in_order(np.take(pairs.reshape(n, -1), places, axis=1), good)
    level, low = quantiles(*ordered, (0.5, LOW)).astype(np.float32)
    return level, level - low


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
    """
    Sums of 2 x 2 pixels, and which have no good one (None if all have).

    Below those of each stamp is a line of no light; the last ones of an odd number
    of pixels count twice.
    """
    n, size, _ = stamps.shape
    half = (size + 1) // 2
    pairs = np.full((n, half + 1, half), -np.inf, np.float32)
    inner = pairs[:, :half]
    if bad is None or not bad.any():
        _add_pairs(_add_pairs(stamps, axis=1), axis=2, out=inner)
        return pairs, None
    good = ~bad
    count = _add_pairs(_add_pairs(good.astype(np.float32), axis=1), axis=2)
    total = _add_pairs(_add_pairs(np.where(good, stamps, 0), axis=1), axis=2)
    empty = np.ones(pairs.shape, bool)
    empty[:, :half] = count == 0
    inner[:] = np.where(count > 0, 4 * total / np.maximum(count, 1), -np.inf)
    return pairs, empty


def _add_pairs(stamps, axis, out=None):
    """Sums of pairs along an axis; the last of an odd number counts twice."""
    shape = list(stamps.shape)
    number = shape[axis]
    shape[axis] = -(-number // 2)
    out = np.empty(shape, stamps.dtype) if out is None else out
    pairs, stamps = np.moveaxis(out, axis, 0), np.moveaxis(stamps, axis, 0)
    np.add(
        stamps[: number - 1 : 2], stamps[1::2], out=pairs[: number // 2],
        casting="same_kind",
    )  # fmt: skip
    if number % 2:
        pairs[-1] = 2 * stamps[-1]
    return out


def _central(labels, kept):
    """Label that is kept nearest to the centre of each stamp, 0 for none near."""
    middle = (labels.shape[2] - 1) // 2
    rows, columns = _nearest()
    found = labels[:, middle + rows, middle + columns]
    found = np.where(kept[found], found, 0)
    first = np.argmax(found > 0, axis=1)
    return found[np.arange(len(found)), first]


@lru_cache(maxsize=1)
def _nearest():
    """Steps from the centre within reach of it, the nearest first."""
    steps = np.arange(-int(_REACH), int(_REACH) + 1)
    distance = np.hypot(*np.meshgrid(steps, steps, indexing="ij"))
    order = np.argsort(distance, axis=None, kind="stable")
    order = order[distance.ravel()[order] <= _REACH]
    rows, columns = np.unravel_index(order, distance.shape)
    return steps[rows], steps[columns]


def _parts(own, where, found, light, n_labels):
    """Pixels of sources whose brightest pair of pixels lies where the galaxy does."""
    n, lines, half = own.shape
    peak = np.full(n_labels + 1, -np.inf, np.float32)
    np.maximum.at(peak, found, light)
    brightest = np.flatnonzero(light == peak[found])[::-1]
    # The first of several equals is written last.
    place = np.zeros(n_labels + 1, int)
    place[found[brightest]] = where[brightest]
    source = np.flatnonzero(np.isfinite(peak))
    row, place = np.divmod(place[source], lines * half)
    y, x = np.divmod(place, half)
    steps = np.abs(np.arange(half) - (half - 1) // 2)
    galaxy, pair = np.divmod(np.flatnonzero(own), lines * half)
    reach = np.zeros(n, int)
    np.maximum.at(reach, galaxy, np.maximum(*steps[np.array(np.divmod(pair, half))]))
    inside = np.zeros(n_labels + 1, bool)
    inside[source] = np.hypot(steps[y], steps[x]) <= _BELONGS * reach[row] + 1
    return inside[found]


def _pixels(pairs, size):
    """Each pair of pixels as 2 x 2 pixels."""
    # Two equal bytes at once.
    wide = (pairs.astype(np.uint16) * np.uint16(0x0101)).view(bool)[:, :, :size]
    result = np.empty((len(pairs), size, size), bool)
    result[:, ::2] = wide
    result[:, 1::2] = wide[:, : size // 2]
    return result


@lru_cache(maxsize=8)
def _disc(size):
    steps = np.arange(size) - (size - 1) / 2
    return np.hypot(steps, steps[:, np.newaxis]) <= _DISC
