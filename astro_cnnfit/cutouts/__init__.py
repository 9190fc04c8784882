# Licensed under a 3-clause BSD style license - see LICENSE
"""
From positions to stamps of one size that a network can look at.

Edges and masks are dealt with here, sky noise is measured, and galaxies that
are larger than a stamp are averaged over blocks of pixels.
"""

from astro_cnnfit.cutouts.sizes import block_factor, estimate_half_light_radius
from astro_cnnfit.cutouts.sky import error_sigma, fill_masked, sky_sigma
from astro_cnnfit.cutouts.stamps import Stamps, cut_stack, cut_stamps
from astro_cnnfit.cutouts.windows import cut_windows

__all__ = [
    "Stamps",
    "block_factor",
    "cut_stack",
    "cut_stamps",
    "cut_windows",
    "error_sigma",
    "estimate_half_light_radius",
    "fill_masked",
    "sky_sigma",
]
