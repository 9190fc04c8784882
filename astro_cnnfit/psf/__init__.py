# Licensed under a 3-clause BSD style license - see LICENSE
"""
Point-spread functions: analytic models, and stamps from any form a user has.

A PSF is an effective PSF throughout: it includes the pixel's response, as one
measured from stars does, is sampled like the image, centred, and of unit sum.
"""

from astro_cnnfit.psf.files import read_psf
from astro_cnnfit.psf.forms import as_psf_stamps, psf_stamps_of_rows
from astro_cnnfit.psf.from_stars import StarPSF, psf_from_stars
from astro_cnnfit.psf.models import airy, double_moffat, gaussian, moffat
from astro_cnnfit.psf.psfex import PsfExModel, read_psfex
from astro_cnnfit.psf.sampling import block_average, centroid, fwhm, soften
from astro_cnnfit.psf.stack import PSFStack

__all__ = [
    "PSFStack",
    "PsfExModel",
    "StarPSF",
    "airy",
    "as_psf_stamps",
    "block_average",
    "centroid",
    "double_moffat",
    "fwhm",
    "gaussian",
    "moffat",
    "psf_from_stars",
    "psf_stamps_of_rows",
    "read_psf",
    "read_psfex",
    "soften",
]
