# Licensed under a 3-clause BSD style license - see LICENSE
"""Level and noise of the sky around galaxies, and what is filled with it."""

from typing import NamedTuple

import numpy as np

__all__ = ["MIN_SKY", "LocalSky", "filled", "local_sky", "quantile", "sky_pixels"]

MIN_SKY = 25
"""Sky pixels without which there is no sky."""

# The sky begins at this many times the distance of the farthest pixel of the
# galaxy's segment, where its wings have faded; within these limits, relative to
# the width of the stamp, so that enough is left.
_BEGINS, _AT_LEAST, _AT_MOST = 2.0, 0.35, 0.48
# With fewer pixels than this out there, the sky is as many, the outermost ones.
_ENOUGH = 1000
LOW, HIGH = 0.158655, 0.841345
"""Quantiles of a normal distribution one standard deviation from its median."""


class LocalSky(NamedTuple):
    """The sky of N stamps; NaN where there is none."""

    level: np.ndarray
    """(N,) median."""
    level_err: np.ndarray
    """(N,) standard deviation of ``level`` for independent pixels."""
    sigma: np.ndarray
    """(N,) noise of a pixel."""
    ordered: np.ndarray
    """(N, M) values of the sky pixels that were looked at, in order; those beyond
    ``count`` are not the sky's."""
    count: np.ndarray
    """(N,) int."""

    def elsewhere(self, level, level_err, sigma):
        """Return the sky with another level and noise where those are known."""
        known = np.isfinite(level) & np.isfinite(sigma)
        return self._replace(
            level=np.where(known, level, self.level),
            level_err=np.where(known, level_err, self.level_err),
            sigma=np.where(known, sigma, self.sigma),
        )


def sky_pixels(own, covered):
    """
    Pixels that show nothing but sky.

    Parameters
    ----------
    own : `~numpy.ndarray` of bool
        (N, size, size), the galaxy's own pixels.
    covered : `~numpy.ndarray` of bool
        (N, size, size), bad pixels and those of other sources.

    Returns
    -------
    sky : `~numpy.ndarray` of bool
        (N, size, size).
    radius : `~numpy.ndarray`
        (N,) distance from the stamp's centre, in pixels, within which the galaxy
        is taken to have light.
    reach : `~numpy.ndarray`
        (N,) distance of the galaxy's farthest own row or column.
    """
    size = own.shape[1]
    steps = np.arange(size, dtype=np.float32) - (size - 1) / 2
    distance = np.hypot(steps, steps[:, np.newaxis])
    # The farthest pixel of the galaxy, from its rows and columns alone.
    rows, columns = own.any(axis=2), own.any(axis=1)
    reach = np.maximum(
        *(np.where(some, np.abs(steps), 0).max(axis=1) for some in (rows, columns))
    )
    radius = _BEGINS * reach / size
    radius = np.clip(radius, _AT_LEAST, _AT_MOST).astype(np.float32) * np.float32(size)
    free = ~(own | covered)
    sky = free & (distance > radius[:, np.newaxis, np.newaxis])
    # Counting along an axis makes integers of all pixels first.
    few = np.flatnonzero([np.count_nonzero(one) < _ENOUGH for one in sky])
    if few.size:
        order = np.argsort(-distance, axis=None, kind="stable")
        outer = free[few].reshape(len(few), -1)[:, order]
        outer &= np.cumsum(outer, axis=1) <= _ENOUGH
        sky[few] = outer[:, np.argsort(order)].reshape(-1, size, size)
    return sky, radius, reach


def local_sky(stamps, sky, *, step=1):
    """
    Measure the sky.

    Parameters
    ----------
    stamps : `~numpy.ndarray`
        (N, size, size).
    sky : `~numpy.ndarray` of bool
        (N, size, size), see `sky_pixels`.
    step : int
        Use every so manieth pixel: sorting them takes most of the time.

    Returns
    -------
    `LocalSky`
    """
    n = len(stamps)
    sky = sky.reshape(n, -1)[:, ::step]
    # Most pixels in the middle are no stamp's sky; the first stands for none at all.
    looked_at = sky.any(axis=0)
    looked_at[0] = True
    used = np.flatnonzero(looked_at)
    ordered = stamps.reshape(n, -1)[:, used * step]
    ordered[~sky[:, used]] = np.inf
    ordered.sort(axis=1)
    count = np.count_nonzero(np.isfinite(ordered), axis=1)
    enough = count * step >= MIN_SKY
    low, level, high = (quantile(ordered, count, q) for q in (LOW, 0.5, HIGH))
    level, sigma = (np.where(enough, v, np.nan) for v in (level, (high - low) / 2))
    sigma = np.where(sigma > 0, sigma, np.nan)
    # A median scatters sqrt(pi / 2) times as much as a mean.
    level_err = sigma * np.sqrt(np.pi / 2 / np.maximum(count, 1))
    return LocalSky(level, level_err, sigma, ordered, np.where(enough, count, 0))


def quantile(ordered, count, fraction):
    """
    Quantile of each row.

    Parameters
    ----------
    ordered : `~numpy.ndarray`
        (N, M) in order; only the first ``count`` of each row are used.
    count : `~numpy.ndarray` of int
        (N,).
    fraction : float
        From 0 to 1.

    Returns
    -------
    `~numpy.ndarray`
        (N,), interpolated; of no use where ``count`` is 0.
    """
    place = fraction * np.maximum(count - 1, 0)
    before = place.astype(int)
    after = np.minimum(before + 1, np.maximum(count - 1, 0))
    rows = np.arange(len(ordered))
    part = place - before
    with np.errstate(invalid="ignore"):
        return (1 - part) * ordered[rows, before] + part * ordered[rows, after]


def filled(stamps, bad, others, radius, sky, seed=0):
    """
    Fill the pixels of other sources and bad pixels, in place.

    Parameters
    ----------
    stamps : `~numpy.ndarray`
        (N, size, size); changed.
    bad, others : `~numpy.ndarray` of bool
        (N, size, size), bad pixels and those of other sources.
    radius : `~numpy.ndarray`
        (N,) how far the galaxy reaches.
    sky : `LocalSky`
        Of the stamps.
    seed : int
        Of the draws.

    Returns
    -------
    `~numpy.ndarray`
        ``stamps``. Bad pixels within ``radius`` get the value on the other side
        of the centre, if that is good; all others a value drawn from the sky's,
        or 0 where there is no sky. What is drawn does not depend on the other
        stamps.
    """
    size = stamps.shape[1]
    # One field of random ranks for all: each stamp has values of its own.
    field = np.random.default_rng(seed).random((size, size))
    if not bad.any():
        where = np.flatnonzero(others)
        row, pixel = np.divmod(where, size**2)
        stamps.reshape(-1)[where] = _drawn(sky, row, field.reshape(-1)[pixel])
        return stamps
    replaced = bad | others
    rows = np.flatnonzero(replaced.any(axis=(1, 2)))
    some, replaced, bad = stamps[rows], replaced[rows], bad[rows]
    steps = np.arange(size) - (size - 1) / 2
    distance = np.hypot(steps, steps[:, np.newaxis])
    inside = distance <= radius[rows, np.newaxis, np.newaxis]
    mirrored = bad & inside & ~replaced[:, ::-1, ::-1]
    row, *_ = place = np.nonzero(replaced & ~mirrored)
    turned = some[:, ::-1, ::-1][mirrored]
    some[place] = _drawn(sky, rows[row], field[place[1:]])
    some[mirrored] = turned
    stamps[rows] = some
    return stamps


def _drawn(sky, row, rank):
    """Values of some stamps' sky by their ranks, 0 where there is no sky."""
    if row.size == 0:
        return np.zeros(0, np.float32)
    count = sky.count[row]
    drawn = sky.ordered[row, (rank * count).astype(int)]
    return np.where(count > 0, drawn, 0)
