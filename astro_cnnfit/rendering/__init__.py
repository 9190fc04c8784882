# Licensed under a 3-clause BSD style license - see LICENSE
"""PSF-convolved images of Sersic galaxies, in batches, on any Keras backend."""

from .derivatives import render_with_derivatives, render_with_derivatives_numpy
from .render import render_sersic, render_sersic_numpy

__all__ = [
    "render_sersic",
    "render_sersic_numpy",
    "render_with_derivatives",
    "render_with_derivatives_numpy",
]
