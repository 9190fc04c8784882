# Licensed under a 3-clause BSD style license - see LICENSE
"""What differs between the versions of photutils that are supported."""

import inspect

from astropy.utils import minversion

__all__ = ["QUIETLY", "named"]

QUIETLY = {} if minversion("photutils", "3.1") else {"progress_bar": False}
"""For functions that show a bar of their own accord before photutils 3.1, and warn of
the argument since."""

_FORMER = {"bkg_rms_estimator": "bkgrms_estimator", "n_levels": "nlevels"}


def named(function, **arguments):
    """
    Arguments under the names that the installed photutils has for them.

    Parameters
    ----------
    function : callable
        Of photutils.
    **arguments
        Under their names from photutils 3.0 on.

    Returns
    -------
    dict
    """
    known = inspect.signature(function).parameters
    return {
        name if name in known else _FORMER.get(name, name): value
        for name, value in arguments.items()
    }
