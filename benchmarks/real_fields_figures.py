# Licensed under a 3-clause BSD style license - see LICENSE
"""Figures of real fields: image, model and residual; comparisons of magnitudes."""

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import AsinhNorm, to_rgb
from matplotlib.ticker import NullFormatter
from PIL import Image
from real_fields_measure import is_star

__all__ = ["draw_comparison", "draw_fields", "draw_pipeline"]

# Blue and orange are told apart with every kind of colour blindness; so are the signs.
GALAXY = {"marker": "o", "edgecolors": "#56b4e9", "facecolors": "none"}
STAR = {"marker": "s", "edgecolors": "#e69f00", "facecolors": "none"}
PANELS = ("image", "model", "residual")
COLOURS = ("#56b4e9", "#e69f00", "#0072b2", "#d55e00")
DPI, HIGH = 76, 400.0


def draw_fields(scenes, path, part=None):
    """
    Draw scenes below each other, each with the same asinh stretch in all panels.

    Parameters
    ----------
    scenes : list of `~real_fields_measure.Scene`
    path : path-like
    part : tuple of slice, optional
        Rows and columns that are shown.
    """
    figure, axes = plt.subplots(
        len(scenes), 3, figsize=(9.6, 3.3 * len(scenes)), squeeze=False,
        layout="constrained",
    )  # fmt: skip
    for row, scene in zip(axes, scenes, strict=True):
        _draw_scene(row, scene, part)
    for axis, title in zip(axes[0], PANELS, strict=True):
        axis.set_title(title)
    figure.legend(
        *axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=2,
        frameon=False,
    )  # fmt: skip
    _save(figure, path)


def _draw_scene(row, scene, part):
    rows, columns = part or (slice(None), slice(None))
    noise = np.nanmedian(scene.found.noise[np.isfinite(scene.found.noise)])
    norm = AsinhNorm(2 * noise, -3 * noise, HIGH * noise)
    for axis, values in zip(
        row, (scene.data, scene.model, scene.residual), strict=True
    ):
        axis.imshow(
            values[rows, columns], origin="lower", cmap="gray_r", norm=norm,
            interpolation="nearest",
        )  # fmt: skip
        axis.set(xticks=[], yticks=[])
    stars = is_star(scene.table)
    x = np.asarray(scene.table["x_fit"]) - (columns.start or 0)
    y = np.asarray(scene.table["y_fit"]) - (rows.start or 0)
    shape = scene.data[rows, columns].shape
    inside = (x > 0) & (y > 0) & (x < shape[1] - 1) & (y < shape[0] - 1)
    for chosen, style, name in ((~stars, GALAXY, "galaxy"), (stars, STAR, "star")):
        chosen = chosen & inside
        row[0].scatter(x[chosen], y[chosen], s=22, linewidths=0.7, label=name, **style)
    row[0].set_ylabel(scene.field.name)


def draw_comparison(table, path):
    """HSC against HST, parameter by parameter, for the objects found in both."""
    names = ("mag", "r_eff", "n", "q", "pa")
    titles = ("magnitude less the median", "R_eff (arcsec)", "n", "q", "PA (degrees)")
    figure, axes = plt.subplots(1, 5, figsize=(12, 2.9), layout="constrained")
    for axis, name, title in zip(axes, names, titles, strict=True):
        hsc, hst = (
            np.array([row[survey][name] for row in table], float)
            for survey in ("hsc", "hst")
        )
        errors = [
            np.array([row[survey][f"{name}_err"] for row in table], float)
            for survey in ("hst", "hsc")
        ]
        if name == "pa":
            hsc = hst + (hsc - hst + 90) % 180 - 90
        if name == "mag":
            # The zero-points are not known.
            hsc, hst = hsc - np.median(hsc), hst - np.median(hst)
        axis.errorbar(
            hst, hsc, xerr=errors[0], yerr=errors[1], fmt="o", ms=4, lw=0.9,
            color="#0072b2",
        )  # fmt: skip
        low, high = np.nanmin([hsc, hst]), np.nanmax([hsc, hst])
        margin = 0.1 * (high - low) + 1e-3
        for number, (x, y) in enumerate(zip(hst, hsc, strict=True), start=1):
            axis.annotate(
                str(number), (x, y), (3, 3), textcoords="offset points", fontsize=8
            )
        axis.axline((low, low), slope=1, color="0.6", lw=0.8, zorder=0)
        if name in ("r_eff", "n"):
            axis.set(xscale="log", yscale="log")
            for one in (axis.xaxis, axis.yaxis):
                one.set_minor_formatter(NullFormatter())
        else:
            axis.set(
                xlim=(low - margin, high + margin), ylim=(low - margin, high + margin)
            )
        axis.set(title=title, xlabel="HST")
    axes[0].set_ylabel("HSC")
    _save(figure, path)


def draw_pipeline(rows, path):
    """CModel and Kron magnitudes of the pipeline less ours, by band."""
    figure, axes = plt.subplots(
        2, 3, figsize=(9.6, 4.6), sharex=True, sharey=True, layout="constrained"
    )
    for axis_row, kind in zip(axes, ("cmodel", "kron"), strict=True):
        for axis, band in zip(axis_row, "gri", strict=True):
            chosen = [r for r in rows if r["band"] == band and r[kind] is not None]
            for is_good, style, name in (
                (True, {"color": "#0072b2", "marker": "o"}, "not flagged"),
                (False, {"color": "#d55e00", "marker": "x"}, "flagged"),
            ):
                own = [r for r in chosen if r["good"] == is_good]
                axis.scatter(
                    [r["mag"] for r in own],
                    [np.clip(r[kind] - r["mag"], -1.9, 1.9) for r in own],
                    s=18, label=name, **style,
                )  # fmt: skip
            axis.axhline(0, color="0.6", lw=0.8, zorder=0)
        name = {"cmodel": "CModel", "kron": "Kron"}[kind]
        axis_row[0].set_ylabel(f"{name} - ours (mag)")
    for axis, band in zip(axes[0], "gri", strict=True):
        axis.set_title(band)
    for axis in axes[1]:
        axis.set(xlabel="our magnitude", ylim=(-2, 2))
    axes[0, 0].legend(frameon=False, fontsize=8)
    _save(figure, path)


def _save(figure, path):
    """Write a picture of few greys and of the colours of the signs."""
    figure.savefig(path, dpi=DPI)
    plt.close(figure)
    greys = np.linspace(0, 255, 64)[:, None] * np.ones(3)
    mixed = [
        part * 255 * np.array(to_rgb(colour)) + (1 - part) * grey
        for colour in COLOURS
        for part in (0.4, 0.7, 1.0)
        for grey in (0, 128, 255)
    ]
    colours = np.vstack([greys, *mixed]).round().astype(int)
    palette = Image.new("P", (1, 1))
    palette.putpalette(colours.ravel().tolist())
    with Image.open(path) as picture:
        small = picture.convert("RGB").quantize(palette=palette, dither=0)
    small.save(path, optimize=True)
    print(f"drew {path.name}, {path.stat().st_size / 1e3:.0f} kB")
