# Licensed under a 3-clause BSD style license - see LICENSE
"""
A field and its model
=====================

What is left of an image when all its galaxies and stars are taken away? The objects are
found, and measured together, so that neighbours are not taken for wings.
"""

import matplotlib.pyplot as plt
import numpy as np
from astropy.io import fits

from astro_cnnfit import CNNSersicFitter
from astro_cnnfit.plotting import plot_fit
from astro_cnnfit.psf import psf_from_stars
from astro_cnnfit.simulation import find_data, simulate_field

# %%
# A part of a KiDS image with the PSF of its stars, or a simulated field of the same
# kind.

folder = find_data()
if folder is None:
    shown = "simulated field"
    field = simulate_field((250, 250), density=1.5, limit=25, seed=3)
    image, psf = field.image, field.psf
else:
    shown = "KiDS, r band"
    # From a zero-point of 0 to one of 25.
    image = 1e10 * fits.getdata(folder / "kids_field" / "r.fits").astype(float)
    psf = psf_from_stars(image[:800, :1300]).stamp
    image = image[150:400, 1090:1340]

# %%
# ``finder="default"`` finds the objects. Each is measured up to four times, with the
# models of all others taken away.

fitter = CNNSersicFitter(finder="default", iterations=4)
table = fitter(image, psf)
stars = table["point_like_prob"] > 0.5
passes = np.bincount([info["passes"] for info in fitter.fit_info])
print(f"{shown}: {len(table)} objects, {stars.sum()} of them point-like")
print(
    "measured", ", ".join(f"{n} of them {k} times" for k, n in enumerate(passes) if n)
)

# %%
# Image and model have one scale, the residual is in noises of the sky.

figure, axes = plt.subplots(
    1, 3, figsize=(12.5, 3.8), sharex=True, sharey=True, layout="constrained"
)
plot_fit(image, fitter, axes=axes)
for kind, marker, colour in ((~stars, "o", "w"), (stars, "*", "#D55E00")):
    axes[1].plot(
        table["x_fit"][kind], table["y_fit"][kind], marker, color="none",
        markeredgecolor=colour, markersize=8, markeredgewidth=0.8,
        label="point-like" if marker == "*" else "galaxies",
    )  # fmt: skip
axes[1].legend(labelcolor="w", facecolor="0.25", loc="upper left", fontsize=9)
axes[0].set_title(shown)
axes[1].set_title(f"model of {len(table)} objects")
plt.show()
