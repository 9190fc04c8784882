# Licensed under a 3-clause BSD style license - see LICENSE
"""
Where morphology is measured
============================

Which pixels make C and A of a galaxy?
`~astro_cnnfit.plotting.plot_morphology` draws the apertures, what is not symmetric, and
the growth curve from which radii and concentration follow.
"""

import matplotlib.pyplot as plt
import numpy as np
from astropy.io import fits

from astro_cnnfit import CNNCASMeasurer
from astro_cnnfit.morphology import measure_stamps
from astro_cnnfit.plotting import plot_morphology
from astro_cnnfit.simulation import draw_procedural, find_data

# %%
# A real spiral with its segmentation map and mask, or one from a procedure.

folder = find_data()
if folder is None:
    shown = "galaxy from a procedure"
    rng = np.random.default_rng(8)
    stamps, _ = draw_procedural(rng, 12)
    galaxy = stamps[np.nanargmax(measure_stamps(stamps)["rpetro_ellip"])]
    image = 60 * galaxy / galaxy.max() + rng.normal(0, 1, galaxy.shape)
    segmap, mask = None, None
else:
    shown = "spiral galaxy"
    with fits.open(folder / "nearby" / "spiral_with_segmap.fits") as hdus:
        image, segmap, mask = (hdu.data.astype(int) for hdu in hdus)

measurer = CNNCASMeasurer()
table = measurer(image, segmap, mask=mask)
for name in ("concentration", "asymmetry", "smoothness", "gini", "m20"):
    print(f"{name:14s} {table[name][0]:6.3f} +- {table[f'{name}_err'][0]:.3f}")

# %%
# The ellipses are those of the Petrosian radius, the aperture and of 20 % and 80 % of
# the light. What differs from the other side of the galaxy is what A counts.

axes = plot_morphology(image, measurer, segmap=segmap, mask=mask)
axes[0].set_title(shown)
plt.show()
