# Licensed under a 3-clause BSD style license - see LICENSE
"""
Measured beside true
====================

How far off are magnitudes, sizes and indices of a survey's galaxies, and from where on?
`~astro_cnnfit.plotting.plot_comparison` draws two tables beside each other: truth and
measurement, or two surveys of the same galaxies.
"""

import matplotlib.pyplot as plt

from astro_cnnfit import CNNSersicFitter
from astro_cnnfit.plotting import plot_comparison
from astro_cnnfit.simulation import simulate

# %%
# Galaxies as KiDS sees them, with neighbours, from the prior of `Li et al. (2022)
# <https://doi.org/10.3847/1538-4357/ac5ea0>`_.

stamps, psfs, truth = simulate(600, "table1", seed=7)
fitter = CNNSersicFitter()
table = fitter(stamps, psfs)

# %%
# Above, the one against the other; below, their difference with the median and the NMAD
# in bins.

axes = plot_comparison(
    table, truth, names=["flux", "r_eff", "n", "ellip"], labels=("true", "measured")
)
axes[0, 0].figure.suptitle("600 simulated galaxies of KiDS")
plt.show()
