# Licensed under a 3-clause BSD style license - see LICENSE
"""The PSFs of a task: one, one for each galaxy, or a grid over the image."""

import numpy as np

from astro_cnnfit.inputs.files import ContentError, find_image, open_fits

from .headers import is_fits, open_stack
from .stacks import read_planes

__all__ = ["read_psf"]

# Keywords of grids of PSFs that photutils reads.
_GRIDS = {"DET_YX0": "webbpsf", "NXPSFS": "stdpsf"}


def read_psf(task, settings):
    """
    Read the PSF, or PSFs, of a task.

    Parameters
    ----------
    task : `~astro_cnnfit.catalog.tiles.Task`
        The tile's own PSF goes before that of the settings.
    settings : `~astro_cnnfit.catalog.settings.Settings`
        What is measured.

    Returns
    -------
    `~numpy.ndarray`, model or None
        (ny, nx), (N, ny, nx) for N rows, a `~photutils.psf.GriddedPSFModel`, or
        what the settings hold.

    Raises
    ------
    OSError
        If a file is missing or cannot be read.
    ValueError
        If it holds many PSFs and ``psf_index`` does not tell which is whose. Each
        message names the tile.
    """
    tile = task.tile
    if tile.psf is None:
        return settings.psf
    path, name = (tile.psf, None) if isinstance(tile.psf, str) else tile.psf
    what = f"tile {tile.name!r}: psf"
    if not is_fits(path):
        with open_stack(path, name, what) as data:
            return _chosen(data, tuple(data.shape), task, f"{what} {path}")
    with open_fits(path, argument=what) as hdus:
        hdu = hdus[find_image(hdus, name, f"{what} {path}")]
        grids = [kind for key, kind in _GRIDS.items() if key in hdu.header]
        if not grids:
            return _chosen(hdu.section, tuple(hdu.shape), task, f"{what} {path}")
    # photutils takes a second to import, which arrays do not need.
    from photutils.psf import GriddedPSFModel

    return GriddedPSFModel.read(path, format=grids[0])


def _chosen(data, shape, task, what):
    """One PSF, or that of each row."""
    if len(shape) == 2:
        return np.asarray(data[:, :])
    if len(shape) != 3:
        raise ContentError(
            f"{what}: a PSF has two dimensions or three, not {len(shape)}"
        )
    if shape[0] == 1:
        return np.asarray(data[0:1])[0]
    for column in ("psf_index", "index"):
        if column in task.rows.colnames:
            return read_planes(data, shape, np.asarray(task.rows[column]), what)
    raise ContentError(
        f"{what}: it holds {shape[0]} PSFs; the catalog must say in psf_index which "
        "is whose"
    )
