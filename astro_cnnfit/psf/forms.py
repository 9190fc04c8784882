# Licensed under a 3-clause BSD style license - see LICENSE
"""
Any form of PSF that a user has, as stamps of one size, sampling and sum.

The forms fall into three: arrays (whatever carries them), models that are
functions of position in the stamp, and a grid of models over the image.
"""

import re

import numpy as np
from astropy.modeling import Model
from scipy.interpolate import RegularGridInterpolator

from astro_cnnfit.inputs import parse_image
from astro_cnnfit.psf.sampling import centroid, fwhm, resample

__all__ = ["MAX_OFFSET", "MIN_FWHM", "as_psf_stamps"]

MIN_FWHM = 1.3
"""Smallest FWHM in pixels: below, the pixel hides what the PSF is."""

MAX_OFFSET = 1.0
"""Largest distance of a PSF's centroid from the central pixel, in pixels."""

_CENTRE_NAMES = {
    "x": re.compile(r"(x_0|x_mean|x_cen|xcentroid)(_\d+)?"),
    "y": re.compile(r"(y_0|y_mean|y_cen|ycentroid)(_\d+)?"),
}
_N_NODES = 5  # per pixel and axis, as for this package's own models


def as_psf_stamps(psf, *, size=25, n=None, positions=None, oversampling=1):
    """
    Turn a PSF of any form into checked stamps of unit sum.

    Parameters
    ----------
    psf : array_like, `~astropy.units.Quantity`, `~astropy.nddata.NDData`, FITS \
image HDU, `~photutils.psf.ImagePSF`, `~photutils.psf.GriddedPSFModel` or \
`~astropy.modeling.Model`
        One PSF (ny, nx), a stack (N, ny, nx), or a model. Arrays larger than
        ``size`` are cropped about their centre, smaller ones get zeros around
        them. A PSF that is up to a pixel off its centre is left where it is. In
        an array of even size the PSF may be centred on the middle of the array
        (it is then shifted by half a pixel) or on the pixel next to it. An
        analytic model of astropy is integrated over the pixel; one of photutils
        that is an effective PSF already (``ImagePSF``, ``GriddedPSFModel``, names
        that end on ``PRF``) is sampled.
    size : int
        Width of the stamps, odd.
    n : int, optional
        Number of galaxies: a stack must have that many stamps, or one.
    positions : tuple of array_like (x, y), optional
        Positions in the image, in pixels, at which a ``GriddedPSFModel`` is
        evaluated; beyond its grid, at the nearest point of the grid.
    oversampling : float
        Samples of an array per pixel of the image. The PSF must still be the
        effective one of the full pixel. A model brings its own.

    Returns
    -------
    stamps : `~numpy.ndarray`, shape (N or 1, size, size), float32

    Raises
    ------
    TypeError
        If ``psf`` is none of these or does not hold real numbers.
    ValueError
        If ``psf`` has a wrong shape or number of stamps, is not finite, has a
        sum that is not positive, is not centred to within `MAX_OFFSET`, or is
        not sampled like the image: its FWHM is below `MIN_FWHM` pixels or above
        ``size / 1.5``.
    """
    if size != int(size) or size < 3 or size % 2 == 0:
        raise ValueError(f"size must be an odd number from 3 on, got {size}")
    if not oversampling >= 1:
        raise ValueError(f"oversampling must be at least 1, got {oversampling}")
    if isinstance(psf, Model):
        if oversampling != 1:
            raise ValueError("oversampling is for arrays: psf is a model")
        stamps = _from_model(psf, size, positions)
    else:
        stamps = _from_array(psf, size, oversampling)
    if n is not None and len(stamps) not in (1, n):
        raise ValueError(
            f"psf must be one PSF or one for each of the {n} galaxies, got "
            f"{len(stamps)}"
        )
    return _checked(stamps).astype(np.float32)


def _from_array(psf, size, oversampling):
    image = parse_image(psf, argument="psf")
    if image.mask is not None:
        raise ValueError(
            "psf must be finite and without masked pixels, got "
            f"{np.count_nonzero(image.mask)} bad pixels"
        )
    stamps = image.data if image.data.ndim == 3 else image.data[np.newaxis]
    # Before anything is cut off: what is left can look right by accident.
    _require(stamps.sum(axis=(1, 2)) > 0, "psf must have a positive sum")
    if stamps.shape[1:] == (size, size) and oversampling == 1:
        return stamps
    steps = oversampling * (np.arange(size) - (size - 1) / 2)
    x_centre, y_centre = _array_centre(stamps)
    return resample(stamps, y_centre + steps, x_centre + steps)


def _array_centre(stamps):
    """Return the position that is meant as centre, one for all stamps."""
    centre = []
    for mean, length in zip(centroid(stamps), stamps.shape[:0:-1], strict=True):
        middle = (length - 1) / 2
        offset = np.median(mean) - middle
        # Some writers centre an array of even size on its middle, others on the
        # pixel after it (FFT, GALFIT) or before it; the PSF itself tells.
        if length % 2 == 0 and abs(offset) > 0.25:
            middle += 0.5 * np.sign(offset)
        centre.append(middle)
    return centre


def _from_model(psf, size, positions):
    # photutils takes a second to import, which arrays do not need.
    from photutils.psf import GriddedPSFModel

    if isinstance(psf, GriddedPSFModel):
        if positions is None:
            raise ValueError("psf is a GriddedPSFModel and needs positions")
        return _from_grid(psf, size, positions)
    single = all(np.size(getattr(psf, name).value) == 1 for name in psf.param_names)
    if psf.n_inputs != 2 or psf.n_outputs != 1 or not single:
        raise ValueError(
            "psf must be one model of two inputs and one output, got "
            f"{type(psf).__name__} with {psf.n_inputs} inputs, {psf.n_outputs} "
            f"outputs and {'one set' if single else 'many sets'} of parameters"
        )
    x_centre, y_centre = (_model_centre(psf, axis) for axis in "xy")
    steps = np.arange(size) - (size - 1) / 2
    nodes, weights = np.polynomial.legendre.leggauss(_N_NODES)
    if _includes_pixel(psf):
        nodes, weights = np.zeros(1), np.full(1, 2.0)
    stamp = np.zeros((size, size))
    for y_node, y_weight in zip(nodes / 2, weights / 2, strict=True):
        for x_node, x_weight in zip(nodes / 2, weights / 2, strict=True):
            y, x = np.meshgrid(
                y_centre + steps + y_node, x_centre + steps + x_node, indexing="ij"
            )
            stamp += y_weight * x_weight * psf(x, y)
    return stamp[np.newaxis]


def _includes_pixel(model):
    names = [base.__name__ for base in type(model).__mro__]
    return hasattr(model, "oversampling") or any(name.endswith("PRF") for name in names)


def _model_centre(model, axis):
    for name in model.param_names:
        if _CENTRE_NAMES[axis].fullmatch(name):
            return float(np.squeeze(getattr(model, name).value))
    return 0.0


def _from_grid(psf, size, positions):
    """Interpolate linearly between the PSFs of a grid, as photutils does."""
    x, y = (np.atleast_1d(np.asarray(values, float)) for values in positions)
    if x.shape != y.shape or x.ndim != 1:
        raise ValueError(
            f"positions must be two arrays of one length, got {x.shape} and {y.shape}"
        )
    x_grid, y_grid = (np.unique(values) for values in np.transpose(psf.grid_xypos))
    steps = np.arange(size) - (size - 1) / 2
    # At a point of the grid the model is that PSF alone. Each is sampled once
    # on a stamp, however many galaxies there are.
    nodes = np.array(
        [[_sample_grid_point(psf, x_0, y_0, steps) for x_0 in x_grid] for y_0 in y_grid]
    )
    # An unknown position gets some PSF; that its row has no result is not for
    # the PSF to say.
    inside = [
        np.clip(np.nan_to_num(values, nan=grid[0]), grid[0], grid[-1])
        for values, grid in ((y, y_grid), (x, x_grid))
    ]
    for axis, grid in enumerate((y_grid, x_grid)):
        if len(grid) == 1:
            nodes = np.take(nodes, [0, 0], axis=axis)
    y_grid, x_grid = (
        grid if len(grid) > 1 else np.array([grid[0], grid[0] + 1])
        for grid in (y_grid, x_grid)
    )
    return RegularGridInterpolator((y_grid, x_grid), nodes)(np.transpose(inside))


def _sample_grid_point(psf, x_0, y_0, steps):
    x, y = np.meshgrid(x_0 + steps, y_0 + steps)
    return psf.evaluate(x, y, 1.0, float(x_0), float(y_0))


def _checked(stamps):
    """Scale stamps to unit sum, or say why they are no PSFs of this image."""
    size = stamps.shape[-1]
    _require(np.isfinite(stamps).all(axis=(1, 2)), "psf must be finite")
    total = stamps.sum(axis=(1, 2))
    _require(total > 0, "psf must have a positive sum")
    x, y = centroid(stamps)
    offset = np.hypot(x - (size - 1) / 2, y - (size - 1) / 2)
    _require(
        offset <= MAX_OFFSET,
        f"psf must be centred on the central pixel to within {MAX_OFFSET} pixel",
        offset,
    )
    width = fwhm(stamps)
    _require(
        (width >= MIN_FWHM) & (width <= size / 1.5),
        f"psf must be sampled like the image, with a FWHM of {MIN_FWHM} to "
        f"{size / 1.5:.1f} pixels (one with more samples needs its oversampling)",
        width,
    )
    return stamps / total[:, np.newaxis, np.newaxis]


def _require(good, message, values=None):
    if np.all(good):
        return
    first = int(np.flatnonzero(~good)[0])
    got = "" if values is None else f": got {values[first]:.2f}"
    where = "" if len(good) == 1 else f" (stamp {first}, one of {np.sum(~good)})"
    raise ValueError(f"{message}{got}{where}")
