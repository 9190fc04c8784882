# Licensed under a 3-clause BSD style license - see LICENSE
"""Stamps as they are cut: whose pixels are whose, and where the sky is."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from astro_cnnfit.cutouts import error_sigma

from .detection import find_sources
from .local_sky import LocalSky, local_sky, sky_pixels
from .sky_samples import sampled_sky
from .source_cuts import cut_sources

__all__ = ["Seen", "see"]

# Pixels of the coarse grid from which the scale of a stamp's values is taken.
_COARSE = 8


class Seen(NamedTuple):
    """Stamps of N galaxies that are not cleaned yet."""

    data: np.ndarray
    """(N, size, size) float32: (pixels - ``zero``) / ``scale``."""
    zero: np.ndarray
    """(N,)."""
    scale: np.ndarray
    """(N,)."""
    bad: np.ndarray
    """(N, size, size) bool, pixels to leave out."""
    own: np.ndarray
    """(N, size, size) bool, the galaxies' own pixels."""
    others: np.ndarray
    """(N, size, size) bool, those of other sources."""
    sky: LocalSky
    """Of ``data``."""
    noise: np.ndarray
    """(N,) of the sky, from the error image if there is one, else that of ``sky``;
    NaN where it is unknown."""
    reach: np.ndarray
    """(N,) how far the own pixels reach, in pixels of the stamp."""
    moments: np.ndarray
    """(6, N) sums over the own pixels: of the light, light times x and y, and of 1, x
    and y; x and y from the stamp's centre."""
    x_origin: np.ndarray
    """(N,) of the stamps' centres, in pixels of the image."""
    y_origin: np.ndarray
    """(N,)."""
    factor: int
    """Image pixels along the side of a stamp pixel."""
    flags: np.ndarray
    """(N,) int, those of cutting."""

    def replace(self, rows, other):
        """Put other stamps in the place of some, in the arrays themselves."""
        for own, new in zip((*self, *self.sky), (*other, *other.sky), strict=True):
            if isinstance(own, np.ndarray) and own is not self.moments:
                own[rows] = new
        self.moments[:, rows] = other.moments

    def light(self, level):
        """
        Sum the light of the own pixels above a level.

        Parameters
        ----------
        level : `~numpy.ndarray`
            (N,) in units of ``data``.

        Returns
        -------
        light, x, y : `~numpy.ndarray`
            (N,) each: sum, and centre in pixels of the image; NaN where the sum is
            not positive.
        """
        sums = self.moments[:3] - level * self.moments[3:]
        light = np.where(sums[0] > 0, sums[0], np.nan)
        x, y = self.factor * sums[1:] / light
        return sums[0], self.x_origin + x, self.y_origin + y


def see(image, segmap, sources, rows, *, size, factor=1, step=2, out=None):
    """
    Cut stamps, tell the galaxy from its neighbours and measure the sky.

    Parameters
    ----------
    image, segmap, sources, rows, size, factor
        As for `~astro_cnnfit.morphology.source_cuts.cut_sources`.
    step : int
        Every so manieth sky pixel is used.
    out : `~numpy.ndarray`, optional
        (N, size, size) float32, for ``data``.

    Returns
    -------
    `Seen`
    """
    cut, own, others = cut_sources(image, segmap, sources, rows, size, factor)
    data, zero, scale = _scaled(cut.data, out)
    bad, any_bad = cut.mask, cut.mask.any()
    if own is None:
        own, others = find_sources(data, bad if any_bad else None)
    if any_bad:
        own &= ~bad
    reach, moments = _own_light(data, own)
    covered = bad | others if any_bad else others
    if step == 1:
        sky = local_sky(data, sky_pixels(own, covered)[0])
    else:
        sky = sampled_sky(data, own, covered, reach, step)
    noise = sky.sigma
    if cut.error is not None:
        noise = error_sigma(cut.error, bad) / scale
    return Seen(
        data, zero, scale, bad, own, others, sky, np.where(noise > 0, noise, np.nan),
        reach, moments, cut.x_origin, cut.y_origin, factor,
        cut.flags | sources.flags[rows],
    )  # fmt: skip


def _scaled(data, out):
    """float32 copies of stamps, less a typical value, over a typical scatter."""
    coarse = data[:, ::_COARSE, ::_COARSE].reshape(len(data), -1)
    zero = _median(coarse)
    scale = _median(np.abs(coarse - zero[:, np.newaxis]))
    scale = np.where(scale > 0, scale, np.maximum(np.abs(zero), 1.0))
    out = np.empty(data.shape, np.float32) if out is None else out
    place = out if data.dtype.type is np.float32 else np.empty_like(data)
    np.subtract(data, zero[:, np.newaxis, np.newaxis], out=place)
    divisor = scale.astype(data.dtype)[:, np.newaxis, np.newaxis]
    np.divide(place, divisor, out=out, casting="same_kind")
    return out, zero.astype(float), scale.astype(float)


def _median(values):
    """Median of each row of an odd number of values."""
    return np.sort(values, axis=1)[:, values.shape[1] // 2]


def _own_light(data, own):
    """How far galaxies reach, and the moments of their light, see `Seen`."""
    n, size, _ = data.shape
    # Galaxies cover a small part of their stamps.
    where = np.flatnonzero(own)
    first = np.arange(n + 1) * size**2
    starts = np.searchsorted(where, first)
    number = np.diff(starts)
    if where.size == 0:
        return np.zeros(n, np.float32), np.zeros((6, n))
    pixel = where - np.repeat(first[:-1], number)
    x, y, away = (place[pixel] for place in _places(size))
    light = data.reshape(-1)[where]
    # Where there is nothing to add, a sum would be its first term.
    starts = np.minimum(starts[:-1], where.size - 1)
    sums = [
        np.add.reduceat(values, starts, dtype=float)
        for values in (light, light * x, light * y)
    ]
    sums += [number, *(np.add.reduceat(v, starts, dtype=float) for v in (x, y))]
    some = number > 0
    reach = np.where(some, np.maximum.reduceat(away, starts), 0)
    return reach, np.where(some, sums, 0)


@lru_cache(maxsize=16)
def _places(size):
    """Places of pixels along x and y, and the larger distance from the centre."""
    steps = np.arange(size, dtype=np.float32)
    y, x = (axis.ravel() for axis in np.meshgrid(steps, steps, indexing="ij"))
    middle = np.float32((size - 1) / 2)
    away = np.maximum(np.abs(x - middle), np.abs(y - middle))
    return x - size // 2, y - size // 2, away
