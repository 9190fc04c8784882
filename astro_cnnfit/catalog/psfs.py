# Licensed under a 3-clause BSD style license - see LICENSE
"""The PSFs of a task: one, one for each galaxy, or one that varies over the image."""

import numpy as np

from astro_cnnfit.inputs.files import ContentError, each_hdu, find_image, open_fits
from astro_cnnfit.psf import read_psf as read_any_psf
from astro_cnnfit.psf.files import grid_format
from astro_cnnfit.psf.psfex import is_psfex

from .headers import is_fits, open_stack
from .stacks import read_planes

__all__ = ["read_psf"]

# Columns that say which PSF of a stack is whose.
_INDICES = ("psf_index", "index")


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
        (ny, nx), (N, ny, nx) for N rows, one that varies over the image as
        `astro_cnnfit.psf.read_psf` returns it, or what the settings hold.

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
        varies = name is None and any(is_psfex(hdu) for _, hdu in each_hdu(hdus))
        if not varies:
            hdu = hdus[find_image(hdus, name, f"{what} {path}")]
            varies = grid_format(hdu.header) is not None or (
                len(hdu.shape) == 3 and not set(_INDICES) & set(task.rows.colnames)
            )
        if not varies:
            return _chosen(hdu.section, tuple(hdu.shape), task, f"{what} {path}")
    psf = read_any_psf(path, name, argument=what)
    if isinstance(psf, np.ndarray):
        return _chosen(psf, psf.shape, task, f"{what} {path}")
    return psf


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
    for column in _INDICES:
        if column in task.rows.colnames:
            return read_planes(data, shape, np.asarray(task.rows[column]), what)
    raise ContentError(
        f"{what}: it holds {shape[0]} PSFs; the catalog must say in psf_index which "
        "is whose"
    )
