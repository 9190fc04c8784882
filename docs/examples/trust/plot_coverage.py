# Licensed under a 3-clause BSD style license - see LICENSE
"""
Are the errors right?
=====================

Do 68 % of the galaxies have their true size within the error? It is tested on galaxies
with known parameters that the network has never seen.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import beta, norm

from astro_cnnfit import CNNSersicFitter
from astro_cnnfit.evaluation import gaussian_samples, pulls, tarp
from astro_cnnfit.parameters import LATENT_NAMES, NAMES, encode
from astro_cnnfit.simulation import simulate

# %%
# Simulated scenes with neighbours, and what the network says of them: values and
# covariances of the parameters in which errors are closest to Gaussian.

stamps, psfs, truth = simulate(600, "wide", seed=11)
fitter = CNNSersicFitter()
fitter(stamps, psfs)
latent, covariance = (
    np.array([info[f"latent_{kind}"] for info in fitter.fit_info])
    for kind in ("values", "cov")
)
true = encode(np.transpose([
    truth[name].to_value("rad") if name == "theta" else np.asarray(truth[name])
    for name in NAMES
]))  # fmt: skip
good = np.isfinite(latent).all(axis=1)
latent, covariance, true = latent[good], covariance[good], true[good]

# %%
# For every level, how often the interval of that level holds the truth: each parameter
# by itself, and all of them together (TARP). Grey is where 95 % of right posteriors of
# so many galaxies lie.

levels = np.linspace(0.02, 0.98, 49)
pull = np.abs(pulls(latent, covariance, true))
limits = norm.ppf(0.5 + levels / 2)
inside = (pull[:, :, None] <= limits).mean(axis=0)
joint = tarp(gaussian_samples(latent, covariance, 500, seed=1), true, seed=2)

count = len(true)
band = [
    beta.ppf(p, levels * count + 1, (1 - levels) * count + 1) for p in (0.025, 0.975)
]
figure, (whole, detail) = plt.subplots(1, 2, figsize=(11, 4.8), layout="constrained")
for axis, zero in ((whole, 0), (detail, levels)):
    axis.fill_between(levels, *(100 * (edge - zero) for edge in band), color="0.87")
    axis.set(xlim=(0, 1), xlabel="credible level")
whole.plot([0, 1], [0, 100], color="0.3", linewidth=0.8)
detail.axhline(0, color="0.3", linewidth=0.8)
colours = ("#0072B2", "#56B4E9", "#882255", "#D55E00", "#009E73", "#CC79A7", "#E69F00")
lines = ("-", "--", "-.", "-", "--", ":", "-.")
for name, share, colour, line in zip(LATENT_NAMES, inside, colours, lines, strict=True):
    style = {"color": colour, "linestyle": line, "linewidth": 1.8}
    whole.plot(levels, 100 * share, label=name.replace("_", " "), **style)
    detail.plot(levels, 100 * (share - levels), **style)
style = {
    "color": "k",
    "linewidth": 2.5,
    "label": f"all (TARP, p = {joint.p_value:.2f})",
}
whole.plot(joint.levels, 100 * joint.coverage, **style)
detail.plot(joint.levels, 100 * (joint.coverage - joint.levels), **style)
whole.set(ylabel="galaxies within (%)", ylim=(0, 100), title=f"{count} galaxies")
whole.legend(loc="upper left")
detail.set(
    ylabel="galaxies within - level (%)", ylim=(-10, 10), title="the same, closer"
)
plt.show()

# %%
# The same in one number for each parameter:

at_one = (pull <= 1).mean(axis=0)
for name, share in zip(LATENT_NAMES, at_one, strict=True):
    print(f"{name:10s} {share:.1%} within one standard deviation (68.3 % expected)")
