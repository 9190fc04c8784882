# Licensed under a 3-clause BSD style license - see LICENSE
"""
The stream of training batches from a library of noise-free galaxies.

A batch is a function of seed and step alone: galaxies in an order that is drawn
anew for each pass, turned and mirrored, with fresh noise and neighbours.
"""

from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from astro_cnnfit.networks import ARCHITECTURES
from astro_cnnfit.simulation.observe_galaxies import SURVEY, observe, turn

from .ahead import one_ahead

__all__ = ["GalaxyStream", "Library"]

_ORDER, _BATCH = range(2)


class Library(NamedTuple):
    """Noise-free galaxies and what was measured on them."""

    stamps: np.ndarray
    """(N, size, size)"""
    labels: np.ndarray
    """(N, 12), see `~astro_cnnfit.measures.LATENT_MEASURES`."""


class GalaxyStream:
    """
    Batches of (inputs, targets), reproducible from seed and step.

    Parameters
    ----------
    config : `~astro_cnnfit.training.TrainingConfig`
        Batch size and seed.
    library : `Library`
        Galaxies to draw from.
    conditions : `~astro_cnnfit.simulation.observe_galaxies.Conditions`
        How they are observed.
    """

    def __init__(self, config, library, conditions=SURVEY):
        self.config = config
        self.library = library
        self.conditions = conditions
        self.architecture = ARCHITECTURES[config.architecture]
        self._executor = ThreadPoolExecutor(max_workers=1)
        self._order = (-1, None)

    def batches(self, start, stop):
        """Batches of steps ``start`` to ``stop``, one made ahead."""
        return one_ahead(self.batch, start, stop, self._executor)

    def batch(self, step):
        """
        The batch of one step.

        Returns
        -------
        inputs : list of `~numpy.ndarray`
            The stamps.
        targets : `~numpy.ndarray`
        """
        seen = self.observed(step)
        return [seen.stamps], self.architecture.targets(seen.labels)

    def observed(self, step):
        """
        Noisy stamps and labels of one step.

        Returns
        -------
        `~astro_cnnfit.simulation.observe_galaxies.Observed`
        """
        rows = self._rows(step)
        rng = np.random.default_rng([self.config.seed, step, _BATCH])
        stamps = self.library.stamps[rows].astype(np.float32)
        stamps, labels = turn(stamps, self.library.labels[rows], int(rng.integers(8)))
        return observe(
            np.ascontiguousarray(stamps), labels, rng, conditions=self.conditions
        )

    def _rows(self, step):
        n = len(self.library.labels)
        # A library smaller than a batch is gone through more than once in it.
        per_pass = max(n // self.config.batch_size, 1)
        turn_number, place = divmod(step, per_pass)
        if self._order[0] != turn_number:
            rng = np.random.default_rng([self.config.seed, turn_number, _ORDER])
            order = np.resize(rng.permutation(n), max(n, self.config.batch_size))
            self._order = (turn_number, order)
        return self._order[1][place * self.config.batch_size :][
            : self.config.batch_size
        ]
