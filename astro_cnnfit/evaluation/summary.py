# Licensed under a 3-clause BSD style license - see LICENSE
"""Measured against true Sersic parameters: the table of GaLNets I."""

import numpy as np
from astropy.table import Table

from astro_cnnfit.parameters import NAMES

from .metrics import circular_difference, nmad, outlier_fraction, r2
from .published import COLUMNS, CRAMER_RAO_TABLE2, GALNETS_TABLE2, STATISTICS

__all__ = ["compare_with_published", "paper_columns", "sersic_summary"]

_FUNCTIONS = {"R2": r2, "outliers": outlier_fraction, "NMAD": nmad}
_DECIMALS = {"R2": 4, "outliers": 3, "NMAD": 4}
_HIGHER_IS_BETTER = {"R2": True, "outliers": False, "NMAD": False}


def paper_columns(params, pixel_scale=0.2, zeropoint=30.0):
    """
    Sersic parameters in the units of GaLNets I.

    Parameters
    ----------
    params : array_like, shape (N, 7)
        Physical parameters in the order of `astro_cnnfit.parameters.NAMES`.
    pixel_scale : float
        Arcseconds a pixel; 0.2 is OmegaCAM's, which the paper simulates.
    zeropoint : float
        Magnitude of unit flux.

    Returns
    -------
    dict of str to `~numpy.ndarray`
        x, y and r_eff in arcsec, mag, pa in degrees within [0, 180) (here the
        angle from +x), q and n.

    Raises
    ------
    ValueError
        If ``params`` does not have shape (N, 7).
    """
    params = np.asarray(params, dtype=float)
    if params.ndim != 2 or params.shape[1] != len(NAMES):
        raise ValueError(
            f"params must have shape (N, {len(NAMES)}), got {params.shape}"
        )
    x_0, y_0, flux, r_eff, n, ellip, theta = params.T
    return {
        "x": x_0 * pixel_scale,
        "y": y_0 * pixel_scale,
        "mag": zeropoint - 2.5 * np.log10(flux),
        "r_eff": r_eff * pixel_scale,
        "pa": np.mod(np.degrees(theta), 180.0),
        "q": 1 - ellip,
        "n": n,
    }


def sersic_summary(pred, true, pixel_scale=0.2, zeropoint=30.0, pa=None):
    """
    Compute the three statistics of GaLNets I for each parameter (its Table 2).

    Parameters
    ----------
    pred, true : array_like, shape (N, 7)
        Measured and true physical parameters, in the order of
        `astro_cnnfit.parameters.NAMES`.
    pixel_scale : float
        Arcseconds a pixel: (p - t) / (1 + t) depends on the unit.
    zeropoint : float
        Magnitude of unit flux.
    pa : array_like, shape (N,), optional
        Measured position angles in degrees for the column ``pa``, such as those
        of `~astro_cnnfit.evaluation.angle.linear_position_angle`; by default
        ``theta`` of ``pred``.

    Returns
    -------
    `~astropy.table.Table`
        Rows R2, outliers and NMAD (column ``metric``); columns x, y, mag,
        r_eff, pa, pa_circular, q, n. ``pa`` takes the difference of two angles
        in [0, 180) as the paper does, by which 1 and 179 degrees are 178 apart;
        ``pa_circular`` takes 2.

    Raises
    ------
    ValueError
        If the arrays do not have one shape (N, 7), N at least 1.
    """
    pred = paper_columns(pred, pixel_scale, zeropoint)
    true = paper_columns(true, pixel_scale, zeropoint)
    pairs = {name: (pred[name], true[name]) for name in COLUMNS}
    nearest = true["pa"] + circular_difference(pred["pa"], true["pa"])
    pairs["pa_circular"] = (nearest, true["pa"])
    if pa is not None:
        pairs["pa"] = (np.asarray(pa, dtype=float), true["pa"])
    table = Table({"metric": list(STATISTICS)})
    for name in ("x", "y", "mag", "r_eff", "pa", "pa_circular", "q", "n"):
        table[name] = [_FUNCTIONS[key](*pairs[name]) for key in STATISTICS]
        table[name].format = ".4f"
    return table


def compare_with_published(summaries):
    """
    Summaries below the published figures, one statistic after another.

    Parameters
    ----------
    summaries : dict of str to `~astropy.table.Table`
        From `sersic_summary`, by the name of what was measured.

    Returns
    -------
    `~astropy.table.Table`
        Columns ``metric``, ``source``, the parameters, and ``beats``: how
        many of the seven published figures of GaLNet-2 a row equals or beats
        when rounded to as many digits. The published rows have -1 there.
    """
    published = {f"{name} (published)": row for name, row in GALNETS_TABLE2.items()}
    published["Cramer-Rao (GalSim)"] = CRAMER_RAO_TABLE2
    rows = []
    for key in STATISTICS:
        for source, figures in published.items():
            if key in figures:
                values = list(figures[key])
                # The paper's angle has no circular counterpart.
                rows.append([key, source, *values[:5], np.nan, *values[5:], -1])
        for source, summary in summaries.items():
            row = summary[list(summary["metric"]).index(key)]
            values = [row[name] for name in summary.colnames[1:]]
            beaten = int(_beats(row, key).sum())
            rows.append([key, source, *values, beaten])
    names = ["metric", "source", *COLUMNS[:5], "pa_circular", *COLUMNS[5:]]
    table = Table(rows=rows, names=[*names, "beats"])
    for name in names[2:]:
        table[name].format = ".4f"
    return table


def _beats(row, key):
    """Which of GaLNet-2's published figures a row of a summary reaches."""
    published = np.array(GALNETS_TABLE2["GaLNet-2"][key])
    values = np.round([row[name] for name in COLUMNS], _DECIMALS[key])
    if _HIGHER_IS_BETTER[key]:
        return values >= published
    return values <= published
