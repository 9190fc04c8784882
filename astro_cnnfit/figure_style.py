# Licensed under a 3-clause BSD style license - see LICENSE
"""What all figures share: colours, and the axes that they are drawn on."""

from importlib.util import find_spec

import numpy as np

__all__ = [
    "BLUE",
    "BRIGHTNESS_MAP",
    "DIFFERENCE_MAP",
    "GREEN",
    "GREY",
    "ORANGE",
    "PURPLE",
    "axes_for",
    "pyplot",
]

# Okabe & Ito: they differ with every kind of colour blindness, and in lightness.
BLUE, ORANGE, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
GREY = "0.45"
# Perceptually uniform, and readable with every kind of colour blindness.
BRIGHTNESS_MAP = "cividis"
DIFFERENCE_MAP = "PuOr_r"

_WORDS = {1: "one", 2: "two", 3: "three", 4: "four"}


def pyplot():
    """
    Return ``matplotlib.pyplot``, or say how it is installed.

    Returns
    -------
    module

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    """
    if find_spec("matplotlib") is None:
        raise ImportError(
            "matplotlib is needed for figures and not installed. "
            "Install it with: pip install 'astro_cnnfit[plot]'"
        )
    import matplotlib.pyplot as plt

    return plt


def axes_for(axes, rows, columns, *, figsize, wcs=None, **settings):
    """
    Return the axes that were given, or those of a new figure.

    Parameters
    ----------
    axes : array_like of `~matplotlib.axes.Axes` or None
        As the caller was given them.
    rows, columns : int
        How many there must be.
    figsize : tuple of float
        Of a new figure, in inches.
    wcs : `~astropy.wcs.WCS`, optional
        Projection of the new axes.
    **settings
        For ``matplotlib.pyplot.subplots``.

    Returns
    -------
    `~numpy.ndarray`
        (columns,) if ``rows`` is 1, otherwise (rows, columns).

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    ValueError
        If there are more or fewer.
    """
    if axes is None:
        if wcs is not None:
            settings["subplot_kw"] = {"projection": wcs}
        settings = {"layout": "constrained", **settings}
        _, axes = pyplot().subplots(rows, columns, figsize=figsize, **settings)
    axes = np.ravel(axes)
    wanted = rows * columns
    if len(axes) != wanted:
        wanted = _WORDS.get(wanted, wanted)
        raise ValueError(f"axes must be {wanted}, got {len(axes)}")
    return axes if rows == 1 else axes.reshape(rows, columns)
