# Licensed under a 3-clause BSD style license - see LICENSE
"""Measured against true values, as Figure 3 of GaLNets I."""

import numpy as np

from .metrics import binned_errors, nmad, outlier_fraction, r2
from .published import COLUMNS
from .summary import paper_columns

__all__ = ["plot_sersic_comparison"]

_LABELS = {
    "x": "x (arcsec)",
    "y": "y (arcsec)",
    "mag": "magnitude",
    "r_eff": r"$R_\mathrm{eff}$ (arcsec)",
    "pa": "PA (deg)",
    "q": "axis ratio q",
    "n": "Sersic index n",
}


def plot_sersic_comparison(
    pred, true, *, pixel_scale=0.2, zeropoint=30.0, bins=5, title=None
):
    """
    Draw measured against true parameters, binned, with their scatter.

    Parameters
    ----------
    pred, true : array_like, shape (N, 7)
        Measured and true physical parameters, in the order of
        `astro_cnnfit.parameters.NAMES`.
    pixel_scale, zeropoint : float
        As for `~astro_cnnfit.evaluation.summary.sersic_summary`.
    bins : int
        Bins of equal width; the paper has five.
    title : str, optional
        Title of the figure.

    Returns
    -------
    `matplotlib.figure.Figure`
        A panel per parameter: all galaxies as a density, the mean of each bin
        with the error of Eq. 10, and the relative error beside it (the error
        itself for magnitudes, as in the paper's Figure 3).
    """
    from matplotlib.figure import Figure

    pred = paper_columns(pred, pixel_scale, zeropoint)
    true = paper_columns(true, pixel_scale, zeropoint)
    figure = Figure(figsize=(14, 7), layout="constrained")
    axes = figure.subplots(2, 4).ravel()
    for name, axis in zip(COLUMNS, axes, strict=False):
        _draw_panel(axis, pred[name], true[name], name, bins)
    axes[-1].axis("off")
    if title:
        figure.suptitle(title)
    return figure


def _draw_panel(axis, pred, true, name, bins):
    low, high = true.min(), true.max()
    if not high > low:
        low, high = low - 0.5, high + 0.5
    margin = 0.05 * (high - low)
    limits = (low - margin, high + margin)
    shown = np.clip(pred, *limits)
    axis.hexbin(
        true, shown, gridsize=60, bins="log", mincnt=1, cmap="Blues",
        extent=(*limits, *limits),
    )  # fmt: skip
    axis.plot(limits, limits, color="0.4", linewidth=0.8)
    errors = binned_errors(pred, true, bins=bins, value_range=(low, high))
    filled = errors[errors["count"] > 1]
    axis.errorbar(
        filled["true_mean"], filled["pred_mean"], yerr=filled["error"],
        fmt="o", color="C3", markersize=4, capsize=3,
    )  # fmt: skip
    for row in filled:
        label = row["error" if name == "mag" else "relative_error"]
        axis.annotate(
            f"{label:.3f}", (row["true_mean"], row["pred_mean"]), fontsize=7,
            xytext=(5, -10), textcoords="offset points", color="C3",
        )  # fmt: skip
    statistics = (
        f"$R^2$ {r2(pred, true):.4f}\n"
        f"outliers {outlier_fraction(pred, true):.3f}\n"
        f"NMAD {nmad(pred, true):.4f}"
    )
    axis.text(0.04, 0.96, statistics, transform=axis.transAxes, va="top", fontsize=8)
    axis.set(
        xlabel=f"true {_LABELS[name]}", ylabel=f"measured {_LABELS[name]}",
        xlim=limits, ylim=limits,
    )  # fmt: skip
