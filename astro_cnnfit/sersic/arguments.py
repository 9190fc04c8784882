# Licensed under a 3-clause BSD style license - see LICENSE
"""What the fitter is told, checked: settings, network, PSF and positions."""

import operator
import os

import astropy.units as u
import numpy as np

from astro_cnnfit.inputs import ZeroPoint, find_zeropoint, parse_positions
from astro_cnnfit.psf import psf_stamps_of_rows

__all__ = [
    "checked_shape",
    "find_galaxies",
    "more_ids",
    "parse_model",
    "parse_positive",
    "parse_refine",
    "parse_zeropoint",
    "positions_of",
    "psf_stamps",
    "psfs_of",
    "zeropoint_of",
]

# Width of the PSFs with which the models of a network without PSF are drawn.
_PSF_SIZE = 25


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
    network = _loaded(model, precision)
    architecture = getattr(network, "architecture", None)
    if architecture is not None and architecture.task not in tasks:
        raise ValueError(
            f"model must be a network for {' or '.join(tasks)}, got {network.name!r}, "
            f"which measures {', '.join(architecture.latent)}"
        )
    return network


def _loaded(model, precision):
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

    if precision in (None, "float32"):
        return weights.load_network(model)
    folder, description = weights.read_description(model)
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


def psf_stamps(psf, x, y, network, *, oversampling=1, includes_pixel=None, size=None):
    """
    PSF stamps, one for all galaxies or one for each.

    Parameters
    ----------
    psf
        In any form that `~astro_cnnfit.psf.as_psf_stamps` takes.
    x, y : `~numpy.ndarray`
        (N,) positions of the galaxies.
    network : `~astro_cnnfit.weights.Network`
        For which they are.
    oversampling : float
        Samples per pixel of the image.
    includes_pixel : bool, optional
        Whether they are effective ones.
    size : int, optional
        Pixels on a side, by default those that the network takes.

    Returns
    -------
    stamps : `~numpy.ndarray`
        (N or 1, k, k) float32, unit sum.
    good : `~numpy.ndarray` of bool
        (N or 1,) false where the PSF of a galaxy is none; it gets the mean one.
    """
    try:
        return psf_stamps_of_rows(
            psf,
            size=size or network.psf_size or _PSF_SIZE,
            n=len(x),
            positions=(x, y),
            oversampling=oversampling,
            includes_pixel=includes_pixel,
        )
    except ValueError as error:
        # The argument has a longer name in the fitter.
        if str(error).startswith(("oversampling", "includes_pixel")):
            raise ValueError(f"psf_{error}") from error
        raise


def psfs_of(psf, x, y, network, *, refine=False, **settings):
    """
    PSF stamps for a call, None where none are given and none are needed.

    Parameters
    ----------
    psf, x, y, network, **settings
        As for `psf_stamps`.
    refine : bool or str
        Whether galaxies are to be refined.

    Returns
    -------
    stamps, good : `~numpy.ndarray` or None
        As of `psf_stamps`.

    Raises
    ------
    ValueError
        If there is no PSF, and the network or the refinement needs one.
    """
    if psf is not None:
        return psf_stamps(psf, x, y, network, **settings)
    if network.needs_psf:
        raise ValueError(
            f"psf must be given: network {network.name!r} needs one "
            "('galnet1' does without)"
        )
    if refine:
        raise ValueError(f"psf must be given: refine={refine!r} needs one")
    return None, None


def positions_of(image, init_params, finder):
    """
    Where the galaxies of a call are.

    Parameters
    ----------
    image : `~astro_cnnfit.inputs.Image`
        One image or a stack.
    init_params
        What `~astro_cnnfit.inputs.parse_positions` takes, or None.
    finder : callable or None
        Finds galaxies in an image if there are no ``init_params``.

    Returns
    -------
    tuple
        As `~astro_cnnfit.inputs.parse_positions` returns it. Without positions
        and finder, the centre of each image.

    Raises
    ------
    ValueError
        If there is not one position for each image of a stack.
    """
    ny, nx = image.data.shape[-2:]
    is_stack = image.data.ndim == 3
    n = len(image.data) if is_stack else 1
    if init_params is None and finder is not None:
        if is_stack:
            raise ValueError(
                "finder is for one image; data is a stack: its galaxies are in "
                "the centres, or where init_params say"
            )
        init_params = find_galaxies(finder, image)
    if init_params is None:
        init_params = np.tile([(nx - 1) / 2, (ny - 1) / 2], (n, 1))
    positions = parse_positions(init_params, None if is_stack else image.wcs)
    if is_stack and len(positions.x) != n:
        raise ValueError(
            f"init_params must have a row for each of the {n} images of the "
            f"stack, got {len(positions.x)}"
        )
    return positions


def find_galaxies(finder, image):
    """
    Positions that a finder gives for an image.

    Parameters
    ----------
    finder : callable
        What `~astro_cnnfit.detection.parse_finder` returns.
    image : `~astro_cnnfit.inputs.Image`
        One image.

    Returns
    -------
    `~astropy.table.Table` or `~numpy.ndarray`
        What `~astro_cnnfit.inputs.parse_positions` takes.
    """
    data, error = image.data.copy(), image.error
    if image.unit is not None:
        data = data * image.unit
        error = None if error is None else error * image.unit
    return finder(data, mask=image.mask, error=error)


def more_ids(ids, n):
    """
    Identification numbers with those of rows that were added.

    Parameters
    ----------
    ids : `~numpy.ndarray` of int
        Of the first rows.
    n : int
        Number of all rows.

    Returns
    -------
    `~numpy.ndarray`
        (n,), those that are new from one above the largest on.
    """
    more = n - len(ids)
    return np.append(ids, max(ids) + 1 + np.arange(more)) if more else ids


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
