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
# Every fourth row makes up a part: medians of few values take a fraction of the time,
# and the mean of four tells the scatter as well as that of all.
_PARTS = 4
# Stamps that stay in a processor's cache from one part to the next.
_PIECE = 64
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
    sigma = np.empty(len(data))
    for start in range(0, len(data), _PIECE):
        some = slice(start, start + _PIECE)
        sigma[some] = _scatter(_sides, data[some], None if mask is None else mask[some])
    again = ~(sigma > 0)
    if again.any():
        some = None if mask is None else mask[again]
        sigma[again] = _scatter(lambda a: (a, _turned(a)), data[again], some)
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


def _sides(stamps):
    """The four sides of the ring, with rows along the stamp's edges."""
    ring = _ring_width(stamps.shape[1])
    yield from (stamps[:, :ring], stamps[:, -ring:])
    for columns in (slice(ring), slice(-ring, None)):
        yield _turned(stamps[:, ring:-ring, columns])


def _turned(stamps):
    """Exchange rows and columns: short rows take far longer than long ones."""
    return np.ascontiguousarray(np.swapaxes(stamps, 1, 2))


def _scatter(sides, data, mask):
    """Robust standard deviation of second differences along the rows of sides."""
    data = list(sides(data))
    mask = None if mask is None or not mask.any() else list(sides(mask))
    total, count = np.zeros((2, len(data[0])))
    for first in range(_PARTS):
        some = slice(None), slice(first, None, _PARTS)
        differences = [_second_differences(side[some]) for side in data]
        bad = None
        if mask is not None:
            bad = np.concatenate([_any_of_three(side[some]) for side in mask], axis=1)
        median, number = masked_median(np.concatenate(differences, axis=1), bad)
        total += np.where(number > 0, median * number, 0.0)
        count += number
    sigma = _MAD_TO_SIGMA / np.sqrt(6) * total / np.maximum(count, 1)
    return np.where(count >= _MIN_VALUES, sigma, np.nan)


def _three(values):
    """Return values and those one lag before and after, along the last axis."""
    length = max(values.shape[2] - 2 * _LAG, 0)
    return (values[:, :, start : start + length] for start in (0, _LAG, 2 * _LAG))


def _second_differences(values):
    before, centre, after = _three(values)
    difference = before + after
    difference -= centre
    difference -= centre
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
    if values.shape[1] == 0:
        return np.full(len(values), np.nan), count
    if mask is None or not mask.any():
        return _median(values), count
    count -= np.count_nonzero(mask, axis=1)
    rows = np.flatnonzero(count < values.shape[1])
    median = np.empty(len(values))
    if rows.size < len(values):
        whole = np.flatnonzero(count == values.shape[1])
        median[whole] = _median(values[whole])
    # Masked values go to the end; the median is among the first `count`.
    ordered = np.sort(np.where(mask[rows], np.inf, values[rows]), axis=1)
    number, place = count[rows], np.arange(len(rows))
    low = ordered[place, np.maximum(number - 1, 0) // 2]
    high = ordered[place, np.minimum(number // 2, values.shape[1] - 1)]
    middle = 0.5 * low.astype(float) + 0.5 * high
    median[rows] = np.where(number > 0, middle, np.nan)
    return median, count


def _median(values):
    """Median of each row, in a fraction of the time of `numpy.median`."""
    middle = values.shape[1] // 2
    # One place of the order is found several times faster than two.
    ordered = np.partition(values, middle, axis=1)
    high = ordered[:, middle].astype(float)
    if values.shape[1] % 2:
        return high
    return 0.5 * ordered[:, :middle].max(axis=1) + 0.5 * high
