# Licensed under a 3-clause BSD style license - see LICENSE
"""
The Sersic profile as a sum of Gaussians.

A Gaussian is known in closed form in pixels, in frequencies and after
convolution; a Sersic profile is not. Following Hogg & Lang (2013, PASP 125,
719) the profile of index n is therefore written as

    I(R) = sum_k a_k(n) exp(-R^2 / 2 s_k(n)^2) / (2 pi s_k(n)^2)

for unit total flux and unit effective radius. The amplitudes are a linear
least-squares fit; they are tabulated over n once a process and interpolated.
After smoothing by any PSF from 0.02 to 8 effective radii wide, the sum
differs from the profile by less than 5e-4 of the peak for 0.3 <= n <= 8, and
by less than 1e-4 for most of that range.
"""

from functools import cache

import numpy as np
from scipy.special import gamma

from astro_cnnfit.parameters import sersic_b

N_GAUSSIANS = 20
N_RANGE = (0.3, 8.0)
N_NODES = 320

# Widths of the narrowest and the broadest Gaussian, in effective radii: steep
# cores need narrow ones, and flat cores (n < 0.5, not a mixture of Gaussians
# with positive amplitudes) become ill-conditioned with them.
_WIDTHS = np.array(
    [
        # n, narrowest, broadest
        (0.3, 0.30, 0.80),
        (0.4, 0.20, 0.85),
        (0.5, 0.10, 1.0),
        (0.7, 0.028, 1.7),
        (1.0, 0.008, 2.2),
        (2.0, 0.0023, 6.0),
        (4.0, 5.0e-4, 22.0),
        (6.0, 2.0e-4, 37.0),
        (8.0, 1.2e-4, 60.0),
    ]
)
_RIDGE = 1e-6
_RELATIVE_WEIGHT = 0.1


def sersic_profile(r, n):
    """
    Surface brightness of unit total flux and unit effective radius.

    Parameters
    ----------
    r : array_like
        Radius in effective radii.
    n : float
        Sersic index.

    Returns
    -------
    `~numpy.ndarray`
        Same shape as ``r`` (Eqs. 1 and 4 of Li et al. 2022, with the
        exponent 1/n that Eq. 1 misprints).
    """
    b = sersic_b(n)
    central = b ** (2 * n) / (2 * np.pi * n * gamma(2 * n))
    return central * np.exp(-b * np.asarray(r) ** (1 / n))


def gaussian_widths(n):
    """The widths s_k(n), (20,), in effective radii."""
    log_n = np.log(_WIDTHS[:, 0])
    narrow, broad = (
        np.exp(np.interp(np.log(n), log_n, np.log(column)))
        for column in _WIDTHS[:, 1:].T
    )
    return np.geomspace(narrow, broad, N_GAUSSIANS)


def fit_amplitudes(n):
    """The amplitudes a_k(n), (20,), by weighted, damped least squares."""
    widths = gaussian_widths(n)
    r = np.geomspace(0.3 * widths[0], 4 * widths[-1], 300)
    profile = sersic_profile(r, n)
    design = np.exp(-0.5 * (r[:, None] / widths) ** 2) / (2 * np.pi * widths**2)
    # Per unit log radius: an absolute error in flux, and a relative error that
    # counts only where there is flux.
    with np.errstate(over="ignore"):
        relative = _RELATIVE_WEIGHT**2 * (profile * r**2 + 1e-12)
        weight = np.sqrt(r**4 + relative / (profile + 1e-150) ** 2)
    weight = np.minimum(weight, 1e6 * np.median(weight))
    design = design * weight[:, None]
    damping = _RIDGE * np.linalg.norm(design, axis=0).mean()
    system = np.vstack([design, damping * np.eye(N_GAUSSIANS)])
    right = np.concatenate([profile * weight, np.zeros(N_GAUSSIANS)])
    return np.linalg.lstsq(system, right, rcond=None)[0]


@cache
def amplitude_table():
    """
    Amplitudes and log widths on a grid of log n.

    Returns
    -------
    `~numpy.ndarray`
        (320, 40) float32: 20 amplitudes, then 20 natural logs of the width.
    """
    nodes = np.exp(np.linspace(*np.log(N_RANGE), N_NODES))
    rows = [
        np.concatenate([fit_amplitudes(n), np.log(gaussian_widths(n))]) for n in nodes
    ]
    return np.array(rows, dtype=np.float32)
