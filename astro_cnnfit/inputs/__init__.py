# Licensed under a 3-clause BSD style license - see LICENSE
"""What users hand in, taken apart once for all classes: images, positions, files."""

from astro_cnnfit.inputs.files import read_image
from astro_cnnfit.inputs.image import Image, parse_image
from astro_cnnfit.inputs.positions import Positions, parse_positions
from astro_cnnfit.inputs.zeropoints import ZeroPoint, find_zeropoint

__all__ = [
    "Image",
    "Positions",
    "ZeroPoint",
    "find_zeropoint",
    "parse_image",
    "parse_positions",
    "read_image",
]
