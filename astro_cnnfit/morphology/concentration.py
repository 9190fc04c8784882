# Licensed under a 3-clause BSD style license - see LICENSE
"""Concentration and its error."""

import numpy as np

__all__ = ["concentration", "concentration_error"]


def concentration(r20, r80):
    """
    Concentration of light (Bershady et al. 2000; Conselice 2003).

    Parameters
    ----------
    r20, r80 : float or array_like
        Radii with 20 % and 80 % of the light.

    Returns
    -------
    float or `~numpy.ndarray`
        5 log10(r80 / r20)
    """
    return 5.0 * np.log10(r80 / r20)


def concentration_error(r20, r80, r20_err, r80_err):
    """
    Error of the concentration from those of the two radii.

    Parameters
    ----------
    r20, r80, r20_err, r80_err : float or array_like
        Radii and their errors.

    Returns
    -------
    float or `~numpy.ndarray`
        (5 / ln 10) sqrt((r20_err / r20)^2 + (r80_err / r80)^2)
    """
    return 5.0 / np.log(10.0) * np.hypot(r20_err / r20, r80_err / r80)
