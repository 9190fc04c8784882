# Licensed under a 3-clause BSD style license - see LICENSE
"""
The stream of training batches, a function of seed and step alone.

Noise-free scenes are drawn into a pool, used a few times with other noise,
flips and neighbours, and replaced. The next pool and the next batch are made
in the background.
"""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from keras import ops

from astro_cnnfit.networks import ARCHITECTURES
from astro_cnnfit.simulation import Scenes, draw_scenes, observe

from .ahead import one_ahead

__all__ = ["SceneStream"]

_POOL, _ORDER, _BATCH = range(3)


class SceneStream:
    """
    Batches of (inputs, targets), reproducible from seed and step.

    Parameters
    ----------
    config : `~astro_cnnfit.training.TrainingConfig`
        Priors, sizes and seed.
    backgrounds : `~numpy.ndarray`, optional
        Stamps of real sky.
    """

    def __init__(self, config, backgrounds=None):
        self.config = config
        self.backgrounds = backgrounds
        self.priors = config.scene_priors
        self.architecture = ARCHITECTURES[config.architecture]
        self._pools = {}
        self.executor = ThreadPoolExecutor(max_workers=2)

    def _rng(self, *key):
        return np.random.default_rng([self.config.seed, *key])

    def batches(self, start, stop):
        """Batches of steps ``start`` to ``stop``, one made ahead."""
        return one_ahead(self.batch, start, stop, self.executor)

    def batch(self, step):
        """
        The batch of one step.

        Returns
        -------
        inputs : list of `~numpy.ndarray`
            Stamps, and PSFs for a network that takes them.
        targets : `~numpy.ndarray`
        """
        stamps, psfs, params = self.observed(step)
        inputs = [stamps, psfs] if self.architecture.needs_psf else [stamps]
        return inputs, self.architecture.targets(params)

    def observed(self, step):
        """
        Stamps, PSFs and parameters of one step.

        Returns
        -------
        stamps, psfs, params : `~numpy.ndarray`
            (N, 61, 61), (N, 25, 25) and (N, 7).
        """
        config = self.config
        per_use = config.pool // config.batch_size
        pool, within = divmod(step, per_use * config.uses)
        use, position = divmod(within, per_use)
        order = self._rng(pool, use, _ORDER).permutation(config.pool)
        rows = order[position * config.batch_size :][: config.batch_size]
        scenes = self._pool(pool).take(rows, shift=use % 4)
        rng = self._rng(step, _BATCH)
        stamps, psfs, params = observe(
            scenes, rng, self.backgrounds, real_sky=config.real_sky
        )
        return ops.convert_to_numpy(stamps), psfs, params

    def _pool(self, number):
        """Pool of this number; the next one is begun."""
        for wanted in (number, number + 1):
            if wanted not in self._pools:
                task = self.executor.submit(self._draw_pool, wanted)
                self._pools[wanted] = task
        self._pools = {k: v for k, v in self._pools.items() if k >= number}
        return self._pools[number].result()

    def _draw_pool(self, number):
        rng = self._rng(number, _POOL)
        shares = np.array(list(self.config.priors.values()), dtype=float)
        edges = np.cumsum(shares / shares.sum()) * self.config.pool
        counts = np.diff(np.round(edges / 4).astype(int) * 4, prepend=0)
        parts = [
            draw_scenes(self.priors[name], rng, int(count))
            for name, count in zip(self.config.priors, counts, strict=True)
            if count
        ]
        return Scenes.join(parts)
