# Licensed under a 3-clause BSD style license - see LICENSE
"""Output files: checked before the work starts, and never left half written."""

import os
import warnings
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from astropy.io.fits.verify import VerifyWarning
from astropy.table import Table

from astro_cnnfit.wording import in_one_line

__all__ = ["check_folder_of", "check_table_path", "read_table", "whole", "write_table"]

TABLE_FORMATS = {".ecsv": "ascii.ecsv", ".fits": "fits", ".parquet": "parquet"}


def check_folder_of(path, argument):
    """
    Check that a file can be written, before time is spent on its content.

    Parameters
    ----------
    path : path-like
        The file.
    argument : str
        Name of the argument, for messages.

    Returns
    -------
    `~pathlib.Path`

    Raises
    ------
    FileNotFoundError
        If its folder does not exist.
    IsADirectoryError
        If it is a folder itself.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"{argument} must be in a folder that exists, got {path}"
        )
    if path.is_dir():
        raise IsADirectoryError(f"{argument} must be a file, got the folder {path}")
    return path


def check_table_path(path, argument="--output"):
    """
    Check where a table is to be written, its suffix included.

    Parameters
    ----------
    path : path-like
        The file.
    argument : str
        Name of the argument, for messages.

    Returns
    -------
    `~pathlib.Path`

    Raises
    ------
    ValueError
        If the suffix is none of .ecsv, .fits and .parquet.
    ImportError
        If it is .parquet and pyarrow is not installed.
    OSError
        If the file cannot be there.
    """
    path = check_folder_of(path, argument)
    if path.suffix not in TABLE_FORMATS:
        raise ValueError(
            f"{argument} must end on {', '.join(TABLE_FORMATS)}, got {path.name}"
        )
    if path.suffix == ".parquet" and find_spec("pyarrow") is None:
        raise ImportError(
            f"{argument} {path.name}: Parquet needs pyarrow, which comes with "
            "the extra 'dask'"
        )
    return path


@contextmanager
def whole(path):
    """
    Name of a temporary file beside ``path`` that takes its place at the end.

    If the work within fails, the temporary file goes and ``path`` is untouched.
    """
    path = Path(path)
    partial = path.with_name(f".{path.stem}.{os.getpid()}.partial{path.suffix}")
    try:
        yield partial
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def write_table(table, path):
    """
    Write a table as its suffix says.

    Parameters
    ----------
    table : `~astropy.table.Table`
        What to write.
    path : path-like
        Ends on .ecsv, .fits or .parquet. An old file is replaced.
    """
    path = check_table_path(path)
    with whole(path) as partial, warnings.catch_warnings():
        # Names of settings are longer than the eight letters of a FITS keyword.
        warnings.simplefilter("ignore", VerifyWarning)
        table.write(partial, format=TABLE_FORMATS[path.suffix])


def read_table(path, argument):
    """
    Read a table of any format that astropy knows.

    Parameters
    ----------
    path : path-like
        The file.
    argument : str
        Name of the argument, for messages.

    Returns
    -------
    `~astropy.table.Table`

    Raises
    ------
    OSError
        If the file is missing or not a table.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{argument} {path}: no such file")
    kind = TABLE_FORMATS.get(path.suffix)
    if kind is None and path.suffix in (".txt", ".dat", ".cat"):
        kind = "ascii"
    try:
        if kind == "parquet":
            # astropy reads Parquet through pandas, which nothing else here needs.
            from pyarrow import parquet

            return Table(parquet.read_table(path).to_pydict())
        return Table.read(path, format=kind)
    except Exception as error:  # every reader has exceptions of its own
        reason = in_one_line(error)
        raise OSError(f"{argument} {path}: not a readable table: {reason}") from error
