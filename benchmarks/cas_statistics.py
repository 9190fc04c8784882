# Licensed under a 3-clause BSD style license - see LICENSE
"""
Figures of merit of measured concentration, asymmetry and their kin.

All of them are of ``measured - true`` within one bin of the S/N. Rows in which a
method has no value count as missing and are left out of its other figures.
"""

import numpy as np

__all__ = [
    "BINS",
    "LARGE_ERROR",
    "QUANTITIES",
    "bootstrap_error",
    "coverage",
    "nmad",
    "pairwise_better",
    "quartile_bias",
    "statistics",
    "summary",
]

QUANTITIES = (
    *("concentration", "asymmetry", "smoothness", "gini", "m20", "rms_asymmetry"),
)
BINS = {"2-3": (2.0, 3.0), "3-5": (3.0, 5.0), "5-10": (5.0, 10.0), "10-20": (10, 20)}
"""Of the true S/N per pixel: the bins in which figures are compared."""

LARGE_ERROR = 0.1
"""A difference that is called large. Twice a method's own scatter would let a poor
method off."""

# By which figure methods are ranked: the scatter that each quantity is judged by.
RANKED_BY = {"concentration": "nmad"}
_LEVELS = {"68%": 0.9945, "95%": 1.9600}


def nmad(values):
    """1.4826 times the median absolute deviation from the median."""
    return 1.4826 * np.median(np.abs(values - np.median(values)))


def statistics(difference):
    """
    Bias and scatter.

    Parameters
    ----------
    difference : `~numpy.ndarray`
        (N,) measured less true values, finite.

    Returns
    -------
    dict
        ``bias`` (the mean), ``median``, ``std``, ``nmad``, ``mae``, ``rmse`` and
        ``large``, the share beyond `LARGE_ERROR`; NaN for fewer than two rows.
    """
    names = ("bias", "median", "std", "nmad", "mae", "rmse", "large")
    if len(difference) < 2:
        return dict.fromkeys(names, np.nan)
    return {
        "bias": np.mean(difference),
        "median": np.median(difference),
        "std": np.std(difference),
        "nmad": nmad(difference),
        "mae": np.mean(np.abs(difference)),
        "rmse": np.sqrt(np.mean(difference**2)),
        "large": np.mean(np.abs(difference) > LARGE_ERROR),
    }


def quartile_bias(difference, true):
    """
    Mean difference within the quartiles of the truth.

    A network that regresses to the mean has no bias on average; here it shows.

    Parameters
    ----------
    difference, true : `~numpy.ndarray`
        (N,)

    Returns
    -------
    list of float
        Four values; NaN for a quartile without galaxies.
    """
    if not len(true):
        return [np.nan] * 4
    place = np.searchsorted(np.quantile(true, [0.25, 0.5, 0.75]), true)
    return [
        difference[place == i].mean() if np.any(place == i) else np.nan
        for i in range(4)
    ]


def coverage(difference, error):
    """
    Share of the truths within the stated errors.

    Parameters
    ----------
    difference, error : `~numpy.ndarray`
        (N,)

    Returns
    -------
    dict
        ``68%`` and ``95%``, of the rows with an error, and ``pull``, the robust
        scatter of difference over error. Empty without errors.
    """
    stated = np.isfinite(error) & (error > 0)
    if not stated.any():
        return {}
    pull = difference[stated] / error[stated]
    inside = {key: np.mean(np.abs(pull) <= width) for key, width in _LEVELS.items()}
    return inside | {"pull": nmad(pull)}


def bootstrap_error(function, sources, rng, n_draws=100):
    """
    Errors of figures of merit, with sources drawn anew.

    Versions of one real galaxy share its errors; only galaxies are independent.

    Parameters
    ----------
    function : callable
        (M,) rows -> (K,) figures.
    sources : `~numpy.ndarray`
        (N,) which source each row shows.
    rng : `numpy.random.Generator`
    n_draws : int

    Returns
    -------
    `~numpy.ndarray`
        (K,) standard deviations.
    """
    _, place = np.unique(sources, return_inverse=True)
    order = np.argsort(place, kind="stable")
    count = place.max() + 1
    groups = np.split(order, np.searchsorted(place[order], np.arange(1, count)))
    drawn = rng.integers(0, count, (n_draws, count))
    figures = [function(np.concatenate([groups[i] for i in own])) for own in drawn]
    return np.std(figures, axis=0)


def summary(value, error, true, sources, rng, n_draws=100):
    """
    All figures of one quantity, one method and one bin.

    Parameters
    ----------
    value, error : `~numpy.ndarray`
        (N,) measured, NaN where there is none.
    true : `~numpy.ndarray`
        (N,)
    sources : `~numpy.ndarray`
        (N,) which source each row shows.
    rng : `numpy.random.Generator`
    n_draws : int
        Of the bootstrap.

    Returns
    -------
    dict
        ``count``, ``missing`` (a share), those of `statistics` and `coverage`,
        ``quartiles`` and ``error``, the errors of bias, std, nmad and large.
    """
    # The truth of another definition may be undefined.
    known = np.isfinite(true)
    value, error, true, sources = (x[known] for x in (value, error, true, sources))
    good = np.isfinite(value)
    difference, own = (value - true)[good], true[good]
    found = {
        "count": int(good.sum()),
        "missing": 1 - good.mean() if len(good) else np.nan,
    }
    found |= statistics(difference)
    found["quartiles"] = quartile_bias(difference, own)
    found |= coverage(difference, error[good])
    names = ("bias", "std", "nmad", "large")
    if found["count"] > 1 and n_draws:
        spread = bootstrap_error(
            lambda rows: [statistics(difference[rows])[name] for name in names],
            sources[good],
            rng,
            n_draws,
        )
        found["error"] = dict(zip(names, spread, strict=True))
    return found


def pairwise_better(first, second, true, quantity):
    """
    Whether a method's scatter is below another's on the same galaxies.

    Parameters
    ----------
    first, second, true : `~numpy.ndarray`
        (N,) measured by the two methods, NaN where they have no value, and true.
    quantity : str
        One of `QUANTITIES`.

    Returns
    -------
    bool or None
        None where they have fewer than ten galaxies in common.
    """
    both = np.isfinite(first) & np.isfinite(second)
    if both.sum() < 10:
        return None
    key = RANKED_BY.get(quantity, "std")
    own, other = (statistics(x[both] - true[both])[key] for x in (first, second))
    return bool(own < other)
