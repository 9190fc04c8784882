# Licensed under a 3-clause BSD style license - see LICENSE
"""
A catalogue as one FITS table.

The parts go into it one after the other: memory does not grow with their number.
"""

import json
import os
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

from astropy.io import fits

from .dataset import read_part, some_parts
from .layout import find_layout

__all__ = ["to_fits"]

_FITS_BLOCK = 2880


def to_fits(output, path, *, overwrite=False):
    """
    Write a catalogue as one FITS binary table.

    Parameters
    ----------
    output : path-like
        Folder of a run.
    path : path-like
        The FITS file. It appears when it is whole.
    overwrite : bool
        Whether to replace a file that is there.

    Returns
    -------
    `~pathlib.Path`
        Of the file.

    Raises
    ------
    FileNotFoundError
        If there is no catalogue.
    ValueError
        If the catalogue has no part, columns of two parts do not go together, or the
        file exists.

    Notes
    -----
    Rows are in the order of the parts, with the column ``tile``. Units are
    ``TUNITn``; descriptions are ``TCOMMn``, and astropy reads them as well.
    Identifiers are exact. A column that a part lacks is NaN there (text is empty,
    whole numbers have the value ``TNULLn``).
    """
    path = Path(path)
    if path.exists() and not overwrite:
        raise ValueError(f"path must be new without overwrite=True, got {path}")
    layout = find_layout(some_parts(output))
    header = _fits_header(layout)
    with _whole(path) as file:
        file.write(fits.PrimaryHDU().header.tostring().encode("ascii"))
        file.write(header.tostring().encode("ascii"))
        for name, part in layout.parts.items():
            file.write(_fits_bytes(layout.rows_of(read_part(part), name)))
        file.write(bytes(-file.tell() % _FITS_BLOCK))
    return path


@contextmanager
def _whole(path):
    """A file that comes to its place when all of it is written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def _fits_header(layout):
    """Header of the table with all rows."""
    template = layout.template()
    buffer = BytesIO()
    template.write(buffer, format="fits")
    buffer.seek(0)
    with fits.open(buffer) as hdus:
        header = hdus[1].header.copy()
    header["NAXIS2"] = layout.n_rows
    header["EXTNAME"] = "CATALOG"
    for number, name in enumerate(template.colnames, start=1):
        description = template[name].info.description
        if description:
            # Most readers show it; more than a card's length would only warn.
            header[f"TCOMM{number}"] = description[:68]
        if name in layout.nulls:
            header[f"TNULL{number}"] = layout.nulls[name]
    for key, value in layout.meta.items():
        header.add_history(f"{key}: {json.dumps(value, default=str)}")
    return header


def _fits_bytes(rows):
    """The rows as they stand in a FITS file."""
    buffer = BytesIO()
    fits.HDUList([fits.PrimaryHDU(), fits.table_to_hdu(rows)]).writeto(buffer)
    content = buffer.getbuffer()
    with fits.open(BytesIO(content)) as hdus:
        start = hdus.fileinfo(1)["datLoc"]
        size = hdus[1].header["NAXIS1"] * hdus[1].header["NAXIS2"]
    return content[start : start + size]
