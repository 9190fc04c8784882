# Licensed under a 3-clause BSD style license - see LICENSE
"""Names of files in the place of what they hold."""

import os

__all__ = ["refuse_path"]

_OPENED = "astropy.io.fits.open"
_READERS = {"psf": "astro_cnnfit.psf.read_psf"}


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
            f"{argument} must hold real numbers, got the name of a file, {value!r}: "
            f"open it first, with {_READERS.get(argument, _OPENED)}"
        )
