# Licensed under a 3-clause BSD style license - see LICENSE
"""Operations of a network, counted while it looks at one stamp."""

from contextlib import contextmanager

import keras
import numpy as np

__all__ = ["mega_operations"]

_LAYERS = (keras.layers.Conv2D, keras.layers.Dense)


def mega_operations(network):
    """
    Operations per galaxy of all convolutions and dense layers.

    Parameters
    ----------
    network : `~astro_cnnfit.weights.Network`

    Returns
    -------
    float
        In millions, two for each multiplication and addition. Layers that are used
        more than once count as often.
    """
    sizes = [network.stamp_size] + [network.psf_size] * network.needs_psf
    stamps = [np.ones((1, size, size), np.float32) for size in sizes]
    with _counted() as counts:
        network.model(stamps if len(stamps) > 1 else stamps[0], training=False)
    return sum(counts) / 1e6


@contextmanager
def _counted():
    counts, calls = [], {layer: layer.call for layer in _LAYERS}

    def counting(call):
        def counted(self, inputs, *args, **kwargs):
            output = call(self, inputs, *args, **kwargs)
            places = np.prod(output.shape[1:-1], dtype=int)
            counts.append(2 * int(np.prod(self.kernel.shape)) * int(places))
            return output

        return counted

    try:
        for layer, call in calls.items():
            layer.call = counting(call)
        yield counts
    finally:
        for layer, call in calls.items():
            layer.call = call
