# Licensed under a 3-clause BSD style license - see LICENSE
"""Measured values against true ones, or against those of another table."""

import numpy as np

from astro_cnnfit.figure_style import BLUE, ORANGE, axes_for, pyplot

from .naming import QUANTITIES, Quantity, column_of, find_key, label_of

__all__ = ["plot_comparison"]

# From so many points on, they are drawn as a density.
_MANY = 2000
# Most panels side by side in a new figure.
_COLUMNS = 4
# A bin needs so many points for its scatter to say something.
_LEAST = 5
# Axes of differences end at so many NMAD.
_REACH = 5.0


def plot_comparison(
    measured, reference, *, names=None, bins=6, labels=("reference", "measured"),
    axes=None,
):  # fmt: skip
    """
    Draw measured values against true ones, parameter by parameter.

    The upper panel of each parameter has the one against the other and the line of
    equality, the lower one their difference, with the median and the NMAD of each bin
    (equal numbers of points) and those of all written in.

    Parameters
    ----------
    measured : `~astropy.table.Table` or mapping of str to array_like
        What was measured, (N,) each, such as the table of a fitter.
    reference : `~astropy.table.Table` or mapping of str to array_like
        The truth, or what somebody else measured, row by row of the same N galaxies.
    names : sequence of str, optional
        Quantities, ``('mag', 'r_eff', 'n')``. ``r_eff`` stands for the column
        ``r_eff_fit`` or ``r_eff``, ``x`` also for ``x_0``. By default those of a Sersic
        profile and of morphology that both tables have.
    bins : int
        Most bins of a parameter.
    labels : tuple of str
        What ``reference`` and ``measured`` are called on the axes.
    axes : array_like of `~matplotlib.axes.Axes`, optional
        Where to draw, two for each of k parameters: all upper ones, then all lower
        ones. By default a new figure is made.

    Returns
    -------
    `~numpy.ndarray` of `~matplotlib.axes.Axes`
        (2, k): the upper panels and the lower ones.

    Raises
    ------
    ImportError
        If matplotlib is not installed: it comes with the extra ``plot``.
    ValueError
        If the tables differ in length, a column or all its values are missing, units
        do not go together or ``axes`` are not 2 k.

    Notes
    -----
    Differences of fluxes, radii and indices are relative, (measured - reference) /
    reference, and their axes logarithmic; those of angles lie within 90 degrees. NMAD
    is 1.4826 times the median absolute deviation of the differences from their
    median. Rows in which a value is not finite (or not positive, where axes are
    logarithmic) are left out, and how many are left is written.
    """
    names = _names(measured, reference) if names is None else list(names)
    pairs = [_pair(measured, reference, name) for name in names]
    if axes is None:
        axes = _new_axes(len(names))
    axes = axes_for(axes, 2, len(names), figsize=None)
    for axis, name, (x, y, unit, total) in zip(axes.T, names, pairs, strict=True):
        known = QUANTITIES.get(name, Quantity(name))
        _draw_values(axis[0], x, y, known.relative)
        difference = _difference(x, y, known)
        _draw_difference(axis[1], x, difference, bins)
        label = label_of(name, unit)
        axis[0].set_ylabel(f"{labels[1]} {label}")
        axis[1].set_xlabel(f"{labels[0]} {label}")
        axis[1].set_ylabel("difference" + (" (relative)" if known.relative else ""))
        if known.relative:
            axis[1].set_xscale("log")
            for scale in (axis[0].xaxis, axis[0].yaxis, axis[1].xaxis):
                _plain_ticks(scale)
        axis[1].set_xlim(axis[0].get_xlim())
        axis[0].tick_params(labelbottom=False)
        _write(axis[0], difference, total)
    return axes


def _names(measured, reference):
    names = [n for n in QUANTITIES if find_key(measured, n) and find_key(reference, n)]
    if not names:
        raise ValueError("measured and reference must have a quantity in common")
    return names


def _new_axes(count):
    """Pairs of panels, some beside each other, (2, count)."""
    blocks = -(-count // _COLUMNS)
    columns = -(-count // blocks)
    figure = pyplot().figure(
        figsize=(3.1 * columns, 4.5 * blocks), layout="constrained"
    )
    grid = figure.add_gridspec(2 * blocks, columns, height_ratios=(2, 1) * blocks)
    axes = np.empty((2, count), dtype=object)
    for place in range(count):
        block, column = divmod(place, columns)
        for part in (0, 1):
            axes[part, place] = figure.add_subplot(grid[2 * block + part, column])
    return axes


def _pair(measured, reference, name):
    """Values of both tables in one unit, that unit, and how many rows there were."""
    y, unit_y = column_of(measured, name, "measured")
    x, unit_x = column_of(reference, name, "reference")
    if x.ndim != 1 or x.shape != y.shape:
        raise ValueError(
            "measured and reference must have the same number of rows, got "
            f"{y.shape} and {x.shape} for {name!r}"
        )
    if unit_x is not None and unit_y is not None:
        if not unit_y.is_equivalent(unit_x):
            raise ValueError(
                "measured and reference must have units that go together, got "
                f"{unit_y} and {unit_x} for {name!r}"
            )
        y = (y * unit_y).to_value(unit_x)
    good = np.isfinite(x) & np.isfinite(y)
    if name in QUANTITIES and QUANTITIES[name].relative:
        good &= (x > 0) & (y > 0)
    if not good.any():
        raise ValueError(f"measured and reference have no finite pair of {name!r}")
    unit = unit_y if unit_x is None else unit_x
    return x[good], y[good], unit, len(x)


def _difference(x, y, known):
    if known.relative:
        return y / x - 1
    if known.period:
        return (y - x + known.period / 2) % known.period - known.period / 2
    return y - x


def _draw_values(axis, x, y, logarithmic):
    both = np.concatenate([x, y])
    if logarithmic:
        axis.set(xscale="log", yscale="log")
        limits = np.exp(_padded(np.log(both)))
    else:
        limits = _padded(both)
    if len(x) < _MANY:
        axis.plot(x, y, ".", color=BLUE, markersize=4, alpha=0.6, markeredgewidth=0)
    else:
        scale = "log" if logarithmic else "linear"
        extent = np.log10(limits) if logarithmic else limits
        axis.hexbin(
            x, y, gridsize=60, bins="log", mincnt=1, cmap="Blues", linewidths=0.1,
            xscale=scale, yscale=scale, extent=(*extent, *extent),
        )  # fmt: skip
    axis.plot(limits, limits, color="0.2", linewidth=0.8)
    axis.set(xlim=limits, ylim=limits)


def _plain_ticks(scale):
    """Few numbers, without powers of ten as far as they are short."""
    from matplotlib.ticker import LogLocator, NullFormatter

    low, high = scale.get_view_interval()
    steps = (1, 2, 5) if high / low < 100 else (1,)
    scale.set_major_locator(LogLocator(subs=steps))
    if high < 1e5 and low > 1e-4:
        scale.set_major_formatter("{x:g}")
    scale.set_minor_formatter(NullFormatter())


def _padded(values):
    low, high = values.min(), values.max()
    margin = 0.05 * (high - low) or 0.5
    return low - margin, high + margin


def _draw_difference(axis, x, difference, bins):
    scatter = _nmad(difference)
    reach = _REACH * scatter or max(np.abs(difference).max(), 1e-6) * 1.2
    middle = np.median(difference)
    style = {"color": BLUE, "markersize": 3, "alpha": 0.4, "markeredgewidth": 0}
    if len(x) < _MANY:
        axis.plot(x, difference, ".", **style)
    else:
        # Single points would hide each other: they are thinned out.
        axis.plot(
            x[:: len(x) // _MANY + 1], difference[:: len(x) // _MANY + 1], ".", **style
        )
    axis.axhline(0, color="0.2", linewidth=0.8)
    rows = _binned(x, difference, bins)
    if len(rows):
        place, median, spread = np.array(rows).T
        axis.errorbar(
            place, median, spread, fmt="o", color=ORANGE, markersize=5, capsize=3,
            markeredgecolor="k", markeredgewidth=0.5, zorder=3,
        )  # fmt: skip
    axis.set_ylim(min(middle, 0) - reach, max(middle, 0) + reach)


def _binned(x, difference, bins):
    """Place, median and NMAD of bins of equal numbers."""
    bins = max(1, min(bins, len(x) // _LEAST))
    order = np.argsort(x, kind="stable")
    parts = [rows for rows in np.array_split(order, bins) if len(rows) >= _LEAST]
    return [
        (np.median(x[rows]), np.median(difference[rows]), _nmad(difference[rows]))
        for rows in parts
    ]


def _nmad(difference):
    return 1.4826 * np.median(np.abs(difference - np.median(difference)))


def _write(axis, difference, total):
    count = len(difference)
    number = f"N = {count}" if count == total else f"N = {count} of {total}"
    text = (
        f"{number}\nmedian {np.median(difference):+.2g}\nNMAD {_nmad(difference):.2g}"
    )
    axis.text(
        0.04, 0.96, text, transform=axis.transAxes, va="top", fontsize=9,
        bbox={"facecolor": "w", "edgecolor": "none", "alpha": 0.7, "pad": 2},
    )  # fmt: skip
