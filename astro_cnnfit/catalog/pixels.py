# Licensed under a 3-clause BSD style license - see LICENSE
"""
The pixels of a task: image, mask and errors, each read once.

Where few galaxies are wanted, only bands of rows around them are read. What is not
read is NaN, so positions stay what they are.
"""

import numpy as np

from astro_cnnfit.inputs import Image, parse_image, read_image
from astro_cnnfit.inputs.files import find_image, open_fits

from .headers import is_fits, open_stack
from .stacks import read_planes

__all__ = ["MARGIN", "read_tile"]

MARGIN = 128
"""Pixels that are read on each side of a galaxy."""

# Reading more of the rows than that in pieces is slower than reading all at once.
_WORTHWHILE = 0.6
# These have no beginning but the file's: all before a row is read for it.
_STREAMS = (".gz", ".bz2", ".z")


def read_tile(task, *, whole=False):
    """
    Read the pixels of a task.

    Parameters
    ----------
    task : `~astro_cnnfit.catalog.tiles.Task`
        A tile and its rows.
    whole : bool
        Whether to read all of an image even where parts of it would do.

    Returns
    -------
    image : `~astro_cnnfit.inputs.Image`
        (ny, nx), or (N, ny, nx) for N rows of a stack; float32 where the file has
        that. Its mask has the pixels that the tile's mask, error, variance or
        weight call bad.
    is_whole : bool
        Whether all pixels were read.

    Raises
    ------
    OSError
        If a file is missing or cannot be read.
    ValueError
        If a file holds no such image or one of another shape. Each message names
        the tile.
    """
    tile = task.tile
    if tile.kind == "stack":
        read = _Planes(task)
    else:
        read = _Whole(None if whole else _Bands(task.rows))
    image = read(tile.path, tile.hdu, f"tile {tile.name!r}:")
    mask, error = image.mask, None
    if tile.mask is not None:
        other = _companion(read, tile, "mask", image)
        bad = other.data != 0
        mask = bad if mask is None else mask | bad
    for name, to_error in _ERRORS.items():
        if getattr(tile, name) is not None:
            other = _companion(read, tile, name, image)
            error, bad = to_error(other.data)
            mask = bad if mask is None else mask | bad
    if mask is not None and not mask.any():
        mask = None
    image = Image(image.data, mask, error, image.unit, image.wcs)
    return image, not getattr(read, "in_bands", False)


def _from_error(values):
    with np.errstate(invalid="ignore"):
        bad = ~(np.isfinite(values) & (values > 0))
    return values, bad


def _from_variance(values):
    _, bad = _from_error(values)
    return np.sqrt(np.where(bad, np.nan, values)), bad


def _from_weight(values):
    _, bad = _from_error(values)
    return 1 / np.sqrt(np.where(bad, np.nan, values)), bad


_ERRORS = {"error": _from_error, "variance": _from_variance, "weight": _from_weight}


def _companion(read, tile, name, image):
    spec = getattr(tile, name)
    path, hdu = (spec, None) if isinstance(spec, str) else spec
    other = read(path, hdu, f"tile {tile.name!r}: {name}")
    if other.data.shape != image.data.shape:
        raise ValueError(
            f"tile {tile.name!r}: {name} {path} must have the shape of the image, "
            f"{image.data.shape}, got {other.data.shape}"
        )
    return other


class _Whole:
    """Reads images of FITS files, or bands of them."""

    def __init__(self, bands):
        self._bands = bands
        self.in_bands = False

    def __call__(self, path, hdu, what):
        bands = self._bands
        if bands is not None and str(path).lower().endswith(_STREAMS):
            bands = None
        image = read_image(path, hdu, argument=what, single=True, bands=bands)
        if image.data.ndim != 2:
            raise ValueError(
                f"{what} {path}: must be an image of two dimensions, got shape "
                f"{image.data.shape}"
            )
        self.in_bands |= bands is not None and bands.used
        return image


class _Bands:
    """Says which rows of an image are near galaxies."""

    def __init__(self, rows):
        self._x, self._y = (np.asarray(rows[name], float) for name in ("x", "y"))
        self.used = False

    def __call__(self, hdu):
        """Slices to read, or None for all."""
        self.used = False
        if len(hdu.shape) != 2:
            return None
        ny, nx = hdu.shape
        known = np.isfinite(self._x) & np.isfinite(self._y)
        x, y = self._x[known], self._y[known]
        inside = (np.abs(x - nx / 2) < nx) & (np.abs(y - ny / 2) < ny)
        order = np.argsort(y[inside])
        x, y = x[inside][order], y[inside][order]
        if not len(y):
            return [np.s_[0:1, 0:nx]]
        # Galaxies whose bands meet are in one.
        groups = np.split(
            np.arange(len(y)), np.flatnonzero(np.diff(y) > 2 * MARGIN) + 1
        )
        slices = [
            (_span(y[group], ny), _span(x[group], nx) if len(group) else None)
            for group in groups
        ]
        rows = sum(part[0].stop - part[0].start for part in slices)
        self.used = rows < _WORTHWHILE * ny
        return slices if self.used else None


def _span(values, length):
    first = int(np.floor(values.min())) - MARGIN
    last = int(np.ceil(values.max())) + MARGIN + 1
    first, last = max(first, 0), min(last, length)
    return slice(min(first, length - 1), max(last, 1))


class _Planes:
    """Reads planes of a stack."""

    def __init__(self, task):
        self._index = np.asarray(task.rows["index"])

    def __call__(self, path, name, what):
        what = f"{what} {path}"
        if is_fits(path):
            with open_fits(path, argument=what) as hdus:
                hdu = hdus[find_image(hdus, name, what)]
                values = self._read(hdu.section, tuple(hdu.shape), what)
        else:
            with open_stack(path, name, what) as data:
                values = self._read(data, tuple(data.shape), what)
        if values.dtype.kind == "b":
            values = values.astype(np.uint8)
        return parse_image(values, argument=what, single=True)

    def _read(self, data, shape, what):
        if len(shape) != 3:
            raise ValueError(f"{what}: a stack has shape (N, ny, nx), not {shape}")
        return read_planes(data, shape, self._index, what)
