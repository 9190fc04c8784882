# Licensed under a 3-clause BSD style license - see LICENSE
"""What the fitter is told, checked: its network and its settings."""

import operator
import os

import astropy.units as u
import numpy as np

from astro_cnnfit.inputs import ZeroPoint, find_zeropoint

__all__ = [
    "checked_shape",
    "parse_model",
    "parse_positive",
    "parse_refine",
    "parse_zeropoint",
    "zeropoint_of",
]


def parse_model(model, tasks=("sersic",), precision=None):
    """
    The network that a user names or brings.

    Parameters
    ----------
    model : str, path-like or `~astro_cnnfit.weights.Network`
        What to load, or a network.
    tasks : sequence of str
        What it may have been trained for, see
        `~astro_cnnfit.networks.Architecture`.
    precision : {'float32', 'bfloat16'}, optional
        Of the network's arithmetic: 'float32' by default, and that of a network
        that is brought.

    Returns
    -------
    `~astro_cnnfit.weights.Network`

    Raises
    ------
    TypeError
        If it is none of these.
    ValueError
        If there is no such network, it measures something else, is brought with
        another precision, or that precision costs it accuracy.
    """
    network = _loaded(model, precision, tasks)
    architecture = getattr(network, "architecture", None)
    if architecture is not None and architecture.task not in tasks:
        raise ValueError(
            f"model must be a network for {' or '.join(tasks)}, got {network.name!r}, "
            f"which measures {', '.join(architecture.latent)}"
        )
    return network


def _loaded(model, precision, tasks):
    if hasattr(model, "predict") and hasattr(model, "trained_ranges"):
        # Whoever brings a network has chosen, and may want to see what that costs.
        own = getattr(model, "precision", "float32")
        if precision not in (None, own):
            raise ValueError(
                f"precision must be that of the network given, {own!r}, got "
                f"{precision!r}"
            )
        return model
    if not isinstance(model, (str, os.PathLike)):
        raise TypeError(
            "model must be the name of a network, the folder of one, or a Network, "
            f"got {type(model).__name__}"
        )
    # Keras is loaded here, not when the package is imported.
    from astro_cnnfit import weights
    from astro_cnnfit.weights.precision import check_precision

    # It says which networks there are for this, where there is no such one.
    folder, description = weights.read_description(model, tasks)
    if precision in (None, "float32"):
        return weights.load_network(model)
    check_precision(precision, {"name": folder.name, **description})
    return weights.load_network(model, precision=precision)


def parse_zeropoint(zeropoint):
    """
    The zero-point as a number of magnitudes.

    Parameters
    ----------
    zeropoint : float, `~astropy.units.Quantity` or None
        In magnitudes of any system.

    Returns
    -------
    float or None

    Raises
    ------
    ValueError
        If it is not one finite number, or not a magnitude.
    """
    if zeropoint is None:
        return None
    takes = "zeropoint must be one finite number of magnitudes"
    value = zeropoint
    if isinstance(value, u.Quantity):
        if not (isinstance(value.unit, u.MagUnit) or value.unit == u.mag):
            raise ValueError(f"{takes}, got {zeropoint!r}")
        value = value.value
    try:
        value = float(value)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{takes}, got {zeropoint!r}") from error
    if not np.isfinite(value):
        raise ValueError(f"{takes}, got {zeropoint!r}")
    return value


def zeropoint_of(image, zeropoint):
    """
    The zero-point of a call, and where it is from.

    Parameters
    ----------
    image : `~astro_cnnfit.inputs.Image`
        What is measured.
    zeropoint : float or None
        What the user gave, which counts.

    Returns
    -------
    `~astro_cnnfit.inputs.ZeroPoint` or None

    Raises
    ------
    ValueError
        If the image says two different ones.
    """
    if zeropoint is not None:
        return ZeroPoint(zeropoint, "user")
    return find_zeropoint(image)


def parse_positive(value, argument):
    """
    A number of things as an int.

    Raises
    ------
    ValueError
        If it is not a positive integer. The message names ``argument``.
    """
    try:
        number = operator.index(value)
    except TypeError:
        number = 0
    if number < 1 or isinstance(value, bool):
        raise ValueError(f"{argument} must be a positive integer, got {value!r}")
    return number


def parse_refine(refine):
    """
    Whether and how to refine.

    Raises
    ------
    ValueError
        If it is not False, True or 'map'.
    """
    if isinstance(refine, str) and refine == "map":
        return refine
    if not isinstance(refine, (bool, np.bool_)):
        raise ValueError(f"refine must be False, True or 'map', got {refine!r}")
    return bool(refine)


def checked_shape(shape, n, is_stack):
    """
    The shape of a model image, as plain integers.

    Parameters
    ----------
    shape : tuple of int
        What was asked for.
    n : int
        Number of galaxies.
    is_stack : bool
        Whether a stack was measured.

    Returns
    -------
    tuple of int

    Raises
    ------
    ValueError
        If it is not that of an image, or of a stack of ``n``.
    """
    takes = f"({n}, ny, nx)" if is_stack else "(ny, nx)"
    try:
        lengths = tuple(operator.index(length) for length in shape)
    except TypeError as error:
        raise ValueError(f"shape must be {takes}, got {shape!r}") from error
    fits = len(lengths) == (3 if is_stack else 2) and min(lengths) > 0
    if not fits or (is_stack and lengths[0] != n):
        raise ValueError(f"shape must be {takes} as in the call, got {lengths}")
    return lengths
