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
    mask = np.zeros(data.shape, bool) if mask is None else np.asarray(mask)
    ring = _ring_width(data.shape[1])
    parts = (
        (data[:, :ring], mask[:, :ring]),
        (data[:, -ring:], mask[:, -ring:]),
        (_turned(data[:, ring:-ring, :ring]), _turned(mask[:, ring:-ring, :ring])),
        (_turned(data[:, ring:-ring, -ring:]), _turned(mask[:, ring:-ring, -ring:])),
    )
    sigma = _scatter(parts)
    again = ~(sigma > 0)
    if again.any():
        data, mask = data[again], mask[again]
        sigma[again] = _scatter(((data, mask), (_turned(data), _turned(mask))))
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
    sigma = _ring_median(np.asarray(error), mask)
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
    sky = np.nan_to_num(_ring_median(some, bad))[:, np.newaxis, np.newaxis]
    counterpart = np.where(bad[:, ::-1, ::-1], sky, some[:, ::-1, ::-1])
    filled = data.copy()
    filled[rows] = np.where(bad, counterpart, some)
    return filled


def _ring_width(size):
    return max(1, int(_RING * size / 2 + 0.5))


def _turned(stamps):
    """Exchange rows and columns."""
    return np.swapaxes(stamps, 1, 2)


def _ring_median(values, mask):
    """Median in the outer ring, or of the whole stamp where the ring is masked."""
    size = values.shape[1]
    mask = np.zeros(values.shape, bool) if mask is None else np.asarray(mask)
    ring = np.ones((size, size), bool)
    width = _ring_width(size)
    ring[width:-width, width:-width] = False
    median, count = _masked_median(values[:, ring], mask[:, ring])
    again = count == 0
    if again.any():
        shape = (np.sum(again), -1)
        median[again], _ = _masked_median(
            values[again].reshape(shape), mask[again].reshape(shape)
        )
    return median


def _scatter(parts):
    """Robust standard deviation of second differences along the last axis."""
    differences, bad = [], []
    for values, mask in parts:
        if values.shape[2] <= 2 * _LAG:
            continue
        before, centre, after = (
            slice(None, -2 * _LAG), slice(_LAG, -_LAG), slice(2 * _LAG, None),
        )  # fmt: skip
        difference = values[:, :, before] + values[:, :, after]
        difference = np.abs(difference - 2 * values[:, :, centre])
        masked = mask[:, :, before] | mask[:, :, centre] | mask[:, :, after]
        differences.append(difference.reshape(len(values), -1))
        bad.append(masked.reshape(len(values), -1))
    if not differences:
        return np.full(len(parts[0][0]), np.nan)
    median, count = _masked_median(
        np.concatenate(differences, axis=1), np.concatenate(bad, axis=1)
    )
    return np.where(count >= _MIN_VALUES, _MAD_TO_SIGMA / np.sqrt(6) * median, np.nan)


def _masked_median(values, mask):
    """Median of each row without its masked values, and how many there are."""
    values = values.astype(float)
    count = np.sum(~mask, axis=1)
    whole = count == values.shape[1]
    median = np.full(len(values), np.nan)
    if values.shape[1] == 0:
        return median, count
    median[whole] = np.median(values[whole], axis=1)
    some = ~whole & (count > 0)
    if some.any():
        # Masked values go to the end; the median is among the first `count`.
        ordered = np.sort(np.where(mask[some], np.inf, values[some]), axis=1)
        rows, number = np.arange(len(ordered)), count[some]
        low, high = (number - 1) // 2, number // 2
        median[some] = 0.5 * (ordered[rows, low] + ordered[rows, high])
    return median, count
