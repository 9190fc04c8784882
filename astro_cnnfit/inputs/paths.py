# Licensed under a 3-clause BSD style license - see LICENSE
"""Names of files in the place of what they hold."""

import os

__all__ = ["refuse_path"]

# An image may be a whole file of several extensions; what stands beside it is one of
# them, with the unit or the names of bits in its header.
_OPENED = "astropy.io.fits.open"
_READERS = {
    "psf": "astro_cnnfit.psf.read_psf",
    **dict.fromkeys(("mask", "error"), f"{_OPENED}, and give its HDU"),
    "segmap": "astropy.io.fits.getdata",
    "init_params": "astropy.table.QTable.read",
    "finder": "astropy.io.fits.getdata or astropy.table.QTable.read",
}
_HELD = {
    "mask": "hold booleans or whole numbers",
    "segmap": "hold integers",
    "init_params": "be a table or an array of shape (N, 2)",
    "finder": "be a callable, an array of integers or a table",
}


def refuse_path(value, argument):
    """
    Say that a file must be opened first, where its name was given.

    Parameters
    ----------
    value
        What was given, of any type.
    argument : str
        Its name, for messages.

    Raises
    ------
    TypeError
        If it is a string or a path.
    """
    if isinstance(value, (str, bytes, os.PathLike)):
        raise TypeError(
            f"{argument} must {_HELD.get(argument, 'hold real numbers')}, got the name "
            f"of a file, {os.fsdecode(value)!r}: read it first, with "
            f"{_READERS.get(argument, _OPENED)}"
        )
