# Licensed under a 3-clause BSD style license - see LICENSE
"""
The position angle as a number between 0 and 180 degrees.

GaLNets I compares angles as plain numbers: 179 degrees, measured for 1 degree,
is off by 178. The angle that a fit reports is right on the circle; which
*number* is best depends on how the errors are counted, and for a galaxy near
the jump, or a round one, it is another. From the posterior it is known for any
count.
"""

import numpy as np
from scipy.stats import norm, qmc

from astro_cnnfit.parameters import LATENT_NAMES

__all__ = ["linear_position_angle"]

_SHAPE = [LATENT_NAMES.index("e1"), LATENT_NAMES.index("e2")]
_CHUNK = 2000


def linear_position_angle(latent, covariance, estimate="median", n_draws=512):
    """
    Give the best number in [0, 180) for each position angle.

    Parameters
    ----------
    latent : array_like, shape (N, 7)
        Predicted latent parameters.
    covariance : array_like, shape (N, 7, 7)
        Their covariance.
    estimate : {'median', 'mean'}
        'median' makes the mean absolute difference from the truth smallest, as
        the loss does that GaLNets are trained with; 'mean' makes R2 largest.
        Both are taken over the angles in [0, 180) of the posterior.
    n_draws : int
        Quasi-random draws from the posterior, a power of two.

    Returns
    -------
    `~numpy.ndarray`, shape (N,)
        Degrees, counter-clockwise from +x. Where the posterior is narrow and
        far from the jump, the same as ``theta``.

    Raises
    ------
    ValueError
        If ``estimate`` is neither of the two.
    """
    if estimate not in ("median", "mean"):
        raise ValueError(f"estimate must be 'median' or 'mean', got {estimate!r}")
    combine = np.median if estimate == "median" else np.mean
    latent = np.asarray(latent, dtype=float)
    shape = np.asarray(covariance, dtype=float)[:, _SHAPE][:, :, _SHAPE]
    root = np.linalg.cholesky(shape)
    uniform = qmc.Sobol(2, seed=0).random(n_draws)
    normal = norm.ppf(np.clip(uniform, 1e-6, 1 - 1e-6))
    angles = np.empty(len(latent))
    for start in range(0, len(latent), _CHUNK):
        rows = slice(start, start + _CHUNK)
        draws = latent[rows, None, _SHAPE] + normal @ np.swapaxes(root[rows], 1, 2)
        drawn = np.degrees(0.5 * np.arctan2(draws[..., 1], draws[..., 0]))
        angles[rows] = combine(np.mod(drawn, 180.0), axis=1)
    return angles
