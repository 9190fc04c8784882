# Licensed under a 3-clause BSD style license - see LICENSE
"""The sky around galaxies from some of the pixels of their stamps."""

from functools import lru_cache

import numpy as np

from .local_sky import AT_LEAST, ENOUGH, galaxy_radius, local_sky, sky_of, sky_pixels
from .quantiles import dealt

__all__ = ["sampled_sky"]


def sampled_sky(stamps, own, covered, reach, step):
    """
    Measure the sky, as `~astro_cnnfit.morphology.local_sky.local_sky` does.

    The same pixels of all stamps are looked at: others than these are not even
    asked whether they are sky.

    Parameters
    ----------
    stamps : `~numpy.ndarray`
        (N, size, size).
    own, covered : `~numpy.ndarray` of bool
        (N, size, size), the galaxies' own pixels; bad ones and those of others.
    reach : `~numpy.ndarray`
        (N,) distance of the galaxy's farthest own row or column.
    step : int
        One of how many pixels is looked at.

    Returns
    -------
    `~astro_cnnfit.morphology.local_sky.LocalSky`
    """
    n, size, _ = stamps.shape
    places, distance = _samples(size, step)
    radius = galaxy_radius(reach, size)[:, np.newaxis, np.newaxis]
    taken = np.take((own | covered).reshape(n, -1), places, axis=1)
    good = distance > radius
    good &= ~taken
    sky = sky_of(np.take(stamps.reshape(n, -1), places, axis=1), good, step)
    few = np.flatnonzero(sky.count.sum(axis=1) * step < ENOUGH)
    if few.size:
        mask, _, _ = sky_pixels(own[few], covered[few])
        _put(sky, few, local_sky(stamps[few], mask, step=step))
    return sky


def _put(sky, rows, other):
    """Put skies of one part in the place of some."""
    for name in ("level", "level_err", "sigma"):
        getattr(sky, name)[rows] = getattr(other, name)
    number, length = sky.ordered.shape[1:]
    for part in range(number):
        values = other.ordered[:, 0, part::number][:, :length]
        sky.ordered[rows, part, : values.shape[1]] = values
        # As many of these as are among the first of all.
        found = -(-(other.count[:, 0] - part) // number)
        sky.count[rows, part] = np.clip(found, 0, values.shape[1])


@lru_cache(maxsize=16)
def _samples(size, step):
    """Places of pixels where there may be sky, dealt out, and their distances."""
    steps = np.arange(size, dtype=np.float32) - (size - 1) / 2
    distance = np.hypot(steps, steps[:, np.newaxis]).ravel()
    places = np.arange(0, size**2, step)
    places = dealt(places[distance[places] > np.float32(AT_LEAST) * size])
    return places, distance[places]
