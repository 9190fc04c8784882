# Licensed under a 3-clause BSD style license - see LICENSE
"""The package's own measurements of the same stamps."""

import time

import numpy as np

from astro_cnnfit import CNNSersicFitter
from astro_cnnfit.sersic.least_squares import least_squares_fit

__all__ = ["fit_all", "fit_from_guess"]

# Of 300 stamps none is padding; by default, 512 would be measured.
BATCH_SIZE = 100


def fit_all(stamps, psfs, errors, refine, model="sersic", repeats=3):
    """
    Measure all stamps in one call; parameters, errors and seconds.

    The first call, which traces the network, does not count; of the others the
    median does.
    """
    fitter = CNNSersicFitter(model, refine=refine, batch_size=BATCH_SIZE)
    seconds = []
    for _ in range(1 + repeats):
        start = time.perf_counter()
        table = fitter(stamps, psfs, error=errors)
        seconds.append(time.perf_counter() - start)
    values, spread = columns_of(table, "fit"), columns_of(table, "err")
    # Positions are pixels of the stamp.
    values[:, :2] -= (np.array(stamps.shape[:0:-1]) - 1) / 2
    return values, spread, float(np.median(seconds[1:]))


def columns_of(table, kind):
    """Return seven columns of a table of results, theta in radians."""
    names = ("x", "y", "flux", "r_eff", "n", "ellip")
    columns = [np.asarray(table[f"{name}_{kind}"]) for name in names]
    return np.column_stack([*columns, table[f"theta_{kind}"].to_value("rad")])


def fit_from_guess(stamp, psf, error, guess):
    """Fit one stamp by least squares with the package's renderer; see `peers`."""
    found = least_squares_fit(stamp, psf, error=error, initial=guess)
    return found.params, np.sqrt(np.diagonal(found.covariance))
