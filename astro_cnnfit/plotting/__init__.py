# Licensed under a 3-clause BSD style license - see LICENSE
"""
Figures of what was measured.

Every function draws on the ``axes`` that it is given, or on a new figure, and returns
the axes. Images with a WCS are drawn on
`~astropy.visualization.wcsaxes.WCSAxes`.
Colours differ with every kind of colour blindness and in print without colour. Nothing
but matplotlib, which comes with the extra ``plot``, is needed.
"""

from .comparison import plot_comparison
from .fit import plot_fit
from .morphology import plot_morphology
from .posterior import plot_posterior
from .psf import plot_psf

__all__ = [
    "plot_comparison",
    "plot_fit",
    "plot_morphology",
    "plot_posterior",
    "plot_psf",
]
