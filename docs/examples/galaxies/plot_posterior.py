# Licensed under a 3-clause BSD style license - see LICENSE
"""
The posterior of a faint galaxy
===============================

How well are the parameters of a faint galaxy known, and which of them are known
together only? The network gives seven values and their full covariance.
"""

import matplotlib.pyplot as plt
import numpy as np

from astro_cnnfit import CNNSersicFitter
from astro_cnnfit.parameters import NAMES
from astro_cnnfit.plotting import plot_posterior
from astro_cnnfit.psf import moffat
from astro_cnnfit.rendering import render_sersic_numpy

# %%
# A galaxy with known parameters, in noise that hides all but its middle. Positions
# count from the central pixel, (30, 30).

truth = dict(x_0=0.3, y_0=-0.2, flux=900, r_eff=5.0, n=2.0, ellip=0.4, theta=0.6)
psf = moffat(3.5, 3.0)
params = np.array([[truth[name] for name in NAMES]])
galaxy = render_sersic_numpy(params, psf)[0]
image = galaxy + np.random.default_rng(3).normal(0.0, 2.0, galaxy.shape)

fitter = CNNSersicFitter(zeropoint=30.0)
fitter(image, psf[0])
print(f"S/N within R_eff: {fitter.fit_info[0]['snr']:.0f}")

# %%
# Flux, size and index are known together: a larger galaxy with more light in its wings
# looks nearly the same. Orange lines are the truth, regions hold 68 % and 95 % of the
# posterior, dotted lines its median and 68 %.

truth |= {"x_0": 30 + truth["x_0"], "y_0": 30 + truth["y_0"]}
truth["theta"] = np.degrees(truth["theta"])
axes = plot_posterior(fitter, truth=truth)

stamp = axes[0, 0].figure.add_axes((0.62, 0.62, 0.34, 0.34))
stamp.imshow(image, origin="lower", cmap="cividis")
stamp.set(title="image", xticks=[], yticks=[])
plt.show()

# %%
# What follows from the parameters follows from the draws, errors and all: here the
# mean surface brightness within R_eff.

draws = fitter.sample(2000, seed=1)
area = np.pi * (1 - draws["ellip_fit"]) * draws["r_eff_fit"] ** 2
brightness = 30.0 - 2.5 * np.log10(draws["flux_fit"] / 2 / area)
print(f"{brightness.mean():.2f} +- {brightness.std():.2f} mag per square pixel")
