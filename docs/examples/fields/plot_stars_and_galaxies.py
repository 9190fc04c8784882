# Licensed under a 3-clause BSD style license - see LICENSE
"""
Stars and galaxies
==================

Down to which brightness can the two be told apart? Each measurement comes with the
probability that the object is not resolved.
"""

import matplotlib.pyplot as plt
import numpy as np

from astro_cnnfit import CNNSersicFitter
from astro_cnnfit.evaluation import match_catalogs
from astro_cnnfit.psf import fwhm
from astro_cnnfit.simulation import simulate_field

# %%
# A simulated field, in which it is known what is a star; there are ten times as many of
# them as KiDS has.

field = simulate_field((460, 460), star_fraction=10, limit=24.5, seed=21)
width = fwhm(field.psf)[0] if np.ndim(field.psf) == 3 else fwhm(field.psf[None])[0]

fitter = CNNSersicFitter(finder="default", zeropoint=30.0)
table = fitter(field.image, field.psf, error=field.error)
match = match_catalogs(field.truth, table, radius=2)
table, truth = table[match.found], field.truth[match.truth]

# %%
# Size relative to the PSF against the magnitude. Colours are what the network says,
# symbols the truth.

size, magnitude = table["r_eff_fit"] / width, table["mag_fit"].value
probability, is_star = table["point_like_prob"], truth["is_star"]
known = np.isfinite(probability)
right = (probability > 0.5) == is_star
print(f"right: {right[known & is_star].sum()} of {np.sum(known & is_star)} stars,")
print(f"       {right[known & ~is_star].sum()} of {np.sum(known & ~is_star)} galaxies")

figure, axis = plt.subplots(figsize=(8, 5.2), layout="constrained")
for kind, marker, label in ((~is_star, "o", "galaxy"), (is_star, "*", "star")):
    rows = known & kind
    drawn = axis.scatter(
        magnitude[rows], size[rows], c=probability[rows], marker=marker,
        s=110 if marker == "*" else 45, cmap="cividis", vmin=0, vmax=1,
        edgecolors="k", linewidths=0.6, label=f"{label} ({rows.sum()})",
    )  # fmt: skip
figure.colorbar(drawn, label="probability that it is point-like")
# Galaxies below this size counted as point-like in the training.
axis.axhline(0.15, color="0.4", linestyle=":", linewidth=1)
axis.set(yscale="log", xlabel="magnitude", ylabel=r"$R_\mathrm{eff}$ / FWHM of the PSF")
axis.legend(title="truth", loc="upper right", fontsize=11)
plt.show()
