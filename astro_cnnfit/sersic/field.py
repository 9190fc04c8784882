# Licensed under a 3-clause BSD style license - see LICENSE
"""
All galaxies of an image together: each without the light of the others.

Every galaxy is measured by itself, its model is drawn, and all models but its own are
subtracted before it is measured again, the brightest first, until nothing changes.
Galaxies that do not reach into each other's stamps are measured together.
"""

import logging
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from .field_state import FieldState
from .results import Measurement

__all__ = ["MeasuredField", "find_and_measure_field", "measure_field"]

log = logging.getLogger(__name__)

# Passes before which the image is searched for what was missed.
_SEARCHES = 2, 4


class MeasuredField(NamedTuple):
    """What `find_and_measure_field` found, a row an object."""

    measurement: Measurement
    """Of those that were given, in their order, then of those found later."""
    x: np.ndarray
    """(N,) where each was given or found."""
    y: np.ndarray
    """(N,)."""
    psfs: np.ndarray | None
    """(N or 1, k, k) that each was measured with."""
    star_psfs: np.ndarray | None
    """(N or 1, k, k) that stars were subtracted with."""


def measure_field(network, image, x, y, psfs, *, iterations, **settings):
    """
    Measure galaxies that stand in each other's light.

    Parameters
    ----------
    network, image, x, y, psfs, iterations, **settings
        As for `find_and_measure_field`.

    Returns
    -------
    `~astro_cnnfit.sersic.results.Measurement`
        Its ``passes`` say how often each galaxy was measured.
    """
    return find_and_measure_field(
        network, image, x, y, psfs, iterations=iterations, **settings
    ).measurement


def find_and_measure_field(
    network, image, x, y, psfs, *, iterations, star_psfs=None, finder=None,
    statistics=False, refine=False, progress_bar=False, **settings,
):  # fmt: skip
    """
    Measure galaxies that stand in each other's light, and those that hid in it.

    Parameters
    ----------
    network, image, x, y, psfs, statistics, refine, progress_bar, **settings
        As for `~astro_cnnfit.sersic.measure.measure`; ``image`` is one image.
    iterations : int
        How often each galaxy is measured, at most. The first time, it is measured
        as it is; the second time, without those that are brighter; from then on
        without any other, as long as one of them changed.
    star_psfs : `~numpy.ndarray`, optional
        (N or 1, k, k) larger PSFs to subtract stars with; by default ``psfs``.
    finder : `~astro_cnnfit.detection.GalaxyFinder`, optional
        Looks for more objects between the passes, in the image without those that
        are known (`~astro_cnnfit.sersic.missed.find_missed`). Each has the PSF of
        the nearest one that was given.

    Returns
    -------
    `MeasuredField`

    Notes
    -----
    Statistics and refinement, if asked for, come last, with all neighbours
    subtracted, and count as no pass. With ``refine='map'`` all galaxies are refined
    together (`~astro_cnnfit.sersic.joint.refine_field`), after the statistics, which
    are then those of the network's models.
    """
    field = FieldState(network, image, (x, y), (psfs, star_psfs), settings)
    field.measure_alone(progress_bar=progress_bar)
    with tqdm(total=iterations, disable=not progress_bar, unit="pass") as bar:
        bar.update()
        _passes(field, iterations, finder, bar)
    together = refine == "map"
    if statistics or refine:
        field.measure_again(
            field.all(), field.overlaps(), statistics=True,
            refine=refine and not together,
        )  # fmt: skip
    # Galaxies that are fitted together take some of the light that was not found.
    excess = field.excess() if iterations > 1 else None
    if together:
        field.refine_together()
    if iterations > 1:
        field.widen_errors(excess, together)
    given = None if star_psfs is None else field.star_psfs
    return MeasuredField(field.result, *field.place, field.psfs, given)


def _passes(field, iterations, finder, bar):
    """Measure again and again, until nothing changes."""
    overlaps = field.overlaps()
    pending = overlaps.beside(field.all())
    searches = () if finder is None else _SEARCHES
    for again in range(1, iterations):
        if again in searches and field.add_missed(finder):
            new = np.arange(len(field.result.params)) >= len(pending)
            overlaps = field.overlaps()
            pending = np.append(pending, new[len(pending) :]) | overlaps.beside(new)
        if not pending.any() and again >= max(searches, default=0):
            break
        changed = field.measure_again(pending, overlaps)
        log.info(
            "pass %d: %d galaxies measured, %d changed",
            again + 1, np.count_nonzero(pending), np.count_nonzero(changed),
        )  # fmt: skip
        bar.update()
        # Only now are the fainter ones known that a galaxy was measured with.
        pending = overlaps.beside(field.all() if again == 1 else changed)
