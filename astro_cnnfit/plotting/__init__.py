# Licensed under a 3-clause BSD style license - see LICENSE
"""
Figures of what was measured.

Every function draws on the ``axes`` that it is given, or on a new figure, and returns
the axes. Images with a WCS are drawn on
`~astropy.visualization.wcsaxes.WCSAxes`.
Colours differ with every kind of colour blindness and in print without colour. Nothing
but matplotlib, which comes with the extra ``plot``, is needed.
"""

from .fit import plot_fit
from .psf import plot_psf

__all__ = [
    "plot_fit",
    "plot_psf",
]
