# Licensed under a 3-clause BSD style license - see LICENSE
"""
A PSF from the stars of the image
=================================

Is the PSF good enough to measure galaxies with? It is made of the stars of the image
itself, and the figure shows which they are, and what it leaves of them.
"""

import matplotlib.pyplot as plt
from astropy.io import fits

from astro_cnnfit.plotting import plot_psf
from astro_cnnfit.psf import psf_from_stars
from astro_cnnfit.simulation import find_data, simulate_field

# %%
# A part of a KiDS image, or a simulated field with more stars than KiDS has.

folder = find_data()
if folder is None:
    shown = "simulated field"
    image = simulate_field((600, 600), star_fraction=8, limit=24, seed=4).image
else:
    shown = "KiDS, r band"
    image = fits.getdata(folder / "kids_field" / "r.fits")[:1000, :1000]

psf = psf_from_stars(image)
used = psf.stars["used"]
print(
    f"{shown}: {used.sum()} stars of {len(used)} candidates, FWHM {psf.fwhm:.2f} pixels"
)

# %%
# Stars lie on a line of equal width. What the PSF leaves of them is in per cent of
# their brightest pixel; ``psf`` itself goes into any call of the package.

axes = plot_psf(psf)
axes[0].figure.suptitle(shown)
plt.show()
