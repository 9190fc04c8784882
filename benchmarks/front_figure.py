# Licensed under a 3-clause BSD style license - see LICENSE
"""
Draw the figure at the head of the documentation: a real field, its model, what is left.

It is a part of the Legacy Survey in r, found and measured without any setting. Run ::

    ASTRO_CNNFIT_TEST_DATA=FOLDER python benchmarks/front_figure.py

which writes ``docs/_static/front.png``.
"""

from pathlib import Path

import numpy as np
from astropy.visualization import AsinhStretch, ImageNormalize
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse
from real_fields_data import load
from real_fields_measure import measure

from astro_cnnfit.simulation import find_data

OUTPUT = Path(__file__).parents[1] / "docs" / "_static" / "front.png"
GALAXY, STAR = "#56B4E9", "#E69F00"


def main():
    """Measure the field and draw it."""
    folder = find_data()
    if folder is None:
        raise SystemExit("ASTRO_CNNFIT_TEST_DATA must name the folder of real images")
    field = next(one for one in load(folder, ["decals"]) if one.name.endswith(" r"))
    scene = measure(field)
    noise = np.nanmedian(abs(scene.residual)) * 1.4826
    norm = ImageNormalize(
        vmin=-4 * noise, vmax=150 * noise, stretch=AsinhStretch(0.03), clip=True
    )
    figure = Figure(figsize=(10, 3.6), layout="constrained")
    axes = figure.subplots(1, 3)
    images = {
        f"image: {len(scene.table)} objects found": scene.data,
        "model: one Sersic profile or PSF each": scene.model,
        "what is left": scene.residual,
    }
    for axis, (title, image) in zip(axes, images.items(), strict=True):
        axis.imshow(image, norm=norm, origin="lower", cmap="gray_r", rasterized=True)
        axis.set_title(title, fontsize=11)
        axis.set(xticks=[], yticks=[])
    for row in scene.table:
        _outline(axes[0], row)
    height, width = scene.data.shape
    axes[0].set(xlim=(-0.5, width - 0.5), ylim=(-0.5, height - 0.5))
    figure.savefig(OUTPUT, dpi=110)


def _outline(axis, row):
    """Half-light ellipse of a galaxy, a small square for a star."""
    place = row["x_fit"], row["y_fit"]
    if row["point_like_prob"] > 0.5:
        axis.plot(*place, "s", ms=5, mfc="none", mec=STAR, mew=0.8)
        return
    axes = 2 * row["r_eff_fit"] * np.array([1, 1 - row["ellip_fit"]])
    angle = row["theta_fit"].to_value("deg")
    axis.add_patch(
        Ellipse(place, *np.maximum(axes, 4), angle=angle, fill=False, ec=GALAXY, lw=1)
    )


if __name__ == "__main__":
    main()
