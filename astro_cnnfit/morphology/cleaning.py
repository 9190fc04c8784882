# Licensed under a 3-clause BSD style license - see LICENSE
"""
Neighbours replaced by sky: the steps of galclean.

Tohill et al. (2021, Section 3.1) clean their stamps with galclean (de
Albernaz Ferreira & Ferrari 2018, MNRAS 473, 2701): what rises above the sky is
cut into segments, the one under the centre is the galaxy, and the others are
filled with pixels drawn from the sky, so that they leave no holes that a
network could see. Like galclean, this does not divide segments that touch: a
neighbour that overlaps the galaxy stays, unless a mask names its pixels.
"""

from typing import NamedTuple
from zlib import crc32

import numpy as np
from scipy.ndimage import label

__all__ = ["Cleaned", "clean_neighbours", "sky_statistics"]

# Pixels of the image that a segment has at least.
_MIN_AREA = 5
# Where the galaxy's segment may begin, from the centre, and the radius of the
# disc that stands for it where there is none.
_REACH = 5
# Sky pixels that a fair draw needs.
_MIN_SKY = 25
_EIGHT = np.ones((3, 3), int)


class Cleaned(NamedTuple):
    """Cleaned stamps; each field as (N, ny, nx), or without N as it came."""

    stamps: np.ndarray
    """float32; pixels of neighbours and of the mask replaced."""
    segments: np.ndarray
    """bool; the galaxy's own pixels, dilated."""
    replaced: np.ndarray
    """bool; pixels that were replaced."""
    found: np.ndarray
    """(N,) bool; whether a segment lies under the centre, or within 5 pixels of
    it. Where none does, a disc of that radius stands for the galaxy."""


def clean_neighbours(
    stamps, *, seed=0, mask=None, segments=None, threshold=4.0, growth=3
):
    """
    Replace neighbours of a galaxy by sky.

    Parameters
    ----------
    stamps : array_like
        (N, ny, nx) or one (ny, nx), the galaxy's centre at (ny // 2, nx // 2).
        Pixels that are not finite are treated as masked.
    seed : int
        Of the random draws. They depend on it and on the stamp's own pixels, not
        on the other stamps.
    mask : array_like of bool, optional
        Of the stamps' shape: pixels to replace in any case, such as bad ones and
        those that a segmentation map gives to other sources.
    segments : array_like of bool, optional
        Of the stamps' shape: the galaxy's pixels, where they are known. They and
        what is connected to them are kept.
    threshold : float
        Above the sky's median, in standard deviations of the sky. galclean's
        own value is the default.
    growth : int
        Pixels by which segments are dilated: what lies just below the threshold.

    Returns
    -------
    `Cleaned`
        ``stamps``, ``segments``, ``replaced`` and ``found``. A stamp without a
        finite pixel is returned as it is.

    Raises
    ------
    ValueError
        If the shapes do not fit.

    Notes
    -----
    The sky's median and standard deviation are sigma-clipped twice, the second
    time without the sources found with the first. The threshold is applied to
    the stamp on pixels of half the size (linear interpolation), which smooths
    outlines and averages the noise down, so that 4 sigma is rarely reached by
    noise alone.
    """
    stamps, mask, segments, single = _checked(stamps, mask, segments)
    stamps = stamps.copy()
    own, replaced = np.zeros(stamps.shape, bool), np.zeros(stamps.shape, bool)
    found = np.zeros(len(stamps), bool)
    for index, stamp in enumerate(stamps):
        digest = crc32(stamp.tobytes())
        bad = ~np.isfinite(stamp)
        if mask is not None:
            bad |= mask[index]
        if bad.all():
            continue
        known = None if segments is None else segments[index]
        neighbours, own[index], sky, found[index] = _sources(
            stamp, bad, known, threshold, growth
        )
        replaced[index] = neighbours | bad
        count = np.count_nonzero(replaced[index])
        rng = np.random.default_rng([seed, digest])
        stamp[replaced[index]] = rng.choice(sky, count)
    cleaned = Cleaned(stamps, own, replaced, found)
    return Cleaned(*(part[0] for part in cleaned)) if single else cleaned


def _checked(stamps, mask, segments):
    stamps = np.asarray(stamps, dtype=np.float32)
    single = stamps.ndim == 2
    if stamps.ndim not in (2, 3) or min(stamps.shape[-2:]) < 2 * _REACH:
        raise ValueError(
            f"stamps must have shape (N, ny, nx) or (ny, nx) of at least "
            f"{2 * _REACH} pixels, got {stamps.shape}"
        )
    others = []
    for name, other in (("mask", mask), ("segments", segments)):
        if other is not None:
            other = np.asarray(other, dtype=bool)
            if other.shape != stamps.shape:
                raise ValueError(
                    f"{name} must have the shape of stamps, {stamps.shape}, "
                    f"got {other.shape}"
                )
            other = other[None] if single else other
        others.append(other)
    return (stamps[None] if single else stamps, *others, single)


def _sources(stamp, bad, known, threshold, growth):
    """Neighbours, the galaxy, values of the sky, and whether the galaxy is there."""
    median, sigma = sky_statistics(stamp[~bad])
    filled = np.where(bad, np.float32(median), stamp)
    detected = _parts(_halved_pixels(filled) > median + threshold * sigma)
    outside = ~bad & ~_grown(detected.any(axis=(1, 3)), growth)
    if np.count_nonzero(outside) >= _MIN_SKY:
        median, sigma = sky_statistics(stamp[outside])
    filled = np.where(bad, np.float32(median), stamp)
    labels, n_labels = _label(filled, median + threshold * sigma)
    own, found = _galaxy(labels, n_labels, known)
    neighbours = (labels > 0) & ~own
    galaxy = _grown(own, growth)
    grown = _grown(neighbours, growth) & ~galaxy
    sky = stamp[~(galaxy | grown | neighbours | bad)]
    if sky.size < _MIN_SKY:
        # The stamp is full of galaxies: nothing to draw from but the statistics.
        sky = np.float32([median])
    return neighbours & ~galaxy | grown, galaxy & ~bad, sky, found


def sky_statistics(values, *, sigma=3.0, max_iterations=10):
    """
    Sigma-clipped median and standard deviation.

    Parameters
    ----------
    values : array_like
        Finite pixels, of any shape.
    sigma : float
        Where to clip, in standard deviations from the median.
    max_iterations : int
        How often at most.

    Returns
    -------
    median, standard_deviation : float
        As `astropy.stats.sigma_clipped_stats` has them, some 20 times faster: the
        values are sorted once, and every clipped set is a range of them.
    """
    values = np.sort(np.asarray(values, dtype=np.float32), axis=None)
    first, last = 0, values.size
    # Sums of the deviations from the middle value, so that little is lost.
    shifted = values.astype(float) - values[last // 2]
    sums = np.concatenate([[0.0], np.cumsum(shifted)])
    squares = np.concatenate([[0.0], np.cumsum(shifted * shifted)])
    for _ in range(max_iterations + 1):
        count = last - first
        median = 0.5 * (values[(first + last - 1) // 2] + values[(first + last) // 2])
        mean = (sums[last] - sums[first]) / count
        variance = (squares[last] - squares[first]) / count - mean**2
        deviation = np.sqrt(max(variance, 0.0))
        limits = median - sigma * deviation, median + sigma * deviation
        clipped = (
            max(first, int(np.searchsorted(values, limits[0], "left"))),
            min(last, int(np.searchsorted(values, limits[1], "right"))),
        )
        if clipped == (first, last) or clipped[0] >= clipped[1]:
            break
        first, last = clipped
    return float(median), float(deviation)


def _label(stamp, level):
    """Segments above a level, (ny, nx) int, numbered from 1, and their number."""
    fine, _ = label(_halved_pixels(stamp) > level, structure=_EIGHT)
    areas = np.bincount(fine.ravel())
    large = areas >= 4 * _MIN_AREA
    large[0] = False
    numbers = np.where(large, np.cumsum(large), 0)
    # The four parts of a pixel touch: those that are in a segment are in one.
    return _parts(numbers[fine]).max(axis=(1, 3)), int(large.sum())


def _parts(fine):
    """Pixels of half the size as (ny, 2, nx, 2), the four parts of each pixel."""
    return fine.reshape(len(fine) // 2, 2, -1, 2)


def _halved_pixels(stamp):
    """Linear interpolation to the centres of pixels of half the size."""
    for axis in (0, 1):
        padded = np.pad(
            stamp, [(1, 1) if a == axis else (0, 0) for a in (0, 1)], "edge"
        )
        before, here, after = (
            np.take(padded, range(start, start + stamp.shape[axis]), axis)
            for start in range(3)
        )
        halves = 0.75 * here + 0.25 * before, 0.75 * here + 0.25 * after
        shape = [n * (1 + (a == axis)) for a, n in enumerate(stamp.shape)]
        stamp = np.stack(halves, axis=axis + 1).reshape(shape)
    return stamp


def _galaxy(labels, n_labels, known):
    """Pixels of the galaxy, not dilated, and whether it was detected."""
    ny, nx = labels.shape
    y, x = np.ogrid[:ny, :nx]
    squared = (y - ny // 2) ** 2 + (x - nx // 2) ** 2
    disc = squared <= _REACH**2
    if known is not None and known.any():
        touched = np.zeros(n_labels + 1, bool)
        touched[labels[known]] = True
        touched[0] = False
        return known | touched[labels], True
    near = (labels > 0) & disc
    if not near.any():
        return disc, False
    place = np.argmin(np.where(near, squared, squared.max() + 1))
    return labels == labels.flat[place], True


def _grown(pixels, by):
    """Dilate by steps of one pixel, along sides and corners in turn: an octagon."""
    for step in range(by):
        grown = pixels.copy()
        grown[1:] |= pixels[:-1]
        grown[:-1] |= pixels[1:]
        # With what has already grown the second axis reaches corners, too.
        source = grown.copy() if step % 2 else pixels
        grown[:, 1:] |= source[:, :-1]
        grown[:, :-1] |= source[:, 1:]
        pixels = grown
    return pixels
