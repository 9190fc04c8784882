# Licensed under a 3-clause BSD style license - see LICENSE
"""
The plane of concentration and asymmetry
========================================

Where do spheroids, discs and disturbed galaxies lie? Spheroids are concentrated and
symmetric, discs less concentrated, and a galaxy with A above 0.35 is often a merger
(`Conselice 2003 <https://doi.org/10.1086/375001>`_).
"""

import matplotlib.pyplot as plt
import numpy as np
from astropy.io import fits
from astropy.visualization import simple_norm
from scipy.ndimage import gaussian_filter

from astro_cnnfit import CNNCASMeasurer, flags
from astro_cnnfit.simulation import draw_procedural, find_data

# %%
# Six galaxies that are near or bright, and many of the COSMOS field as HST sees them in
# F814W. Where there are no images, galaxies from procedures take their place.

NAMED = {
    "NGC 5585 (late spiral)": "nearby/ngc5585_R_frei.fits",
    "edge-on disc (SDSS)": "nearby/sdss_edge_on.fits",
    "spiral in A2744 (HST)": "hst_a2744/abell_2744_spiral_galaxy_f105w.fits.gz",
    "IC 3478 (dwarf elliptical)": "nearby/ic3478rss_256.fits",
    "galaxy seen by HSC": "hsc_decals_galaxies/gal2_im.npy",
    "NGC 3073 (S0)": "nearby/n3073rss_small.fits",
}


def read(path):
    image = np.load(path) if path.suffix == ".npy" else fits.getdata(path)
    return image.astype(float)


def simulate(rng, n, faintest):
    stamps, _ = draw_procedural(rng, n)
    peaks = 10 ** rng.uniform(*np.log10([faintest, 20 * faintest]), n)
    stamps *= (peaks / stamps.max(axis=(1, 2)))[:, None, None]
    return list(stamps + rng.normal(0, 1, stamps.shape))


folder, rng = find_data(), np.random.default_rng(6)
if folder is None:
    shown = "simulated galaxies"
    named = {f"simulated {n}": image for n, image in enumerate(simulate(rng, 6, 50))}
    others = simulate(rng, 50, 10)
else:
    shown = "galaxies of COSMOS"
    named = {name: read(folder / path) for name, path in NAMED.items()}
    path = folder / "cosmos_f814w" / "real_galaxy_images_extension.fits"
    with fits.open(path) as hdus:
        others = [hdu.data.astype(float) for hdu in hdus if min(hdu.shape) > 44]

# %%
# The galaxy is the brightest of its image when that is smoothed, or, in COSMOS, alone.
# Of COSMOS, galaxies with a flag that says that they are not to be used are left out.

measurer, alone = CNNCASMeasurer(), CNNCASMeasurer(clean=False)


def brightest(image):
    smooth = gaussian_filter(image, 3)
    y, x = np.unravel_index(np.argmax(smooth), smooth.shape)
    return [(x, y)]


rows = [measurer(image, init_params=brightest(image))[0] for image in named.values()]
for name, row in zip(named, rows, strict=True):
    print(f"{name:28s} C {row['concentration']:.2f}   A {row['asymmetry']:.2f}")
crowd = [alone(image)[0] for image in others]
crowd = [row for row in crowd if row["flags"] & flags.MORPHOLOGY_CUT == 0]
print(f"{len(crowd)} {shown}")

# %%
# Letters say where in the plane the galaxies at the sides are.

figure = plt.figure(figsize=(11, 5.6), layout="constrained")
panels = figure.subplot_mosaic(
    [["0", "plane", "3"], ["1", "plane", "4"], ["2", "plane", "5"]],
    width_ratios=(1, 2.3, 1),
)
plane = panels.pop("plane")


def columns(rows, *names):
    return (np.array([row[name] for row in rows]) for name in names)


c, a, c_err, a_err = columns(
    crowd, "concentration", "asymmetry", "concentration_err", "asymmetry_err"
)
plane.errorbar(
    c, a, a_err, c_err, fmt="o", color="0.6", markersize=5, elinewidth=0.6,
    label=f"{len(crowd)} {shown}",
)  # fmt: skip
plane.axhline(0.35, color="0.3", linestyle="--", linewidth=1)
plane.text(0.99, 0.36, "mergers", transform=plane.get_yaxis_transform(), ha="right")
plane.set(xlabel="concentration $C$", ylabel="asymmetry $A$")
plane.legend(loc="upper right")

c, a = columns(rows, "concentration", "asymmetry")
for place, galaxy in enumerate(np.argsort(c)):
    panel, letter = panels[str(place)], "abcdef"[place]
    name = list(named)[galaxy]
    norm = simple_norm(named[name], "asinh", percent=99.7)
    panel.imshow(named[name], origin="lower", cmap="cividis", norm=norm)
    panel.set(xticks=[], yticks=[])
    panel.set_title(f"{letter}: {name}", fontsize=11)
    plane.plot(c[galaxy], a[galaxy], "o", color="#D55E00", markersize=18, zorder=4)
    plane.annotate(
        letter, (c[galaxy], a[galaxy]), color="w", weight="bold", fontsize=12,
        ha="center", va="center_baseline", zorder=5,
    )  # fmt: skip
plt.show()
