# Licensed under a 3-clause BSD style license - see LICENSE
"""
From hyperparameters to a network and its training, an architecture a row.

A point of a space becomes keyword arguments of the architecture's builder
(`astro_cnnfit.networks.build`), so that what a search finds is a description like
that of any model, and settings of the training.
"""

from collections.abc import Callable
from typing import NamedTuple

from astro_cnnfit.measures import LATENT_MEASURES
from astro_cnnfit.parameters import PARAMETERS

__all__ = [
    "POINTS",
    "TRAINING",
    "Point",
    "PointMap",
    "check_data",
    "input_sizes",
    "point",
]

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
    sizes: tuple
    """Arguments that hold the sizes of its inputs: stamps, PSFs."""
    truths: tuple
    """Shapes that the truth of one galaxy may have."""

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

_CASNET_C = {**_CASNET, "filters": 64, "dense_units": 512, "dropout": 0.55}
_ONE_MEASURE = (), (1,), (len(LATENT_MEASURES),)

POINTS = {
    "casnet_a": PointMap(_CASNET, _casnet, ("size",), _ONE_MEASURE),
    "casnet_c": PointMap(_CASNET_C, _casnet, ("size",), _ONE_MEASURE),
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
        ("size", "psf_size"),
        ((len(PARAMETERS),),),
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


def input_sizes(architecture, sizes):
    """
    Keyword arguments that set the sizes of a network's inputs.

    Parameters
    ----------
    architecture : str
        A key of `POINTS`.
    sizes : sequence of int
        Pixels on a side of stamps and PSFs, or nothing for the network's own.

    Returns
    -------
    dict
    """
    return dict(zip(POINTS[architecture].sizes, sizes, strict=bool(sizes)))


def check_data(architecture, data):
    """
    Refuse data that a network of this kind cannot learn from.

    Parameters
    ----------
    architecture : str
        A key of `POINTS`.
    data : `~astro_cnnfit.tuning.TuningData`
        The data of a search.

    Raises
    ------
    ValueError
        If it has too many or too few inputs, or its truth another shape.
    """
    row = POINTS[architecture]
    inputs, truth = data.train
    if len(inputs) != len(row.sizes):
        wanted = " and ".join(("stamps", "PSFs")[: len(row.sizes)])
        raise ValueError(
            f"data for {architecture!r} must have {wanted} as inputs, got "
            f"{len(inputs)} arrays"
        )
    if truth.shape[1:] not in row.truths:
        shapes = " or ".join(
            str(("N", *shape)).replace("'", "") for shape in row.truths
        )
        raise ValueError(
            f"truth of the data for {architecture!r} must have shape {shapes}, got "
            f"{truth.shape}"
        )
