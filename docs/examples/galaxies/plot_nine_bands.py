# Licensed under a 3-clause BSD style license - see LICENSE
"""
One galaxy in nine bands
========================

Does a galaxy have the same size and profile at every wavelength? One network measures
all bands, each with its own PSF.
"""

import matplotlib.pyplot as plt
import numpy as np
from astropy.io import fits
from astropy.stats import mad_std
from scipy.ndimage import gaussian_filter

from astro_cnnfit import CNNSersicFitter, flags
from astro_cnnfit.psf import moffat
from astro_cnnfit.rendering import render_sersic_numpy
from astro_cnnfit.simulation import find_data

# %%
# A galaxy of the GAMA survey, in SDSS ugriz and UKIDSS YJHK, where the images are at
# hand. Otherwise one is simulated that is smaller and more concentrated in the red.

bands = dict(u=354, g=477, r=623, i=763, z=913, Y=1031, J=1248, H=1631, K=2201)
wavelength = np.array(list(bands.values()))


def read_bands(folder):
    for band in bands:
        image = fits.getdata(folder / f"t10_5.34_{band}.fits").astype(float)
        mask = fits.getdata(folder / f"t10_5.34_{band}_mask.fits") > 0
        yield image, mask, fits.getdata(folder / f"psf_{band}.fits")


def simulate_bands(seed=2):
    rng = np.random.default_rng(seed)
    for step in np.linspace(0, 1, len(bands)):
        flux, noise = 4e3 * 10 ** (1.1 * step), 3 + 9 * step
        psf = moffat(3.6 - step, 3.0)
        params = [[0.2, -0.1, flux, 5.5 - 1.5 * step, 1 + 0.8 * step, 0.4, 0.5]]
        image = render_sersic_numpy(np.array(params), psf, (73, 65))[0]
        image += rng.normal(0, noise, image.shape)
        yield image, np.zeros(image.shape, bool), psf[0]


folder = find_data()
if folder is None:
    shown, place = "simulated galaxy", (32, 36)
    images, masks, psfs = zip(*simulate_bands(), strict=True)
else:
    shown, place = "GAMA galaxy", (31, 35)
    images, masks, psfs = zip(*read_bands(folder / "gama_9band"), strict=True)
print(shown)

# %%
# Nine images, nine PSFs, one call each: a list would have to be of one shape.

fitter = CNNSersicFitter(pixel_scale=0.339, zeropoint=30.0, statistics=True)
tables, residuals, snr = [], [], []
for image, mask, psf in zip(images, masks, psfs, strict=True):
    tables.append(fitter(image, psf, mask=mask, init_params=[place])[0])
    snr.append(fitter.fit_info[0]["snr"])
    model = fitter.make_model_image(image.shape, include_local_bkg=True)
    residuals.append((image - model) / fitter.fit_info[0]["sky_sigma"])
flagged = np.array([row["flags"] > 0 for row in tables])
for band, value, row in zip(bands, snr, tables, strict=True):
    print(
        f"{band}: S/N {value:5.1f}  {', '.join(flags.decode_flags([row['flags']])[0])}"
    )

# %%
# Galaxies, what the models leave of them (in noises of the sky, from -5 to 5), and the
# parameters against the wavelength. Open symbols have a flag, which tells where the S/N
# is too low, or where no Sersic profile is like what is seen.

figure = plt.figure(figsize=(11, 6.4), layout="constrained")
upper, lower = figure.subfigures(2, 1, height_ratios=(1, 1.25), hspace=0.04)
grid = upper.subplots(2, 9)
middle = np.s_[place[1] - 20 : place[1] + 21, place[0] - 20 : place[0] + 21]
for axis, band, image in zip(grid[0], bands, images, strict=True):
    sky, noise = np.median(image), mad_std(image)
    style = {"vmin": sky - 2 * noise, "vmax": sky + 9 * noise}
    axis.imshow(
        gaussian_filter(image, 0.8)[middle], origin="lower", cmap="cividis", **style
    )
    axis.set_title(band, fontsize=14)
for axis, residual in zip(grid[1], residuals, strict=True):
    axis.imshow(residual[middle], origin="lower", cmap="PuOr_r", vmin=-5, vmax=5)
for axis in grid.flat:
    axis.set(xticks=[], yticks=[])
grid[0, 0].set_ylabel("image")
grid[1, 0].set_ylabel("residual")

labels = {
    "mag": "magnitude (AB)",
    "r_eff_sky": r"$R_\mathrm{eff}$ (arcsec)",
    "n": "Sérsic index",
}
for axis, (name, label) in zip(lower.subplots(1, 3), labels.items(), strict=True):
    value, error = (
        np.array([getattr(row[f"{name}_{kind}"], "value", row[f"{name}_{kind}"])
                  for row in tables])
        for kind in ("fit", "err")
    )  # fmt: skip
    axis.errorbar(
        wavelength, value, error, fmt="none", ecolor="0.4", capsize=3, zorder=1,
    )  # fmt: skip
    axis.plot(wavelength, value, color="0.7", linewidth=1, zorder=1)
    axis.scatter(
        wavelength, value, 60, c=np.where(flagged, "w", "#0072B2"), edgecolors="k",
    )  # fmt: skip
    for band, x, y in zip(bands, wavelength, value, strict=True):
        axis.annotate(
            band, (x, y), xytext=(6, 5), textcoords="offset points", fontsize=11
        )
    axis.set(xscale="log", xlim=(310, 2700), xlabel="wavelength (nm)", ylabel=label)
    axis.set_xticks([400, 600, 1000, 2000], ["400", "600", "1000", "2000"])
    axis.tick_params(axis="x", which="minor", labelbottom=False)
    if name == "mag":
        axis.invert_yaxis()
    else:
        axis.set_ylim(0, 1.4 * value.max())
figure.suptitle(f"{shown} in nine bands", fontsize=14)
plt.show()
