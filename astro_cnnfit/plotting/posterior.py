# Licensed under a 3-clause BSD style license - see LICENSE
"""The posterior of one galaxy: each parameter, and each against each other."""

import numpy as np
from scipy.ndimage import gaussian_filter

from astro_cnnfit.figure_style import BLUE, ORANGE, axes_for

from .naming import QUANTITIES, column_of, find_key, label_of

__all__ = ["plot_posterior"]

_NAMES = ("x", "y", "flux", "r_eff", "n", "ellip", "theta")
_LEVELS = (0.95, 0.68)
_BINS, _SMOOTHED = 40, 1.6
_NOT_MEASURED = "row must be that of a galaxy that was measured, got {}"
# Axes end where so many of the draws lie beyond, with a margin.
_TAIL, _MARGIN = 0.2, 0.15


def plot_posterior(fit, *, row=0, names=None, truth=None, n=20_000, seed=0, axes=None):
    """
    Draw the posterior of one galaxy as a corner of panels.

    On the diagonal is the distribution of each parameter, with its median and the
    interval of 68 % above it; below it, regions that hold 68 % and 95 % of the
    posterior in each pair of parameters.

    Parameters
    ----------
    fit : `~astro_cnnfit.CNNSersicFitter` or `~astropy.table.Table`
        A fitter after its call, or the draws that its ``sample`` returned, which have
        magnitudes and sizes on the sky as well.
    row : int
        Which galaxy.
    names : sequence of str, optional
        Parameters, ``x, y, flux, r_eff, n, ellip, theta`` by default.
    truth : mapping or `~astropy.table.Row`, optional
        Values to mark, ``{"r_eff": 6.0, "n": 3.0}``, in the units of the axes; angles
        without a unit in degrees. Those that it does not have are not marked.
    n : int
        Draws from a fitter's posterior.
    seed : int or `numpy.random.Generator`
        Of the draws.
    axes : array_like of `~matplotlib.axes.Axes`, optional
        Where to draw, as many in a row as in a column. By default a new figure is
        made.

    Returns
    -------
    `~numpy.ndarray` of `~matplotlib.axes.Axes`
        (k, k) for k parameters. Those above the diagonal are not visible.

    Raises
    ------
    ImportError
        If matplotlib is not installed: it comes with the extra ``plot``.
    ValueError
        If the fitter was not called before, ``row`` was not measured, a name is
        unknown or ``axes`` are not k times k.

    Notes
    -----
    Draws are those of `~astro_cnnfit.CNNSersicFitter.sample`: Gaussian in the latent
    parameters. Angles are drawn about their mean and may leave the range of 180
    degrees.
    """
    table, row = _draws(fit, row, n, seed)
    names = [name for name in _NAMES if find_key(table, name)] if not names else names
    columns = [_of_galaxy(table, name, row) for name in names]
    count = len(names)
    axes = axes_for(
        axes, count, count, figsize=(1.6 * count + 0.6,) * 2, layout=None,
        gridspec_kw={
            "hspace": 0.06, "wspace": 0.06, "left": 0.09, "right": 0.98,
            "bottom": 0.09, "top": 0.955,
        },
    ).reshape(count, count)  # fmt: skip
    marked = [_truth(truth, name) for name in names]
    limits = [_limits(values) for values, _ in columns]
    for i, (values, _) in enumerate(columns):
        _draw_one(axes[i, i], values, limits[i], marked[i])
        for j in range(i):
            _draw_pair(axes[i, j], columns[j][0], values, limits[j], limits[i])
            _mark(axes[i, j], marked[j], marked[i])
        for axis in axes[i, i + 1 :]:
            axis.set_visible(False)
    _label(
        axes, [label_of(n, unit) for n, (_, unit) in zip(names, columns, strict=True)]
    )
    return axes


def _draws(fit, row, n, seed):
    """Table of draws, and which of its rows."""
    if not hasattr(fit, "fit_info"):
        return fit, row
    from astro_cnnfit.sersic.posterior import draw_parameters, draw_table

    if fit.fit_info is None:
        raise ValueError(
            "plot_posterior needs results: call the fitter with data first"
        )
    info = fit.fit_info[row]
    if not np.isfinite(info["latent_cov"]).all():
        raise ValueError(_NOT_MEASURED.format(row))
    latent, covariance = info["latent_values"][None], info["latent_cov"][None]
    params = draw_parameters(latent, covariance, n, np.random.default_rng(seed))
    unit = getattr(fit.results["flux_fit"], "unit", None)
    return draw_table(params, [0], unit=unit), 0


def _of_galaxy(table, name, row):
    """Draws of one parameter of one galaxy, and their unit."""
    values, unit = column_of(table, name, "fit")
    if values.ndim != 2:
        raise ValueError(
            f"fit must hold draws of shape (rows, n), got {values.shape} for {name!r}"
        )
    values = values[row]
    if not np.isfinite(values).all():
        raise ValueError(_NOT_MEASURED.format(row))
    period = name in QUANTITIES and QUANTITIES[name].period
    if period:
        turn = np.exp(2j * np.pi * values / period).mean()
        mean = np.angle(turn) / (2 * np.pi) * period % period
        values = (values - mean + period / 2) % period + mean - period / 2
    return values, unit


def _truth(truth, name):
    if truth is None or find_key(truth, name) is None:
        return np.nan
    return float(column_of(truth, name, "truth")[0])


def _limits(values):
    low, high = np.percentile(values, [_TAIL, 100 - _TAIL])
    margin = _MARGIN * (high - low) or 0.5
    return low - margin, high + margin


def _draw_one(axis, values, limits, truth):
    bins = {"bins": _BINS, "range": limits, "color": BLUE}
    axis.hist(values, histtype="stepfilled", alpha=0.3, **bins)
    axis.hist(values, histtype="step", **bins)
    low, middle, high = np.percentile(values, [16, 50, 84])
    for place in (low, middle, high):
        axis.axvline(place, color="0.2", linestyle=":", linewidth=1)
    if np.isfinite(truth):
        axis.axvline(truth, color=ORANGE, linewidth=1.5)
    axis.set(xlim=limits, yticks=[])
    axis.set_title(_interval(low, middle, high), fontsize=11, pad=5)


def _interval(low, middle, high):
    """Median and interval, to two digits of the smaller side."""
    least = min(high - middle, middle - low)
    places = int(1 - np.floor(np.log10(least))) if least > 0 else 0
    numbers = (
        f"{round(value, places):.{max(0, places)}f}"
        for value in (middle, high - middle, middle - low)
    )
    return "${}^{{+{}}}_{{-{}}}$".format(*numbers)


def _draw_pair(axis, x, y, x_limits, y_limits):
    density, x_edges, y_edges = np.histogram2d(x, y, _BINS, [x_limits, y_limits])
    density = gaussian_filter(density.T, _SMOOTHED)
    ordered = np.sort(density, axis=None)[::-1]
    within = np.cumsum(ordered) / ordered.sum()
    levels = [ordered[np.searchsorted(within, level)] for level in _LEVELS]
    if levels[0] < levels[1] < density.max():
        centres = [(edges[1:] + edges[:-1]) / 2 for edges in (x_edges, y_edges)]
        for level, alpha in zip(levels, (0.25, 0.35), strict=True):
            axis.contourf(
                *centres, density, [level, density.max()], colors=BLUE, alpha=alpha
            )
        axis.contour(*centres, density, levels, colors=BLUE, linewidths=0.8)
    axis.set(xlim=x_limits, ylim=y_limits)


def _mark(axis, x, y):
    if np.isfinite(x):
        axis.axvline(x, color=ORANGE, linewidth=1)
    if np.isfinite(y):
        axis.axhline(y, color=ORANGE, linewidth=1)
    if np.isfinite(x) and np.isfinite(y):
        axis.plot(x, y, "s", color=ORANGE, markersize=4)


def _label(axes, labels):
    """Ticks and labels at the left and the bottom alone."""
    from matplotlib.ticker import MaxNLocator

    last = len(labels) - 1
    for i, j in zip(*np.tril_indices(last + 1), strict=True):
        axis = axes[i, j]
        axis.xaxis.set_major_locator(MaxNLocator(3, prune="both"))
        if i != j:
            axis.yaxis.set_major_locator(MaxNLocator(3, prune="both"))
        axis.tick_params(labelsize=9, labelbottom=i == last, labelleft=j == 0 < i)
        axis.tick_params(axis="x", labelrotation=45)
        if i == last:
            axis.set_xlabel(labels[j], fontsize=11)
        if j == 0 < i:
            axis.set_ylabel(labels[i], fontsize=11)
        axis.xaxis.set_label_coords(0.5, -0.42)
        axis.yaxis.set_label_coords(-0.42, 0.5)
