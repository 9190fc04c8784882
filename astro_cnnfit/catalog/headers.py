# Licensed under a 3-clause BSD style license - see LICENSE
"""Shape and WCS of tiles, without reading their pixels."""

from collections import ChainMap
from pathlib import Path
from typing import Any, NamedTuple


from astro_cnnfit.inputs.files import find_image, open_fits
from astro_cnnfit.inputs.image import header_wcs

from .optional import require

__all__ = ["Header", "image_hdus", "is_fits", "open_stack", "read_header"]


class Header(NamedTuple):
    """What is known of a tile before its pixels are read."""

    shape: tuple
    """(ny, nx), or (N, ny, nx) of a stack."""
    wcs: Any
    """Celestial WCS, or None."""
    cards: Any
    """The FITS header, or the attributes of the data set; like a dictionary."""


def read_header(tile):
    """
    Read the header of a tile.

    Parameters
    ----------
    tile : `~astro_cnnfit.catalog.tiles.Tile`
        Which one.

    Returns
    -------
    `Header`

    Raises
    ------
    OSError
        If the file is missing or cannot be read.
    ValueError
        If it holds no such image. Each message names the tile.
    """
    if tile.kind == "stack" and not is_fits(tile.path):
        with open_stack(tile.path, tile.hdu, f"tile {tile.name!r}") as data:
            return Header(tuple(data.shape), None, dict(data.attrs))
    with open_fits(tile.path, argument=f"tile {tile.name!r}") as hdus:
        hdu = hdus[find_image(hdus, tile.hdu, f"tile {tile.name!r} {tile.path}")]
        shape = tuple(hdu.shape)
        wanted = 3 if tile.kind == "stack" else 2
        if len(shape) != wanted:
            raise ValueError(
                f"tile {tile.name!r} {tile.path}: a {tile.kind} has {wanted} "
                f"dimensions, this has shape {shape}"
            )
        wcs = header_wcs(hdu.header) if wanted == 2 else None
        # Surveys write some keywords for all images of a file into the first HDU.
        return Header(shape, wcs, ChainMap(hdu.header, hdus[0].header))


def image_hdus(path):
    """
    List the 2-D images of a FITS file.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    list of (int, str or int)
        Number and name of each; the number for both where it has no name of its
        own.

    Raises
    ------
    OSError
        If the file is missing or cannot be read.
    """
    with open_fits(path, argument="tiles") as hdus:
        found = [
            (number, hdu.name or number)
            for number, hdu in enumerate(hdus)
            if hdu.is_image and len(hdu.shape) == 2 and 0 not in hdu.shape
        ]
    labels = [label for _, label in found]
    return [(n, label if labels.count(label) == 1 else n) for n, label in found]


class open_stack:  # noqa: N801 - used as a function is
    """
    Open a data set of an HDF5 or Zarr file, as a context.

    Parameters
    ----------
    path : path-like
        File, or folder of Zarr.
    name : str, optional
        Path of the data set within it; by default the only one with three
        dimensions.
    argument : str
        What it is, for messages.

    Raises
    ------
    OSError
        If it cannot be opened.
    ValueError
        If there is no such data set.
    ImportError
        If h5py or zarr is missing.
    """

    def __init__(self, path, name=None, argument="stack"):
        self._what = f"{argument} {path}"
        self._name = name
        self._file = None
        if not Path(path).exists():
            raise FileNotFoundError(f"{self._what}: no such file")
        module = "zarr" if str(path).lower().endswith(".zarr") else "h5py"
        library = require(module)
        try:
            if module == "zarr":
                self._root = library.open(str(path), mode="r")
            else:
                self._root = self._file = library.File(path, "r")
        except Exception as error:  # both libraries have exceptions of their own
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            raise OSError(f"{self._what}: not readable: {reason}") from error

    def __enter__(self):
        try:
            return self._found()
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *exc):
        if self._file is not None:
            self._file.close()

    def _found(self):
        if hasattr(self._root, "shape"):
            return self._root
        if self._name is not None:
            data = self._root[self._name] if self._name in self._root else None
            if data is None or not hasattr(data, "shape"):
                raise ValueError(f"{self._what}: has no data set {self._name!r}")
            return data
        found = [
            key for key in self._root if len(getattr(self._root[key], "shape", ())) == 3
        ]
        if len(found) != 1:
            raise ValueError(
                f"{self._what}: has {len(found)} data sets of three dimensions"
                f"{': ' + ', '.join(sorted(found)) if found else ''}; name one (hdu)"
            )
        return self._root[found[0]]


def is_fits(path):
    """
    Tell FITS files from the others, by their names.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    bool
    """
    return not str(path).lower().endswith((".h5", ".hdf5", ".zarr"))
