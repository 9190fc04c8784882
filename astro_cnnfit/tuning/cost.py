# Licensed under a 3-clause BSD style license - see LICENSE
"""
What a network costs, known before it is trained.

Operations are counted: two for each multiplication and addition of convolutions and
dense layers. The time is predicted from the operations and from the numbers that
the layers write, with the speed of this machine, which a few small networks tell.
"""

import time
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
from keras import layers
from scipy.optimize import nnls

from astro_cnnfit.compiled import compiled
from astro_cnnfit.json_files import read_json, write_json

__all__ = ["LIMITS", "Cost", "beyond", "measure_speed", "network_cost", "search_speed"]

LIMITS = {
    "max_parameters": ("parameters", "{:,.0f} parameters"),
    "max_mflop": ("mflop", "{:.4g} MFLOP"),
    "max_latency": ("seconds_per_galaxy", "{:.3g} s per galaxy"),
}
"""Limits of a search: what each one limits, and how that is written."""

_BATCH = 64
_REPEATS = 5


class Cost(NamedTuple):
    """What a network costs."""

    parameters: int
    mflop: float
    """Operations per galaxy, in millions."""
    seconds_per_galaxy: float
    """Predicted."""


def network_cost(model, speed):
    """
    Cost of a network.

    Parameters
    ----------
    model : keras.Model
        The network.
    speed : sequence of float
        Seconds per million operations and per million written numbers, from
        `measure_speed`.

    Returns
    -------
    `Cost`
    """
    mflop, written = _work(model)
    seconds = speed[0] * mflop + speed[1] * written
    return Cost(int(model.count_params()), mflop, seconds)


def beyond(cost, limits):
    """
    Say which limit a network is beyond.

    Parameters
    ----------
    cost : `Cost`
        Its cost.
    limits : dict
        Value, or None, for each key of `LIMITS`.

    Returns
    -------
    str
        Empty where it keeps to all of them.
    """
    for name, (quantity, text) in LIMITS.items():
        value, limit = getattr(cost, quantity), limits[name]
        if limit is not None and value > limit:
            return f"{text.format(value)}, above {name}={limit:g}"
    return ""


def search_speed(directory):
    """
    Speed of the machine as the search in a directory knows it.

    A search measures it once, so that its limits stay the same when it resumes.

    Parameters
    ----------
    directory : path-like
        Where the search lies.

    Returns
    -------
    list of float
        As `measure_speed` gives it.
    """
    path = Path(directory) / "speed.json"
    if not path.is_file():
        write_json(path, {"seconds_per_million": list(measure_speed())})
    return read_json(path)["seconds_per_million"]


@lru_cache(maxsize=1)
def measure_speed():
    """
    Measure the speed of this machine with three small networks.

    Returns
    -------
    tuple of float
        Seconds per million operations, and per million numbers that layers write,
        for networks that measure galaxies in batches.
    """
    work, seconds = [], []
    for model in (_convolutions(16, 4), _convolutions(16, 48), _dense(512)):
        work.append(_work(model))
        seconds.append(_seconds_per_galaxy(model))
    # Relative errors count, as the networks differ a hundredfold.
    weighted = np.array(work) / np.array(seconds)[:, None]
    speed, _ = nnls(weighted, np.ones(len(seconds)))
    return tuple(float(value) for value in speed)


def _work(model):
    """Operations and written numbers per galaxy, in millions."""
    operations = written = 0
    for layer in model.layers:
        kernel = getattr(layer, "kernel", None)
        if kernel is not None:
            shape = layer.output.shape[1:]
            operations += 2 * np.prod(kernel.shape) * np.prod(shape[:-1])
            written += np.prod(shape)
    return float(operations) / 1e6, float(written) / 1e6


def _convolutions(size, filters):
    stamp = keras.Input((size, size, 1))
    x = stamp
    for _ in range(3):
        x = layers.Conv2D(filters, 3, activation="relu")(x)
    return keras.Model(stamp, x)


def _dense(units):
    start = keras.Input((units,))
    return keras.Model(start, layers.Dense(units, activation="relu")(start))


def _seconds_per_galaxy(model):
    forward = compiled(lambda batch: model(batch, training=False))
    batch = np.ones((_BATCH, *model.input_shape[1:]), np.float32)
    np.asarray(keras.ops.convert_to_numpy(forward(batch)))
    seconds = []
    for _ in range(_REPEATS):
        clock = time.perf_counter()
        keras.ops.convert_to_numpy(forward(batch))
        seconds.append(time.perf_counter() - clock)
    return min(seconds) / _BATCH
