# Licensed under a 3-clause BSD style license - see LICENSE
"""
Measure one galaxy and look at the residual
===========================================

A galaxy is drawn with known parameters, noise is added, and the network measures
it.
"""

import matplotlib.pyplot as plt
import numpy as np

from astro_cnnfit import CNNSersicFitter
from astro_cnnfit.parameters import NAMES
from astro_cnnfit.plotting import plot_fit
from astro_cnnfit.psf import moffat
from astro_cnnfit.rendering import render_sersic_numpy

# %%
# The truth: an early-type galaxy, a third of a pixel off the centre of its stamp,
# under a seeing of 3.5 pixels.

truth = dict(x_0=0.3, y_0=-0.2, flux=4e4, r_eff=6.0, n=3.0, ellip=0.35, theta=0.7)
psf = moffat(3.5, 3.0)
sky_sigma = 2.0

params = np.array([[truth[name] for name in NAMES]])
galaxy = render_sersic_numpy(params, psf)[0]
noise = np.random.default_rng(1).normal(0.0, sky_sigma, galaxy.shape)
image = galaxy + noise

# %%
# The measurement. The table holds the centre in pixels of the image, whose middle
# is pixel (30, 30).

fitter = CNNSersicFitter("sersic", pixel_scale=0.2, zeropoint=30.0)
table = fitter(image, psf[0])
for name in ("flux", "r_eff", "n", "ellip"):
    value, error = table[f"{name}_fit"][0], table[f"{name}_err"][0]
    print(f"{name:6s} {value:10.3f} +- {error:8.3f}   truth {truth[name]:10.3f}")

# %%
# Data, model, and residual in units of the sky's noise.

plot_fit(image, fitter)
plt.show()
