# Licensed under a 3-clause BSD style license - see LICENSE
"""PSFs from files, whatever form they have there."""

from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.table import Table

from astro_cnnfit.inputs import parse_image
from astro_cnnfit.inputs.files import ContentError, each_hdu, find_image, open_fits
from astro_cnnfit.inputs.positions import COLUMN_PAIRS
from astro_cnnfit.psf.psfex import is_psfex, read_psfex
from astro_cnnfit.psf.stack import PSFStack

__all__ = ["grid_format", "read_psf"]

# Keywords of grids of PSFs that photutils reads.
_GRIDS = {"DET_YX0": "webbpsf", "NXPSFS": "stdpsf"}


def read_psf(path, hdu=None, *, row=None, oversampling=1, argument="psf"):
    """
    Read a PSF from a FITS file, in the form that it has there.

    Parameters
    ----------
    path : str or path-like
        The file.
    hdu : int or str, optional
        Number or name of the HDU. By default the first with a PSF.
    row : int or str, optional
        For a table of PsfEx models, see `read_psfex`.
    oversampling : float
        Samples per pixel of the image, for a stack with positions. What else does
        not know its own is an array, and is told where it is used.
    argument : str
        What the file is for, in messages.

    Returns
    -------
    `~numpy.ndarray`, `PSFStack`, `PsfExModel` or `~photutils.psf.GriddedPSFModel`
        An image (ny, nx), a stack (N, ny, nx) without positions, or one of those
        that vary: a stack with positions is a cube with a table of N rows after it
        that has columns x and y, under one of the names of
        `astro_cnnfit.inputs.positions.COLUMN_PAIRS`, in pixels counted from 0. Each
        goes into ``psf=`` as it is.

    Raises
    ------
    OSError
        If the file is missing, unreadable, truncated or not FITS.
    ValueError
        If it holds no PSF, or one that is damaged. Every message names the file.
    """
    what = f"{argument} {Path(path)}"
    with open_fits(path, argument=argument) as hdus:
        models = _psfex_of(hdus, hdu)
        if models:
            chosen = models[0] if len(models) == 1 else hdus
            return read_psfex(chosen, row=row, argument=what)
        number = find_image(hdus, hdu, what)
        kind = grid_format(hdus[number].header)
        if kind is None:
            data = hdus[number].data
            table = _positions_after(hdus, number, len(hdus[number].shape))
    if kind is not None:
        return _read_grid(path, kind, what)
    if table is None:
        return parse_image(data, argument=what).data
    try:
        return PSFStack.from_table(data, table, oversampling=oversampling)
    except (TypeError, ValueError) as error:
        raise ContentError(f"{what}: {error}") from error


def grid_format(header):
    """
    How photutils names a format of grids of PSFs.

    Parameters
    ----------
    header : `~astropy.io.fits.Header`

    Returns
    -------
    str or None
        None if it is none of them.
    """
    return next((kind for key, kind in _GRIDS.items() if key in header), None)


def _psfex_of(hdus, wanted):
    found = [(number, hdu) for number, hdu in each_hdu(hdus) if is_psfex(hdu)]
    if wanted is None:
        return [hdu for _, hdu in found]
    return [hdu for number, hdu in found if wanted in (number, hdu.name)]


def _positions_after(hdus, number, dimensions):
    """Return the table of positions that follows a cube, or None."""
    if dimensions != 3:
        return None
    for later, hdu in each_hdu(hdus):
        if later > number and isinstance(hdu, (fits.BinTableHDU, fits.TableHDU)):
            names = hdu.columns.names
            for pair in COLUMN_PAIRS:
                if set(pair) <= set(names):
                    columns = {name: np.array(hdu.data[name]) for name in pair}
                    return Table(columns)
    return None


def _read_grid(path, kind, what):
    # photutils takes a second to import, which arrays do not need.
    from photutils.psf import GriddedPSFModel

    try:
        return GriddedPSFModel.read(path, format=kind)
    except Exception as error:  # damaged headers fail in ways nobody has listed
        raise ContentError(f"{what}: no grid of PSFs: {error}") from error
