# Licensed under a 3-clause BSD style license - see LICENSE
"""
From hyperparameters to a network and its training, an architecture a row.

A point of a space becomes keyword arguments of the architecture's builder
(`astro_cnnfit.networks.build`), so that what a search finds is a description like
that of any model, and settings of the training.
"""

from collections.abc import Callable
from typing import NamedTuple

__all__ = ["POINTS", "TRAINING", "Point", "PointMap", "point"]

TRAINING = {
    "optimizer": "adam",
    "learning_rate": 1e-3,
    "batch_size": 512,
    "schedule": "constant",
    "policy": "float32",
}
"""Hyperparameters of the training that every architecture has, with the values
that hold where a space leaves one out."""


class Point(NamedTuple):
    """A point of a space, translated."""

    arguments: dict
    """Keyword arguments of the architecture."""
    training: dict
    """A value for each key of `TRAINING`."""


class PointMap(NamedTuple):
    """How an architecture's hyperparameters become arguments."""

    defaults: dict
    """Its hyperparameters and the values that make its default network."""
    arguments: Callable
    """(values) -> keyword arguments of the architecture."""

    @property
    def names(self):
        """All hyperparameters that a space for it may have."""
        return (*self.defaults, *TRAINING)


def _casnet(values):
    # Table 1 gives one number of filters; Figure 4 doubles it from block to block.
    return {
        "filters": [values["filters"] * 2**i for i in range(values["blocks"])],
        "convolutions": values["convolutions"],
        "pooling": values["pooling"],
        "dense": [values["dense_units"]] * values["dense_layers"],
        "dropout": values["dropout"],
    }


def _sersic(values):
    return {
        "filters": [values[f"filters_{level}"] for level in (1, 2, 3)],
        "blocks": values["blocks"],
        "dense": [
            max(values["dense_units"] // 2**i, 1) for i in range(values["dense_layers"])
        ],
        "psf_filters": [values["psf_filters"], values["psf_filters"] * 3 // 2],
        "psf_units": values["psf_units"],
        "head": values["head"],
    }


_CASNET = {
    "blocks": 3,
    "convolutions": 2,
    "filters": 32,
    "pooling": "average",
    "dense_layers": 2,
    "dense_units": 1024,
    "dropout": 0.5,
}

POINTS = {
    "casnet_a": PointMap(_CASNET, _casnet),
    "casnet_c": PointMap(
        {**_CASNET, "filters": 64, "dense_units": 512, "dropout": 0.55}, _casnet
    ),
    "sersic": PointMap(
        {
            "filters_1": 24,
            "filters_2": 64,
            "filters_3": 96,
            "blocks": 1,
            "dense_layers": 2,
            "dense_units": 256,
            "psf_filters": 16,
            "psf_units": 64,
            "head": "full",
        },
        _sersic,
    ),
}
"""Architectures that can be searched."""


def point(architecture, values):
    """
    Translate the hyperparameters of a trial.

    Parameters
    ----------
    architecture : str
        A key of `POINTS`.
    values : dict
        Hyperparameters by name; what is missing has its default.

    Returns
    -------
    `Point`

    Examples
    --------
    >>> from astro_cnnfit.tuning.points import point
    >>> found = point("casnet_a", {"filters": 8, "blocks": 2, "batch_size": 128})
    >>> found.arguments["filters"], found.training["batch_size"]
    ([8, 16], 128)
    """
    row = POINTS[architecture]
    arguments = row.arguments({**row.defaults, **values})
    training = {key: values.get(key, default) for key, default in TRAINING.items()}
    return Point(arguments, training)
