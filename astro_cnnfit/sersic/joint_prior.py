# Licensed under a 3-clause BSD style license - see LICENSE
"""
What the galaxies of an image have in common, as a prior for each of them.

A network's answer is no prior where galaxies overlap: what was wrong with the
neighbours when it looked is still in it. Size for the flux, index and shape of the
galaxies that are measured well tell what to expect of the others.
"""

import numpy as np

from astro_cnnfit.parameters import LATENT_NAMES

__all__ = ["population_prior"]

_N = len(LATENT_NAMES)
_LOG_FLUX, _LOG_R, _LOG_N, _E1, _E2 = range(2, _N)
# Galaxies that tell what galaxies are like have at least this S/N, and are so many.
_BRIGHT, _ENOUGH = 15.0, 30
# Those that differ from the others by more than so many deviations do not count.
_CLIP = 4.0


def population_prior(values, covariance, snr):
    """
    Gaussian prior of each galaxy from all others of the image.

    Parameters
    ----------
    values : `~numpy.ndarray`
        (N, 7) finite circularised parameters.
    covariance : `~numpy.ndarray`
        (N, 7, 7), of ``values``.
    snr : `~numpy.ndarray`
        (N,) signal-to-noise ratios.

    Returns
    -------
    centre : `~numpy.ndarray`
        (N, 7) means; the place and the flux are those of ``values``.
    information : `~numpy.ndarray`
        (N, 7, 7), none about the place and the flux by themselves.

    None where fewer than 30 galaxies have a signal-to-noise ratio above 15.

    Notes
    -----
    ``log_r_eff`` is a straight line in ``log_flux`` with scatter, ``log_n`` a
    Gaussian, and ``e1`` and ``e2`` are one about zero. The scatter is that of the
    measured values and their mean variance together: a network's answers are means,
    which differ by less than what they are means of.
    """
    rows = np.flatnonzero(snr > _BRIGHT)
    if rows.size < _ENOUGH:
        return None
    known, variance = values[rows], np.diagonal(covariance[rows], axis1=1, axis2=2)
    slope, intercept, size = _line(known[:, _LOG_FLUX], known[:, _LOG_R])
    index = np.median(known[:, _LOG_N])
    shape = known[:, [_E1, _E2]].ravel()
    centre, information = values.copy(), np.zeros((len(values), _N, _N))
    centre[:, _LOG_R] = intercept + slope * values[:, _LOG_FLUX]
    centre[:, _LOG_N] = index
    centre[:, [_E1, _E2]] = 0.0
    along = np.zeros(_N)
    along[[_LOG_FLUX, _LOG_R]] = -slope, 1.0
    scatter = _scatter(size, variance[:, _LOG_R])
    information += np.outer(along, along) / scatter
    information[:, _LOG_N, _LOG_N] += 1 / _scatter(
        known[:, _LOG_N] - index, variance[:, _LOG_N]
    )
    scatter = _scatter(shape, variance[:, [_E1, _E2]].ravel())
    for axis in (_E1, _E2):
        information[:, axis, axis] += 1 / scatter
    return centre, information


def _line(x, y):
    """Slope and intercept of a straight line, and what it leaves."""
    use = np.ones(len(x), dtype=bool)
    for _ in range(2):
        columns = np.column_stack([x, np.ones_like(x)])
        (slope, intercept), *_ = np.linalg.lstsq(columns[use], y[use], rcond=None)
        offset = y - slope * x - intercept
        use = np.abs(offset) < _CLIP * 1.4826 * np.median(np.abs(offset)) + 1e-6
    return slope, intercept, offset


def _scatter(offset, variance):
    """Variance of a population, from offsets of its members and their variance."""
    width = 1.4826 * np.median(np.abs(offset))
    use = np.abs(offset) < _CLIP * width + 1e-6
    return np.mean(np.square(offset[use]) + variance[use])
