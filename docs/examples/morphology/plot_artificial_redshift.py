# Licensed under a 3-clause BSD style license - see LICENSE
"""
Asymmetry of galaxies at ever higher redshift
=============================================

Do galaxies become more symmetric in the early Universe, or do we only see less of them?
The same galaxies are put at higher redshifts and measured in two ways.
"""

import astropy.units as u
import matplotlib.pyplot as plt
import numpy as np
from astropy.cosmology import Planck18
from scipy.ndimage import gaussian_filter, zoom

from astro_cnnfit import ClassicalCASMeasurer, CNNCASMeasurer
from astro_cnnfit.morphology import measure_stamps
from astro_cnnfit.simulation import draw_procedural

# %%
# Disturbed galaxies without noise, from procedures, as a telescope would see them at
# z = 0.5. Without noise there is a true asymmetry, which a real image does not tell.

START, SIDE = 0.5, 101
stamps, fwhm = draw_procedural(np.random.default_rng(24), 120)
known = measure_stamps(stamps)
chosen = (known["asymmetry"] > 0.3) & (known["rpetro_ellip"] > 15)
near, fwhm = stamps[chosen], fwhm[chosen]


def redshifted(image, z, width):
    """Smaller by the angular-diameter distance, dimmer by (1 + z)^4, as sharp."""
    distance = Planck18.angular_diameter_distance([START, z] * u.one)
    scale = (distance[0] / distance[1]).value
    # What has shrunk is sharper than the PSF was.
    sigma = width / 2.355 * np.sqrt(max(1 / scale**2 - 1, 0))
    smaller = zoom(gaussian_filter(image, sigma), scale, order=1)
    smaller *= ((1 + START) / (1 + z)) ** 4
    missing = SIDE - np.array(smaller.shape)
    before = missing // 2
    return np.pad(smaller, list(zip(before, missing - before, strict=True)))


redshifts = np.array([0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0])
clean = np.array([
    [redshifted(image, z, width) for image, width in zip(near, fwhm, strict=True)]
    for z in redshifts
])  # fmt: skip
truth = measure_stamps(clean.reshape(-1, SIDE, SIDE))["asymmetry"]
truth = truth.reshape(len(redshifts), -1)

# %%
# Each in the same noise at all redshifts, measured by the classical measure and by the
# network.

rng = np.random.default_rng(1)
bright = 120 / clean[:1].max(axis=(2, 3), keepdims=True)
seen = bright * clean + rng.normal(0, 1, clean.shape)
stack = seen.reshape(-1, SIDE, SIDE)
tables = {
    "classical": ClassicalCASMeasurer()(stack),
    "network": CNNCASMeasurer(method="network")(stack),
}
snr = tables["network"]["sn_per_pixel"].reshape(truth.shape)
print(f"{truth.shape[1]} galaxies")

# %%
# Above, one of them. Below, the mean of all and the scatter about the truth: noise
# hides the asymmetry from the classical measure first, and from the network, which has
# learnt what noise does, at a lower S/N.

figure = plt.figure(figsize=(10.5, 5.8), layout="constrained")
upper, lower = figure.subfigures(2, 1, height_ratios=(1, 1.9))
shown = int(np.argmax(truth[0]))
panels = upper.subplots(1, len(redshifts))
for panel, z, images, value in zip(panels, redshifts, seen, snr, strict=True):
    panel.imshow(images[shown], origin="lower", cmap="cividis", vmin=-2, vmax=20)
    panel.set(xticks=[], yticks=[])
    panel.set_title(f"z = {z:g}\nS/N {value[shown]:.1f}", fontsize=12)

axis = lower.subplots()
label = f"without noise ({truth.shape[1]} galaxies)"
axis.plot(redshifts, truth.mean(axis=1), color="k", linewidth=2, label=label)
styles = {"classical": ("s", "#D55E00", -0.008), "network": ("o", "#0072B2", 0.008)}
for name, (marker, colour, shift) in styles.items():
    offset = tables[name]["asymmetry"].reshape(truth.shape) - truth
    mean, scatter = np.nanmean(offset, axis=1), np.nanstd(offset, axis=1)
    axis.errorbar(
        redshifts + shift, truth.mean(axis=1) + mean, scatter, fmt=marker,
        color=colour, capsize=4, markersize=9, markeredgecolor="k",
        label=name,
    )  # fmt: skip
    print(f"{name:9s} off by", " ".join(f"{value:+.3f}" for value in mean))
axis.set(xlabel="redshift", ylabel="asymmetry $A$", ylim=(0, 0.72))
axis.legend(fontsize=11, loc="upper center", ncols=3)
plt.show()
