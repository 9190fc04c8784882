# Licensed under a 3-clause BSD style license - see LICENSE
"""Figures of measured concentration and asymmetry."""

import numpy as np
from cas_statistics import nmad, statistics
from drawing import pyplot

__all__ = [
    "COLOURS",
    "draw_against",
    "draw_comparison",
    "draw_scatter_and_bias",
]

COLOURS = {
    "network": "C0",
    "bare": "C9",
    "combined": "k",
    "tohill2021": "C1",
    "statmorph": "C2",
    "casnet": "C3",
    "casnet_tuned": "C5",
    "reg": "C4",
}
LABELS = {"concentration": "C", "asymmetry": "A"}
_SCATTER = {"concentration": nmad, "asymmetry": np.std}


def draw_scatter_and_bias(kept, bins, path):
    """
    Draw scatter (NMAD of C, standard deviation of A) and bias against the S/N.

    Parameters
    ----------
    kept : dict
        By kind and bin, ``(labels, found)`` with what `measure_all` returns.
    bins : dict of tuple
        Range of S/N of each bin.
    path : path-like
    """
    plt = pyplot()
    figure, axes = plt.subplots(
        2 * len(kept), 2, figsize=(9, 5 * len(kept)), sharex=True, squeeze=False
    )
    middle = [np.sqrt(low * high) for low, high in bins.values()]
    for row, (kind, own) in enumerate(kept.items()):
        pairs = zip(("asymmetry", "concentration"), axes[2 * row : 2 * row + 2].T,
                    strict=True)  # fmt: skip
        for quantity, (upper, lower) in pairs:
            lines = _lines(own, quantity)
            for method, (scatter, bias) in lines.items():
                style = {"color": COLOURS.get(method), "marker": "o", "ms": 3}
                style["lw"] = 2 if method == "combined" else 1
                upper.plot(middle, scatter, label=method, **style)
                lower.plot(middle, bias, **style)
            label = LABELS[quantity]
            upper.set_ylabel(f"{'NMAD' if label == 'C' else 'std'} of {label}")
            upper.set_title(f"{label}, {kind} galaxies", fontsize=10)
            upper.set_yscale("log")
            lower.set_ylabel(f"mean bias of {label}")
            lower.axhline(0, color="0.7", lw=0.8, zorder=0)
            lower.set_xscale("log")
    axes[0, 0].legend(fontsize=7)
    for axis in axes[-1]:
        axis.set_xlabel("true S/N per pixel")
        axis.set_xticks([2, 5, 10, 20, 50], ["2", "5", "10", "20", "50"])
        axis.minorticks_off()
    figure.tight_layout()
    figure.savefig(path, dpi=90)
    plt.close(figure)


def _lines(own, quantity):
    """Scatter and bias in each bin, by method."""
    from cas_statistics import QUANTITIES

    place = QUANTITIES.index(quantity)
    lines = {}
    for labels, found in own.values():
        for method, measured in found.items():
            difference = measured.values[quantity] - labels[:, place]
            difference = difference[np.isfinite(difference)]
            scatter = _SCATTER[quantity](difference) if len(difference) > 9 else np.nan
            line = lines.setdefault(method, ([], []))
            line[0].append(scatter)
            line[1].append(statistics(difference)["bias"])
    return lines


def draw_comparison(pairs, path):
    """
    Draw pairs of measurements against each other, as the paper's Figures 5 and 6.

    Parameters
    ----------
    pairs : list of tuple
        ``(title, label of x, x, label of y, y)`` for each panel.
    path : path-like
    """
    plt = pyplot()
    columns = (len(pairs) + 1) // 2
    figure, axes = plt.subplots(2, columns, figsize=(3.2 * columns, 6.6))
    for axis, (title, xlabel, x, ylabel, y) in zip(axes.T.flat, pairs, strict=False):
        good = np.isfinite(x) & np.isfinite(y)
        x, y = x[good], y[good]
        limits = np.quantile(np.concatenate([x, y]), [0.002, 0.998])
        axis.hexbin(
            x, y, gridsize=40, extent=(*limits, *limits), bins="log", cmap="Greys"
        )
        axis.plot(limits, limits, "C1", lw=1)
        axis.set(xlim=limits, ylim=limits, xlabel=xlabel, ylabel=ylabel)
        axis.set_title(title, fontsize=9)
    figure.tight_layout()
    figure.savefig(path, dpi=90)
    plt.close(figure)


def draw_against(x, rows, path, xlabel, *, log=False):
    """
    Draw mean deviations with their scatter against S/N or redshift.

    Parameters
    ----------
    x : sequence of float
    rows : dict
        By quantity and method, (len(x), N) deviations, NaN where there is none.
    path : path-like
    xlabel : str
    log : bool
        Whether the x axis is logarithmic.
    """
    plt = pyplot()
    methods = list(dict.fromkeys(name for own in rows.values() for name in own))
    figure, axes = plt.subplots(
        len(methods), len(rows), figsize=(4.6 * len(rows), 2.3 * len(methods)),
        sharex=True, sharey="col", squeeze=False,
    )  # fmt: skip
    for column, (quantity, own) in zip(axes.T, rows.items(), strict=True):
        for axis, method in zip(column, methods, strict=True):
            if method in own:
                _deviations(axis, x, np.asarray(own[method]))
            axis.set_title(f"{quantity}, {method}", fontsize=9)
            axis.axhline(0, color="C1", lw=0.8)
            if log:
                axis.set_xscale("log")
        spread = [np.nanstd(values) for values in own.values()]
        reach = 3 * np.nanmax(spread) or 1
        column[0].set_ylim(-reach, reach)
        column[-1].set_xlabel(xlabel)
    figure.tight_layout()
    figure.savefig(path, dpi=90)
    plt.close(figure)


def _deviations(axis, x, values):
    """Single galaxies faintly, mean with scatter, median."""
    axis.plot(x, values[:, :40], color="0.85", lw=0.5, zorder=0)
    rows = np.isfinite(values).any(axis=1)
    x, values = np.asarray(x)[rows], values[rows]
    mean, std = np.nanmean(values, axis=1), np.nanstd(values, axis=1)
    axis.errorbar(x, mean, std, fmt="ko", ms=4, capsize=2)
    axis.plot(x, np.nanmedian(values, axis=1), "o", mfc="w", mec="C0", ms=4)
