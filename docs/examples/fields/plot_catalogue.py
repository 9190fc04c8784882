# Licensed under a 3-clause BSD style license - see LICENSE
"""
From tiles to a catalogue
=========================

How does a survey of many tiles become one table? Tiles and positions go in, a Parquet
data set with units comes out; the same call runs on a laptop and on a cluster.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from astropy.io import fits
from astropy.table import QTable, vstack
from astropy.wcs import WCS

from astro_cnnfit.catalog import measure_catalog
from astro_cnnfit.simulation import simulate_field

# %%
# A small survey: twelve tiles beside each other on the sky, each with its image, its
# PSF and a zero-point in its header, and one catalogue of positions.

SIDE, SCALE = 180, 0.2 / 3600
folder = Path(tempfile.mkdtemp())
for name in ("tiles", "psfs"):
    (folder / name).mkdir()
positions = []
for tile in range(12):
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = "RA---TAN", "DEC--TAN"
    wcs.wcs.crval, wcs.wcs.cdelt = (150.0, 2.0), (-SCALE, SCALE)
    column, row = tile % 4, tile // 4
    wcs.wcs.crpix = SIDE * (2 - column) + 0.5, SIDE * (1.5 - row) + 0.5
    field = simulate_field((SIDE, SIDE), density=1.5, limit=24.5, seed=tile)
    header = wcs.to_header()
    header["MAGZERO"] = 30.0
    fits.writeto(folder / f"tiles/t{tile:02d}.fits", field.image.astype("f4"), header)
    fits.writeto(folder / f"psfs/t{tile:02d}.fits", field.psf)
    bright = field.truth[(field.truth["snr"] > 15) & ~field.truth["is_star"]]
    sky = wcs.pixel_to_world(bright["x_0"], bright["y_0"])
    positions.append(QTable({"ra": sky.ra, "dec": sky.dec, "true_mag": bright["mag"]}))
positions = vstack(positions)
positions["id"] = np.arange(len(positions))

# %%
# ``client="serial"`` measures in this process; without it every core takes part.

run = measure_catalog(
    folder / "tiles", positions, psf=f"{folder}/psfs/{{stem}}.fits",
    zeropoint="MAGZERO", output=folder / "measured", client="serial",
)  # fmt: skip
table = run.table()
table = table[np.isfinite(table["mag_fit"])]
print(f"{run.summary['rows']} galaxies measured, {run.summary['failed_rows']} failed")

# %%
# The sky, with symbols as large as the galaxies' light and colours for their sizes; and
# how many there are of each magnitude.

figure, (sky, counts) = plt.subplots(
    1, 2, figsize=(11, 4.1), width_ratios=(1.7, 1), layout="constrained"
)
drawn = sky.scatter(
    table["ra"].to_value("deg"), table["dec"].to_value("deg"),
    s=4 * (26 - table["mag_fit"].value) ** 2,
    c=table["r_eff_sky_fit"].to_value("arcsec"), cmap="cividis", norm="log",
    edgecolors="k", linewidths=0.4,
)  # fmt: skip
figure.colorbar(drawn, ax=sky, label=r"$R_\mathrm{eff}$ (arcsec)",
                ticks=[0.2, 0.5, 1, 2], format="%g").minorticks_off()  # fmt: skip
sky.invert_xaxis()
sky.ticklabel_format(useOffset=False)
sky.locator_params(axis="x", nbins=5)
sky.set(xlabel="right ascension (deg)", ylabel="declination (deg)", aspect="equal")
sky.set_title(f"{len(table)} galaxies on {len(set(table['tile']))} tiles")

bins = np.arange(17, 25.6, 0.5)
style = {"bins": bins, "histtype": "step", "linewidth": 2}
counts.hist(positions["true_mag"], color="k", linestyle="--", label="true", **style)
counts.hist(table["mag_fit"].value, color="#0072B2", label="measured", **style)
counts.set(xlabel="magnitude", ylabel="galaxies per half magnitude")
counts.legend(loc="upper left")
plt.show()
