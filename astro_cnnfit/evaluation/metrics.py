# Licensed under a 3-clause BSD style license - see LICENSE
"""
How well measured values agree with true ones.

Equation numbers are those of Li et al. (2022, ApJ 929, 152), GaLNets I.
"""

from itertools import pairwise

import numpy as np
from astropy.table import Table

__all__ = [
    "binned_errors",
    "circular_difference",
    "mean_absolute_error",
    "nmad",
    "outlier_fraction",
    "pearson_r",
    "r2",
    "reduced_chi2",
    "root_mean_square_error",
    "scaled_difference",
]

OUTLIER_LIMIT = 0.15


def _pair(pred, true):
    pred, true = np.asarray(pred, dtype=float), np.asarray(true, dtype=float)
    if pred.shape != true.shape:
        raise ValueError(
            f"pred and true must have one shape, got {pred.shape} and {true.shape}"
        )
    if pred.size == 0:
        raise ValueError("pred must hold at least one value, got an empty array")
    return pred, true


def r2(pred, true):
    """
    Coefficient of determination, Eq. 7: 1 for perfect agreement.

    Parameters
    ----------
    pred, true : array_like, shape (N,)
        Measured and true values.

    Returns
    -------
    float
        1 - sum (p - t)^2 / sum (t - mean t)^2; negative when the mean of the
        true values would be a better prediction.

    Raises
    ------
    ValueError
        If the shapes differ or the arrays are empty.
    """
    pred, true = _pair(pred, true)
    return float(1 - np.sum((pred - true) ** 2) / np.sum((true - true.mean()) ** 2))


def scaled_difference(pred, true):
    """
    Difference in units of one plus the true value, (p - t) / (1 + t).

    Eqs. 8 and 9 are made of it. It comes from the study of redshifts and
    depends on the unit of the values: arcsec, mag and degrees for GaLNets.

    Parameters
    ----------
    pred, true : array_like, shape (N,)
        Measured and true values.

    Returns
    -------
    `~numpy.ndarray`, shape (N,)
    """
    pred, true = _pair(pred, true)
    return (pred - true) / (1 + true)


def outlier_fraction(pred, true, limit=OUTLIER_LIMIT):
    """
    Fraction of values with abs(p - t) / (1 + t) above ``limit``, Eq. 8.

    Parameters
    ----------
    pred, true : array_like, shape (N,)
        Measured and true values.
    limit : float
        0.15, as in the paper and for photometric redshifts.

    Returns
    -------
    float
        A measured value that is not finite counts as an outlier.
    """
    return float(np.mean(~(np.abs(scaled_difference(pred, true)) <= limit)))


def nmad(pred, true):
    """
    Normalised median absolute deviation of (p - t) / (1 + t), Eq. 9.

    Parameters
    ----------
    pred, true : array_like, shape (N,)
        Measured and true values.

    Returns
    -------
    float
        1.4826 median(abs(d - median(d))): the standard deviation, if the
        differences are normal, and unmoved by outliers.
    """
    difference = scaled_difference(pred, true)
    return float(1.4826 * np.median(np.abs(difference - np.median(difference))))


def mean_absolute_error(pred, true):
    """
    Mean of abs(p - t).

    Parameters
    ----------
    pred, true : array_like, shape (N,)
        Measured and true values.

    Returns
    -------
    float
    """
    pred, true = _pair(pred, true)
    return float(np.mean(np.abs(pred - true)))


def root_mean_square_error(pred, true):
    """
    Square root of the mean of (p - t)^2.

    Parameters
    ----------
    pred, true : array_like, shape (N,)
        Measured and true values.

    Returns
    -------
    float
    """
    pred, true = _pair(pred, true)
    return float(np.sqrt(np.mean((pred - true) ** 2)))


def pearson_r(pred, true):
    """
    Pearson's correlation coefficient.

    Parameters
    ----------
    pred, true : array_like, shape (N,)
        Measured and true values.

    Returns
    -------
    float
    """
    pred, true = _pair(pred, true)
    return float(np.corrcoef(pred, true)[0, 1])


def circular_difference(pred, true, period=180.0):
    """
    Difference of two angles that are the same modulo a period.

    Parameters
    ----------
    pred, true : array_like
        Angles. An axis has a period of half a turn.
    period : float
        In the unit of the angles: 180 for position angles in degrees.

    Returns
    -------
    `~numpy.ndarray`
        pred - true, brought into [-period / 2, period / 2).
    """
    pred, true = np.asarray(pred, dtype=float), np.asarray(true, dtype=float)
    return np.mod(pred - true + period / 2, period) - period / 2


def binned_errors(pred, true, bins=5, value_range=None):
    """
    Statistical errors in bins of the true value, Eq. 10.

    Parameters
    ----------
    pred, true : array_like, shape (N,)
        Measured and true values.
    bins : int or array_like
        Number of bins of equal width (the paper has five), or their edges.
    value_range : tuple of float, optional
        Ends of the bins; by default those of the true values.

    Returns
    -------
    `~astropy.table.Table`
        A row per bin: ``low``, ``high``, ``count``, the means ``true_mean``
        and ``pred_mean``, ``error`` = sqrt(sum (p - t)^2 / (N - 1)) and
        ``relative_error`` = error / abs(pred_mean). The paper gives the
        former for magnitudes and the latter for all else. NaN where a bin
        holds fewer than two values.
    """
    pred, true = _pair(pred, true)
    edges = np.histogram_bin_edges(true, bins=bins, range=value_range)
    # As numpy's histogram, the last bin includes its upper edge.
    index = np.searchsorted(edges, true, side="right") - 1
    index[true == edges[-1]] = len(edges) - 2
    rows = []
    for number, (low, high) in enumerate(pairwise(edges)):
        p, t = pred[index == number], true[index == number]
        row = [low, high, len(p)]
        if len(p) < 2:
            rows.append([*row, np.nan, np.nan, np.nan, np.nan])
            continue
        error = np.sqrt(np.sum((p - t) ** 2) / (len(p) - 1))
        with np.errstate(divide="ignore", invalid="ignore"):
            relative = error / np.abs(p.mean())
        rows.append([*row, t.mean(), p.mean(), error, relative])
    names = ["low", "high", "count", "true_mean", "pred_mean", "error"]
    return Table(rows=rows, names=[*names, "relative_error"])


def reduced_chi2(data, model, sigma, params, *, mask=None, n_parameters=7):
    """
    Chi squared per degree of freedom within the effective radius, Eq. 11.

    Parameters
    ----------
    data, model : array_like, shape (N, ny, nx) or (ny, nx)
        Stamps and the models that were fitted to them, the sky included in
        both or in neither.
    sigma : array_like
        Noise per pixel: one number, one a stamp, or stamps like ``data``. The
        paper takes that of the background, without the galaxy's own.
    params : array_like, shape (N, 7) or (7,)
        Sersic parameters, in the order of `astro_cnnfit.parameters.NAMES`,
        the centre relative to that of the stamp. Pixels within the ellipse of
        semi-major axis ``r_eff`` count.
    mask : array_like of bool, optional
        True for pixels to leave out.
    n_parameters : int
        Fitted parameters, taken off the number of pixels.

    Returns
    -------
    float or `~numpy.ndarray`, shape (N,)
        NaN where there are no more pixels than parameters.
    """
    data, model = _pair(data, model)
    single = data.ndim == 2
    params = np.atleast_2d(np.asarray(params, dtype=float))
    sigma = np.asarray(sigma, dtype=float)
    if sigma.ndim == 1:
        sigma = sigma[:, None, None]
    used = _within_r_eff(params, data.shape[-2:])
    if mask is not None:
        used &= ~np.asarray(mask, dtype=bool)
    chi2 = np.where(used, ((data - model) / sigma) ** 2, 0.0).sum(axis=(1, 2))
    freedom = used.sum(axis=(1, 2)) - n_parameters
    reduced = np.full(len(chi2), np.nan)
    np.divide(chi2, freedom, out=reduced, where=freedom > 0)
    return float(reduced[0]) if single else reduced


def _within_r_eff(params, shape):
    ny, nx = shape
    x_0, y_0, _, r_eff, _, ellip, theta = params.T[:, :, None, None]
    x = np.arange(nx) - (nx - 1) / 2 - x_0
    y = (np.arange(ny) - (ny - 1) / 2)[:, None] - y_0
    along = x * np.cos(theta) + y * np.sin(theta)
    across = y * np.cos(theta) - x * np.sin(theta)
    return along**2 + (across / (1 - ellip)) ** 2 <= r_eff**2
