# Licensed under a 3-clause BSD style license - see LICENSE
"""
When the PSF is wrong
=====================

How wrong are size and index if the PSF is off by some per cent, and does a flag say so?
Two galaxies are drawn with one PSF and measured with narrower and wider ones.
"""

import matplotlib.pyplot as plt
import numpy as np

from astro_cnnfit import CNNSersicFitter, flags
from astro_cnnfit.psf import moffat
from astro_cnnfit.rendering import render_sersic_numpy

# %%
# A galaxy of the size of the PSF and one of twice that, bright enough that noise is not
# what limits them.

FWHM = 3.5
errors = np.array([-10, -6, -3, -1, 0, 1, 3, 6, 10])
repeats = 12
galaxies = {
    r"$R_\mathrm{eff}$ = 1 FWHM": [0.2, 0.1, 6e4, FWHM, 2.5, 0.3, 0.6],
    r"$R_\mathrm{eff}$ = 2 FWHM": [0.2, 0.1, 1.2e5, 2 * FWHM, 2.5, 0.3, 0.6],
}
rng = np.random.default_rng(1)
psfs = np.repeat(moffat(FWHM * (1 + errors / 100), 3.0), repeats, axis=0)

fitter = CNNSersicFitter(statistics=True)
tables = {}
for name, params in galaxies.items():
    clean = render_sersic_numpy(np.array([params]), moffat(FWHM, 3.0))[0]
    stamps = clean + rng.normal(0, 2, (len(psfs), *clean.shape))
    tables[name] = fitter(stamps, psfs)
    print(
        name.split("=")[1],
        f": S/N {np.median([info['snr'] for info in fitter.fit_info]):.0f}",
    )

# %%
# Medians, with the scatter from image to image; and how many of the images have a flag
# that says that the PSF, or the model, does not fit.

figure, axes = plt.subplots(1, 3, figsize=(11, 3.9), layout="constrained")
bits = flags.PSF_MISMATCH | flags.POOR_MODEL
styles = (("#0072B2", "o-", -0.12), ("#D55E00", "s--", 0.12))
for (name, params), (colour, line, shift) in zip(galaxies.items(), styles, strict=True):
    table = tables[name]
    style = {"color": colour, "markeredgecolor": "k", "label": name, "capsize": 3}
    for axis, column, true in zip(axes, ("r_eff", "n"), params[3:5], strict=False):
        ratio = (table[f"{column}_fit"] / true - 1).reshape(-1, repeats)
        axis.errorbar(
            errors + shift, 100 * np.median(ratio, axis=1), 100 * ratio.std(axis=1),
            fmt=line, **style,
        )  # fmt: skip
    flagged = (table["flags"] & bits > 0).reshape(-1, repeats)
    style.pop("capsize")
    axes[2].plot(errors, 100 * flagged.mean(axis=1), line, **style)
labels = (r"error of $R_\mathrm{eff}$ (%)", "error of the index $n$ (%)", "flagged (%)")
for axis, label in zip(axes, labels, strict=True):
    axis.axhline(0, color="0.3", linewidth=0.8)
    axis.axvline(0, color="0.3", linewidth=0.8)
    axis.set(xlabel="error of the PSF's width (%)", ylabel=label)
axes[2].set_ylim(-4, 104)
axes[0].legend()
plt.show()
