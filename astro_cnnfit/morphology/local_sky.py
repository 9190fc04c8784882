# Licensed under a 3-clause BSD style license - see LICENSE
"""Level and noise of the sky around galaxies, and what is filled with it."""

from typing import NamedTuple

import numpy as np

from .quantiles import HIGH, LOW, in_order, quantiles

__all__ = [
    "ENOUGH",
    "MIN_SKY",
    "LocalSky",
    "filled",
    "galaxy_radius",
    "local_sky",
    "sky_of",
    "sky_pixels",
]

MIN_SKY = 25
"""Sky pixels without which there is no sky."""

# The sky begins at this many times the distance of the farthest pixel of the
# galaxy's segment, where its wings have faded; within these limits, relative to
# the width of the stamp, so that enough is left.
_BEGINS, AT_LEAST, _AT_MOST = 2.0, 0.35, 0.48
ENOUGH = 1000
"""With fewer pixels than this out there, the sky is as many, the outermost ones."""


class LocalSky(NamedTuple):
    """The sky of N stamps; NaN where there is none."""

    level: np.ndarray
    """(N,) median."""
    level_err: np.ndarray
    """(N,) standard deviation of ``level`` for independent pixels."""
    sigma: np.ndarray
    """(N,) noise of a pixel."""
    ordered: np.ndarray
    """(N, S, M) values of the sky pixels that were looked at, in S parts, each in
    order; those beyond ``count`` are not the sky's."""
    count: np.ndarray
    """(N, S) int."""

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
    radius = galaxy_radius(reach, size)
    free = ~(own | covered)
    sky = free & (distance > radius[:, np.newaxis, np.newaxis])
    few = np.flatnonzero(np.count_nonzero(sky, axis=(1, 2)) < ENOUGH)
    if few.size:
        order = np.argsort(-distance, axis=None, kind="stable")
        outer = free[few].reshape(len(few), -1)[:, order]
        outer &= np.cumsum(outer, axis=1) <= ENOUGH
        sky[few] = outer[:, np.argsort(order)].reshape(-1, size, size)
    return sky, radius, reach


def galaxy_radius(reach, size):
    """
    Radius within which a galaxy is taken to have light.

    Parameters
    ----------
    reach : `~numpy.ndarray`
        (N,) distance of the galaxy's farthest own row or column, in pixels.
    size : int
        Of the stamps.

    Returns
    -------
    `~numpy.ndarray`
        (N,) float32, in pixels.
    """
    radius = np.clip(_BEGINS * reach / size, AT_LEAST, _AT_MOST)
    return radius.astype(np.float32) * np.float32(size)


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
    values = stamps.reshape(n, -1)[:, used * step]
    return sky_of(values[:, np.newaxis], sky[:, np.newaxis, used], step)


def sky_of(values, good, step):
    """
    Level and noise from pixels that were looked at.

    Parameters
    ----------
    values : `~numpy.ndarray`
        (N, S, M) in S parts; changed.
    good : `~numpy.ndarray` of bool
        (N, S, M), which of them are sky.
    step : int
        One of how many pixels was looked at.

    Returns
    -------
    `LocalSky`
    """
    ordered, count = in_order(values, good)
    low, level, high = quantiles(ordered, count, (LOW, 0.5, HIGH))
    total = count.sum(axis=1)
    enough = total * step >= MIN_SKY
    level, sigma = (np.where(enough, v, np.nan) for v in (level, (high - low) / 2))
    sigma = np.where(sigma > 0, sigma, np.nan)
    # A median scatters sqrt(pi / 2) times as much as a mean.
    level_err = sigma * np.sqrt(np.pi / 2 / np.maximum(total, 1))
    count = np.where(enough[:, np.newaxis], count, 0)
    return LocalSky(level, level_err, sigma, ordered, count)


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
    rank = np.random.default_rng(seed).random(size**2, np.float32)
    # Below 1 by enough that products with counts are not rounded up to these.
    rank *= np.float32(1 - 1e-6)
    if not bad.any():
        where, row, pixel = _places(others)
        stamps.reshape(-1)[where] = _drawn(sky, row, rank[pixel])
        return stamps
    replaced = bad | others
    steps = np.arange(size) - (size - 1) / 2
    distance = np.hypot(steps, steps[:, np.newaxis])
    mirrored = bad & (distance <= radius[:, np.newaxis, np.newaxis])
    mirrored &= ~replaced[:, ::-1, ::-1]
    turned = stamps[:, ::-1, ::-1][mirrored]
    where, row, pixel = _places(replaced & ~mirrored)
    stamps.reshape(-1)[where] = _drawn(sky, row, rank[pixel])
    stamps[mirrored] = turned
    return stamps


def _places(pixels):
    """Where pixels of a mask are: in all, which stamp, and where in it."""
    n, size, _ = pixels.shape
    where = np.flatnonzero(pixels)
    first = np.arange(n + 1) * size**2
    number = np.diff(np.searchsorted(where, first))
    return where, np.repeat(np.arange(n), number), where - np.repeat(first[:-1], number)


def _drawn(sky, row, rank):
    """Values of some stamps' sky by their ranks, 0 where there is no sky."""
    _, number, length = sky.ordered.shape
    if row.size == 0 or length == 0:
        return np.zeros(row.size, np.float32)
    rank = rank * np.float32(number)
    part = rank.astype(int)
    rank -= part
    part += row * number
    rank *= sky.count.reshape(-1)[part]
    part *= length
    part += rank.astype(int)
    drawn = sky.ordered.reshape(-1)[part]
    if sky.count.all():
        return drawn
    return np.where(np.isfinite(drawn), drawn, 0)
