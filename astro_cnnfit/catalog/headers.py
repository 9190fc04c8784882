# Licensed under a 3-clause BSD style license - see LICENSE
"""Shape and WCS of tiles, without reading their pixels."""

from collections import ChainMap
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from astro_cnnfit.inputs.files import ContentError, each_hdu, find_image, open_fits
from astro_cnnfit.inputs.image import header_wcs
from astro_cnnfit.wording import in_one_line

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
    what = f"tile {tile.name!r}"
    # Pixels that are missing at the end are found where they are read.
    with open_fits(tile.path, argument=what, truncated=True) as hdus:
        hdu = hdus[find_image(hdus, tile.hdu, f"{what} {tile.path}")]
        shape = tuple(hdu.shape)
        wcs = header_wcs(hdu.header, hdus) if len(shape) == 2 else None
        # Surveys write some keywords for all images of a file into the first HDU.
        cards = ChainMap(hdu.header, hdus[0].header)
    wanted = 3 if tile.kind == "stack" else 2
    if len(shape) != wanted:
        raise ValueError(
            f"{what} {tile.path}: must have {wanted} dimensions as {tile.kind}, got "
            f"shape {shape}"
        )
    return Header(shape, wcs, cards)


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
            for number, hdu in each_hdu(hdus)
            if hdu.is_image and len(hdu.shape) == 2 and 0 not in hdu.shape
        ]
    labels = [label for _, label in found]
    return [(n, label if labels.count(label) == 1 else n) for n, label in found]


@contextmanager
def open_stack(path, name=None, argument="stack"):
    """
    Open a data set of an HDF5 or Zarr file.

    Parameters
    ----------
    path : path-like
        File, or folder of Zarr.
    name : str, optional
        Path of the data set within it; by default the only one with three
        dimensions.
    argument : str
        What it is, for messages.

    Yields
    ------
    `h5py.Dataset` or `zarr.Array`

    Raises
    ------
    OSError
        If it cannot be opened or read.
    ValueError
        If there is no such data set.
    ImportError
        If h5py or zarr is missing.
    """
    what = f"{argument} {path}"
    if not Path(path).exists():
        raise FileNotFoundError(f"{what}: no such file")
    zarr = str(path).lower().endswith(".zarr")
    library = require("zarr" if zarr else "h5py")
    with ExitStack() as stack:
        try:
            if zarr:
                root = library.open(str(path), mode="r")
            else:
                root = stack.enter_context(library.File(path, "r"))
            data = _data_set(root, name, what)
        except ContentError:
            raise
        except Exception as error:  # both libraries have exceptions of their own
            reason = in_one_line(error)
            raise OSError(f"{what}: not readable: {reason}") from error
        yield data


def _data_set(root, name, what):
    if hasattr(root, "shape"):
        return root
    if name is not None:
        data = root[name] if name in root else None
        if not hasattr(data, "shape"):
            raise ContentError(f"{what}: has no data set {name!r}")
        return data
    found = [key for key in root if len(getattr(root[key], "shape", ())) == 3]
    if len(found) != 1:
        raise ContentError(
            f"{what}: has {len(found)} data sets of three dimensions"
            f"{': ' + ', '.join(sorted(found)) if found else ''}; name one (hdu)"
        )
    return root[found[0]]


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
