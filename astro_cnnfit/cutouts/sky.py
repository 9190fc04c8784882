# Licensed under a 3-clause BSD style license - see LICENSE
"""The sky's noise around galaxies, and something harmless for masked pixels."""

import numpy as np

__all__ = ["error_sigma", "fill_masked", "sky_sigma"]

# The sky is measured in the outer quarter of the half-width of a stamp.
_RING = 0.25
# Distance of the pixels that are compared: two, as the noise of adjacent pixels
# of a resampled image is correlated.
_LAG = 2
# Fewer values than this say too little about their scatter.
_MIN_VALUES = 20
# Order statistics up to which selection is faster than sorting.
_FEW_PLACES = 32
_MAD_TO_SIGMA = 1.482602218505602


def sky_sigma(data, mask):
    """
    Measure the noise of the sky from the stamps themselves.

    It is the scatter (1.4826 MAD) of second differences, v(-2) - 2 v(0) + v(2)
    over sqrt(6), of pixels in the outer ring of a stamp, along the stamp's edges.
    A sky level, a gradient across the stamp and the outskirts of the galaxy
    cancel; neighbours count little. Pixels two apart are compared because in
    resampled images adjacent ones are correlated, which would hide noise.

    Parameters
    ----------
    data : array_like, shape (N, size, size)
        Stamps.
    mask : array_like of bool, shape (N, size, size), or None
        True where a pixel is bad.

    Returns
    -------
    sigma : `~numpy.ndarray`, shape (N,), float64
        Per pixel of the stamp. Where the ring does not tell (masked, or without
        any scatter), from the whole stamp, and NaN where that does not either.
    """
    data = np.asarray(data)
    mask = None if mask is None or not np.any(mask) else np.asarray(mask)
    ring = _ring_width(data.shape[1])
    sides = (
        lambda stamps: stamps[:, :ring],
        lambda stamps: stamps[:, -ring:],
        lambda stamps: _turned(stamps[:, ring:-ring, :ring]),
        lambda stamps: _turned(stamps[:, ring:-ring, -ring:]),
    )
    sigma = _scatter(data, mask, sides)
    again = ~(sigma > 0)
    if again.any():
        some = None if mask is None else mask[again]
        sigma[again] = _scatter(data[again], some, (lambda stamps: stamps, _turned))
    return np.where(sigma > 0, sigma, np.nan)


def error_sigma(error, mask):
    """
    Noise of the sky from an error image: its median in the outer ring.

    Parameters
    ----------
    error : array_like, shape (N, size, size)
        Standard deviations.
    mask : array_like of bool, shape (N, size, size), or None
        True where a pixel is bad.

    Returns
    -------
    sigma : `~numpy.ndarray`, shape (N,), float64
        Where all of the ring is masked, of the whole stamp; NaN where all of that
        is masked, too.
    """
    sigma = ring_median(np.asarray(error), mask)
    return np.where(sigma > 0, sigma, np.nan)


def fill_masked(data, mask):
    """
    Put plausible values in the place of masked pixels.

    A pixel gets the value of its counterpart on the other side of the stamp's
    centre (most galaxies are symmetric under a turn by 180 degrees), if that is
    good, and otherwise the median of the good pixels of the outer ring.

    Parameters
    ----------
    data : array_like, shape (N, size, size)
        Stamps, with the galaxy at their centre.
    mask : array_like of bool, shape (N, size, size), or None
        True where a pixel is bad.

    Returns
    -------
    filled : `~numpy.ndarray`, shape (N, size, size)
        ``data`` itself if nothing is masked, otherwise a copy. A stamp without
        any good pixel is filled with zeros.
    """
    data = np.asarray(data)
    rows = np.zeros(0, int) if mask is None else np.flatnonzero(np.any(mask, (1, 2)))
    if rows.size == 0:
        return data
    some, bad = data[rows], np.asarray(mask)[rows]
    sky = np.nan_to_num(ring_median(some, bad))[:, np.newaxis, np.newaxis]
    counterpart = np.where(bad[:, ::-1, ::-1], sky, some[:, ::-1, ::-1])
    filled = data.copy()
    filled[rows] = np.where(bad, counterpart, some)
    return filled


def _ring_width(size):
    return max(1, int(_RING * size / 2 + 0.5))


def _turned(stamps):
    """Exchange rows and columns."""
    return np.swapaxes(stamps, 1, 2)


def ring_median(values, mask):
    """
    Median in the outer ring of stamps.

    Parameters
    ----------
    values : `~numpy.ndarray`, shape (N, size, size)
        Stamps.
    mask : array_like of bool, shape (N, size, size), or None
        True where a pixel is bad.

    Returns
    -------
    median : `~numpy.ndarray`, shape (N,), float64
        Of the whole stamp where all of the ring is masked, NaN where that is, too.
    """
    size = values.shape[1]
    ring = np.ones((size, size), bool)
    width = _ring_width(size)
    ring[width:-width, width:-width] = False
    ring = np.flatnonzero(ring)
    values = values.reshape(len(values), size * size)
    mask = None if mask is None else np.reshape(mask, values.shape)
    median, count = masked_median(
        np.take(values, ring, axis=1),
        None if mask is None else np.take(mask, ring, axis=1),
    )
    again = count == 0
    if again.any():
        median[again], _ = masked_median(values[again], mask[again])
    return median


def _scatter(data, mask, parts):
    """Robust standard deviation of second differences along the last axis."""
    differences = [_second_differences(part(data)) for part in parts]
    bad = None
    if mask is not None:
        bad = np.concatenate([_any_of_three(part(mask)) for part in parts], axis=1)
    median, count = masked_median(np.concatenate(differences, axis=1), bad)
    return np.where(count >= _MIN_VALUES, _MAD_TO_SIGMA / np.sqrt(6) * median, np.nan)


def _three(values):
    """Return values and those one lag before and after, along the last axis."""
    length = max(values.shape[2] - 2 * _LAG, 0)
    return (values[:, :, start : start + length] for start in (0, _LAG, 2 * _LAG))


def _second_differences(values):
    before, centre, after = _three(values)
    difference = before + after
    difference -= 2 * centre
    return _flat(np.abs(difference, out=difference))


def _flat(stamps):
    return stamps.reshape(len(stamps), stamps.shape[1] * stamps.shape[2])


def _any_of_three(mask):
    before, centre, after = _three(mask)
    return _flat(before | centre | after)


def masked_median(values, mask):
    """
    Median of each row without its masked values.

    Parameters
    ----------
    values : `~numpy.ndarray`, shape (N, M), float
        Values.
    mask : `~numpy.ndarray` of bool, shape (N, M), or None
        True for values to leave out.

    Returns
    -------
    median : `~numpy.ndarray`, shape (N,), float64
        NaN where all are masked.
    count : `~numpy.ndarray`, shape (N,), int
        Number of good values.
    """
    count = np.full(len(values), values.shape[1])
    if mask is not None and mask.any():
        count -= np.count_nonzero(mask, axis=1)
        # Masked values go to the end; the median is among the first `count`.
        values = np.where(mask, np.inf, values)
    median = np.full(len(values), np.nan)
    rows = np.flatnonzero(count > 0)
    if rows.size:
        low, high = (count[rows] - 1) // 2, count[rows] // 2
        places = np.unique(np.concatenate([low, high]))
        # Some masked pixels here and there ask for few places of the order; that
        # is found in a fraction of the time that it takes to sort all.
        few = places.size <= _FEW_PLACES
        ordered = np.partition(values, places, axis=1) if few else np.sort(values)
        median[rows] = 0.5 * ordered[rows, low] + 0.5 * ordered[rows, high]
    return median, count
