# Licensed under a 3-clause BSD style license - see LICENSE
"""
The pixels of a task: image, mask and errors, each read once.

Where few galaxies are wanted, only bands of rows around them are read. What is not
read is NaN, so positions stay what they are.
"""

import numpy as np

from astro_cnnfit.inputs import Image, parse_image
from astro_cnnfit.inputs.files import ContentError, find_image, open_fits, read_array
from astro_cnnfit.inputs.image import header_unit

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
    read = _Planes(task) if tile.kind == "stack" else _Whole(task, whole)
    what = f"tile {tile.name!r}:"
    values, header, wcs = read(tile.path, tile.hdu, what)
    image = parse_image(
        values, argument=f"{what} {tile.path}", single=True, find_blank=True
    )
    mask, error = image.mask, None
    for name, to_error in _COMPANIONS.items():
        spec = getattr(tile, name)
        if spec is None:
            continue
        path, hdu = (spec, None) if isinstance(spec, str) else spec
        fill = 1 if name == "mask" else np.nan
        values, _, _ = read(path, hdu, f"{what} {name}", fill)
        if values.shape != image.data.shape:
            raise ValueError(
                f"{what} {name} {path} must have the shape of the image, "
                f"{image.data.shape}, got {values.shape}"
            )
        found, bad = to_error(values)
        mask = bad if mask is None else mask | bad
        error = error if found is None else found
    if mask is not None and not mask.any():
        mask = None
    unit = None if header is None else header_unit(header)
    return Image(image.data, mask, error, unit, wcs), not read.in_bands


def _from_mask(values):
    return None, values != 0


def _from_error(values):
    kind = np.float32 if values.dtype.type is np.float32 else np.float64
    values = values.astype(kind, copy=not values.flags.writeable)
    with np.errstate(invalid="ignore"):
        bad = ~(np.isfinite(values) & (values > 0))
    return values, bad


def _from_variance(values):
    values, bad = _from_error(values)
    with np.errstate(invalid="ignore"):
        return np.sqrt(values, out=values), bad


def _from_weight(values):
    values, bad = _from_error(values)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.divide(1, np.sqrt(values, out=values), out=values), bad


_COMPANIONS = {
    "mask": _from_mask,
    "error": _from_error,
    "variance": _from_variance,
    "weight": _from_weight,
}


class _Whole:
    """Reads images of FITS files, or bands of them."""

    def __init__(self, task, whole):
        self._bands = None if whole else _Bands(task.rows)
        self.in_bands = False

    def __call__(self, path, hdu, what, fill=np.nan):
        bands = None if str(path).lower().endswith(_STREAMS) else self._bands
        values, header, wcs = read_array(
            path, hdu, argument=what, bands=bands, fill=fill
        )
        if values.ndim != 2:
            raise ValueError(
                f"{what} {path}: must be an image of two dimensions, got shape "
                f"{values.shape}"
            )
        self.in_bands |= bands is not None and bands.used
        return values, header, wcs


class _Bands:
    """Says which rows of an image are near galaxies."""

    def __init__(self, rows):
        x, y = (np.asarray(rows[name], float) for name in ("x", "y"))
        self._y = np.sort(y[np.isfinite(x) & np.isfinite(y)])
        self.used = False

    def __call__(self, hdu):
        """Slices to read, or None for all."""
        self.used = False
        if len(hdu.shape) != 2:
            return None
        ny, nx = hdu.shape
        y = self._y[(self._y > -MARGIN) & (self._y < ny + MARGIN)]
        # Galaxies whose bands meet are in one.
        groups = np.split(y, np.flatnonzero(np.diff(y) > 2 * MARGIN) + 1)
        slices = [_band(group, ny, nx) for group in groups if group.size]
        rows = sum(part[0].stop - part[0].start for part in slices)
        self.used = 0 < rows < _WORTHWHILE * ny
        return slices if self.used else None


def _band(y, ny, nx):
    first = max(int(np.floor(y[0])) - MARGIN, 0)
    last = min(int(np.ceil(y[-1])) + MARGIN + 1, ny)
    # Whole rows: they are stored together, and they tell the sky of the image.
    return slice(first, last), slice(0, nx)


class _Planes:
    """Reads planes of a stack."""

    in_bands = False

    def __init__(self, task):
        self._index = np.asarray(task.rows["index"])

    def __call__(self, path, name, what, fill=np.nan):
        what, header = f"{what} {path}", None
        if is_fits(path):
            with open_fits(path, argument=what) as hdus:
                hdu = hdus[find_image(hdus, name, what)]
                values = self._read(hdu.section, tuple(hdu.shape), what)
                header = hdu.header
        else:
            with open_stack(path, name, what) as data:
                values = self._read(data, tuple(data.shape), what)
        return values, header, None

    def _read(self, data, shape, what):
        if len(shape) != 3:
            raise ContentError(f"{what}: a stack has shape (N, ny, nx), not {shape}")
        return read_planes(data, shape, self._index, what)
