# Licensed under a 3-clause BSD style license - see LICENSE
"""PSFs that are models of `astropy.modeling` or photutils, sampled on stamps."""

import re

import numpy as np

from astro_cnnfit.psf.arrays import pixel_nodes
from astro_cnnfit.psf.interpolation import interpolate_stamps

__all__ = ["sample_grid", "sample_model"]

_CENTRE_NAMES = {
    "x": re.compile(r"(x_0|x_mean|x_cen|xcentroid)(_\d+)?"),
    "y": re.compile(r"(y_0|y_mean|y_cen|ycentroid)(_\d+)?"),
}


def sample_model(psf, size, *, includes_pixel=None):
    """
    Sample one model at the pixels of a stamp.

    Parameters
    ----------
    psf : `~astropy.modeling.Model`
        Of two inputs and one output, with one set of parameters.
    size : int
        Width of the stamp, odd.
    includes_pixel : bool, optional
        Whether it is an effective PSF. By default photutils' ``ImagePSF`` and
        models whose names end on ``PRF`` are, others are not and are integrated
        over each pixel.

    Returns
    -------
    stamps : `~numpy.ndarray`, shape (1, size, size)

    Raises
    ------
    ValueError
        If it is no such model.
    """
    single = all(np.size(getattr(psf, name).value) == 1 for name in psf.param_names)
    if psf.n_inputs != 2 or psf.n_outputs != 1 or not single:
        raise ValueError(
            "psf must be one model of two inputs and one output, got "
            f"{type(psf).__name__} with {psf.n_inputs} inputs, {psf.n_outputs} "
            f"outputs and {'one set' if single else 'many sets'} of parameters"
        )
    x_centre, y_centre = (_model_centre(psf, axis) for axis in "xy")
    if includes_pixel is None:
        includes_pixel = _is_effective(psf)
    stamp = _integral(psf, size, x_centre, y_centre, includes_pixel, _samples(psf))
    return stamp[np.newaxis]


def sample_grid(psf, size, positions, *, includes_pixel=None):
    """
    Sample a grid of PSFs at positions.

    Parameters
    ----------
    psf : `~photutils.psf.GriddedPSFModel`
    size : int
        Width of the stamps, odd.
    positions : tuple of array_like (x, y) or None
        In pixels of the image.
    includes_pixel : bool, optional
        As for `sample_model`; True by default.

    Returns
    -------
    stamps : `~numpy.ndarray`, shape (N, size, size)

    Raises
    ------
    ValueError
        If there are no positions.
    """
    if positions is None:
        raise ValueError("psf is a GriddedPSFModel and needs positions")
    includes_pixel = True if includes_pixel is None else includes_pixel
    # At a point of the grid the model is that PSF alone. Each is sampled once on a
    # stamp, however many galaxies there are.
    x_grid, y_grid = np.transpose(psf.grid_xypos)
    nodes = [
        _integral(
            lambda x, y, x_0=x_0, y_0=y_0: psf.evaluate(x, y, 1.0, x_0, y_0),
            size, x_0, y_0, includes_pixel, _samples(psf),
        )
        for x_0, y_0 in zip(map(float, x_grid), map(float, y_grid), strict=True)
    ]  # fmt: skip
    return interpolate_stamps(np.array(nodes), x_grid, y_grid, *positions)


def _integral(function, size, x_centre, y_centre, includes_pixel, samples):
    """Evaluate a function at the centres of pixels, or integrate it over them."""
    nodes, weights = pixel_nodes(samples)
    if includes_pixel:
        nodes, weights = np.zeros(1), np.ones(1)
    steps = np.arange(size) - (size - 1) / 2
    stamp = np.zeros((size, size))
    for y_node, y_weight in zip(nodes, weights, strict=True):
        for x_node, x_weight in zip(nodes, weights, strict=True):
            y, x = np.meshgrid(
                y_centre + steps + y_node, x_centre + steps + x_node, indexing="ij"
            )
            stamp += y_weight * x_weight * function(x, y)
    return stamp


def _samples(model):
    return np.max(getattr(model, "oversampling", 1))


def _is_effective(model):
    names = [base.__name__ for base in type(model).__mro__]
    return hasattr(model, "oversampling") or any(name.endswith("PRF") for name in names)


def _model_centre(model, axis):
    for name in model.param_names:
        if _CENTRE_NAMES[axis].fullmatch(name):
            return float(np.squeeze(getattr(model, name).value))
    return 0.0
