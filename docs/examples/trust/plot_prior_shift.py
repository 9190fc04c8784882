# Licensed under a 3-clause BSD style license - see LICENSE
"""
Galaxies other than those of the training
=========================================

The network learned from galaxies of all indices alike. What does it say of a sample
of discs, or of ellipticals, where the noise leaves a choice? And how is what you know
of your sample put in afterwards, without a new network?
"""

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np

from astro_cnnfit import CNNSersicFitter
from astro_cnnfit.simulation import WIDE, constant, log_normal, log_uniform, simulate

# %%
# Three samples that differ in nothing but their indices. Those of the first are
# distributed as in the training.

survey = replace(
    WIDE,
    snr=log_uniform(7, 250),
    r_eff=log_uniform(2, 8),
    psf_fwhm=log_uniform(2.5, 5),
    masked=constant(0),
)
centres = {"discs": 1.0, "ellipticals": 4.0}
width = 0.12  # of log10 n
samples = {"all indices": survey} | {
    name: replace(survey, n=log_normal(np.log10(centre), width, 0.3, 8))
    for name, centre in centres.items()
}

# %%
# Each galaxy has 300 draws of its posterior. The training gave every log n the same
# chance, so that weights proportional to the sample's own distribution of log n are all
# that turns one posterior into the other.

fitter = CNNSersicFitter()
found = {}
for number, (name, prior) in enumerate(samples.items()):
    stamps, psfs, truth = simulate(1000, prior, seed=number, neighbours=False)
    fitter(stamps, psfs)
    draws = np.log10(fitter.sample(300, seed=1)["n_fit"])
    true = np.log10(truth["n"])
    weights = np.ones_like(draws)
    if name in centres:
        weights = np.exp(-0.5 * ((draws - np.log10(centres[name])) / width) ** 2)
    weights /= weights.sum(axis=1, keepdims=True)
    snr = np.array([info["snr"] for info in fitter.fit_info])
    # Where in its posterior the truth lies, from 0 to 1, and the posterior's mean.
    found[name] = {
        "snr": snr,
        "error": draws.mean(axis=1) - true,
        "informed": (weights * draws).sum(axis=1) - true,
        "rank": (draws < true[:, np.newaxis]).mean(axis=1),
        "informed rank": (weights * (draws < true[:, np.newaxis])).sum(axis=1),
    }

# %%
# Faint discs come out with too high an index, faint ellipticals with too low a one:
# towards what the training held for likely, which shows where the image says little.
# With what is known of the sample both are put right, and the 68 % intervals hold
# nearly as many of the truths as they should. (Those of all indices hold fewer
# below a S/N of 20: a Gaussian is a poor posterior where n may be anything.)

edges = np.geomspace(8, 250, 7)
middles = np.sqrt(edges[1:] * edges[:-1])
styles = {"all indices": ("0.35", "o"), "discs": ("#0072B2", "s")}
styles["ellipticals"] = ("#D55E00", "^")

figure, axes = plt.subplots(1, 3, figsize=(11.5, 3.9), layout="constrained")
for name, (colour, marker) in styles.items():
    values = found[name]
    bins = np.digitize(values["snr"], edges)
    rows = [bins == number for number in range(1, len(edges))]
    style = {"color": colour, "marker": marker, "markeredgecolor": "k", "markersize": 5}
    for axis, key in zip(axes, ("error", "informed"), strict=False):
        mean = [values[key][row].mean() for row in rows]
        scatter = [values[key][row].std() / row.sum() ** 0.5 for row in rows]
        axis.errorbar(middles, mean, scatter, label=name, **style)
    for key, line in (("rank", ":"), ("informed rank", "-")):
        inside = [100 * (abs(values[key][row] - 0.5) < 0.34).mean() for row in rows]
        axes[2].plot(middles, inside, line, **style)
for axis in axes[:2]:
    axis.axhline(0, color="0.3", linewidth=0.8)
    axis.set(ylabel=r"mean error of $\log_{10} n$", ylim=(-0.45, 0.25))
axes[2].axhline(68, color="0.3", linewidth=0.8)
axes[2].set(ylabel="truths within 68 % intervals (%)", ylim=(40, 100))
titles = "as measured", "with the sample's own prior", "dotted: as measured"
for axis, title in zip(axes, titles, strict=True):
    axis.set(title=title, xscale="log", xlabel="S/N")
axes[0].legend(loc="lower right")
plt.show()
