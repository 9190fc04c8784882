# Licensed under a 3-clause BSD style license - see LICENSE
"""A PSF and the stars that it was made of."""

import numpy as np

from astro_cnnfit.figure_style import DIFFERENCE_MAP, ORANGE, axes_for

from .pixels import colour_bar, label_axes, show

__all__ = ["plot_psf"]


def plot_psf(psf, *, axes=None):
    """
    Draw a PSF that was made of stars, and the stars.

    Four panels: all candidates in the plane of magnitude and width, with those that
    were used; the PSF, on a logarithmic scale; what is left of the stars on average
    when it is subtracted; and the profile of stars and PSF.

    Parameters
    ----------
    psf : `~astro_cnnfit.psf.StarPSF`
        What `~astro_cnnfit.psf.psf_from_stars` returned.
    axes : sequence of four `~matplotlib.axes.Axes`, optional
        Where to draw. By default a new figure is made.

    Returns
    -------
    `~numpy.ndarray` of four `~matplotlib.axes.Axes`

    Raises
    ------
    ImportError
        If matplotlib is not installed: it comes with the extra ``plot``.
    TypeError
        If ``psf`` is something else.
    ValueError
        If ``axes`` are not four.
    """
    if not hasattr(psf, "centred") or not hasattr(psf, "stars"):
        raise TypeError(
            f"psf must be what psf_from_stars returns, got {type(psf).__name__}"
        )
    axes = axes_for(axes, 2, 2, figsize=(10, 8)).ravel()
    used = psf.stars["used"]
    size = psf.stamp.shape[0]
    # Each star's own PSF: where it varies, the middle's is not that of all.
    models = psf.at(psf.stars["x"][used], psf.stars["y"][used], size=size)
    _draw_locus(axes[0], psf.stars)
    _draw_stretched(axes[1], psf.stamp)
    residual = 100 * (psf.centred - models).mean(axis=0) / psf.stamp.max()
    limit = max(np.abs(residual).max(), 0.1)
    drawn = show(axes[2], residual, cmap=DIFFERENCE_MAP, vmin=-limit, vmax=limit)
    axes[2].set_title("mean residual")
    colour_bar(axes[2], drawn, "stars - PSF (% of the maximum)")
    for axis in axes[1:3]:
        label_axes([axis])
    _draw_profile(axes[3], psf)
    return axes


def _draw_locus(axis, stars):
    with np.errstate(invalid="ignore", divide="ignore"):
        magnitude = -2.5 * np.log10(np.asarray(stars["flux"]))
    width, used = np.asarray(stars["fwhm"]), np.asarray(stars["used"])
    kinds = [
        ("others", ~used, {"color": "0.6", "s": 8, "linewidths": 0}),
        ("used", used, {"color": ORANGE, "s": 18, "edgecolors": "k"}),
    ]
    for label, rows, style in kinds:
        axis.scatter(
            magnitude[rows], width[rows], label=f"{label} ({rows.sum()})",
            **{"linewidths": 0.5, **style},
        )  # fmt: skip
    axis.set_ylim(0, 4 * np.median(width[used]))
    axis.set_xlabel("magnitude (zero-point 0)")
    axis.set_ylabel("width (FWHM, pixels)")
    axis.set_title("candidates")
    axis.legend(loc="upper left")


def _draw_stretched(axis, stamp):
    from matplotlib.colors import LogNorm

    relative = stamp / stamp.max()
    norm = LogNorm(max(1e-5, np.percentile(np.abs(relative), 10)), 1, clip=True)
    drawn = show(axis, np.clip(relative, norm.vmin, 1), norm=norm)
    axis.set_title("PSF")
    colour_bar(axis, drawn, "of the maximum")


def _draw_profile(axis, psf):
    size = psf.stamp.shape[0]
    steps = np.arange(size) - size // 2
    radius = np.hypot(steps, steps[:, np.newaxis]).ravel()
    order = np.argsort(radius)
    top = psf.stamp.max()
    values = psf.centred.reshape(len(psf.centred), -1) / top
    low, middle, high = np.percentile(values, [16, 50, 84], axis=0)
    model = psf.stamp.ravel() / top
    axis.errorbar(
        radius, middle, [middle - low, high - middle], fmt=".", color="0.6",
        markersize=3, elinewidth=0.5, label="stars, median and 68 %",
    )  # fmt: skip
    axis.plot(radius[order], model[order], ".", color=ORANGE, ms=3, label="PSF")
    axis.set_yscale("log")
    axis.set_ylim(max(1e-5, np.percentile(np.abs(model), 5) / 3), 1.5)
    axis.set_xlabel("radius (pixels)")
    axis.set_ylabel("of the maximum")
    axis.set_title(f"profile, FWHM {psf.fwhm:.2f} pixels")
    axis.legend()
