# Licensed under a 3-clause BSD style license - see LICENSE
"""
Quantiles of many stamps at once, from values that are sorted in parts.

To sort four times 400 numbers takes a quarter of the time of 1600 at once, and the
mean of the parts' quantiles scatters no more than the quantile of all.
"""

import numpy as np

__all__ = ["HIGH", "LOW", "dealt", "in_order", "quantiles"]

LOW, HIGH = 0.158655, 0.841345
"""Quantiles of a normal distribution one standard deviation from its median."""

# Values of a part: NumPy sorts up to 512 of them without comparing one by one.
_PART = 448


def dealt(places):
    """
    Deal places out to parts, as cards are.

    Parameters
    ----------
    places : `~numpy.ndarray`
        (M,).

    Returns
    -------
    `~numpy.ndarray`
        (S, M / S): part i has the places i, i + S, i + 2 S, ...; the last ones of
        all are left out where they do not fill all parts.
    """
    number = max(1, -(-len(places) // _PART))
    length = len(places) // number
    return np.ascontiguousarray(places[: number * length].reshape(length, number).T)


def in_order(values, good=None):
    """
    Sort parts, in place.

    Parameters
    ----------
    values : `~numpy.ndarray`
        (N, S, M) finite values in S parts; changed.
    good : `~numpy.ndarray` of bool, optional
        (N, S, M), which of them count.

    Returns
    -------
    ordered : `~numpy.ndarray`
        ``values``, those that do not count after the others.
    count : `~numpy.ndarray` of int
        (N, S), how many count.
    """
    if good is None:
        count = np.full(values.shape[:2], values.shape[2])
    else:
        # A product of matrices counts faster than numpy.count_nonzero.
        one = np.ones(values.shape[2], np.float32)
        count = (good.astype(np.float32) @ one).astype(int)
        np.copyto(values, np.inf, where=~good)
    values.sort(axis=2)
    return values, count


def quantiles(ordered, count, fractions):
    """
    Quantiles of each stamp: means of those of its parts.

    Parameters
    ----------
    ordered, count : `~numpy.ndarray`
        See `in_order`.
    fractions : sequence of float
        K of them, from 0 to 1.

    Returns
    -------
    `~numpy.ndarray`
        (K, N), without bias for normal distributions (Blom 1958); of no use where
        nothing counts.
    """
    n, number, length = ordered.shape
    last = np.maximum(count - 1, 0)
    fractions = np.reshape(fractions, (-1, 1, 1))
    place = np.clip(fractions * (count + 0.25) - 0.625, 0, last)
    before = place.astype(int)
    after = np.minimum(before + 1, last)
    first = np.arange(n * number).reshape(n, number) * length
    low, high = ordered.reshape(-1)[np.stack([first + before, first + after])]
    low, high = np.where(count > 0, (low, high), 0)
    value = low + (place - before) * (high - low)
    return (value * count).sum(axis=2) / np.maximum(count.sum(axis=1), 1)
