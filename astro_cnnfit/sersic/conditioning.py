# Licensed under a 3-clause BSD style license - see LICENSE
"""
What a posterior says once some parameters are known.

The posterior of a galaxy is a Gaussian in the latent parameters. To hold
parameters of the model at given values, the Gaussian is conditioned on them: the
others move along with their correlations, and their errors shrink.
"""

from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize_scalar

from astro_cnnfit.parameters import (
    LATENT_NAMES,
    NAMES,
    THETA_ERR_MAX,
    amplitude_from_flux,
    decode,
    decode_covariance,
)

__all__ = ["MODEL_NAMES", "Posterior", "condition", "model_covariance", "model_values"]

MODEL_NAMES = ("amplitude", "r_eff", "n", "x_0", "y_0", "ellip", "theta")
"""Parameters of `~astropy.modeling.functional_models.Sersic2D`, in its order."""

_E = [LATENT_NAMES.index("e1"), LATENT_NAMES.index("e2")]
# Latent parameter that is a model's parameter, and whether its logarithm.
_DIRECT = {
    "x_0": ("x", False),
    "y_0": ("y", False),
    "r_eff": ("log_r_eff", True),
    "n": ("log_n", True),
}
_STEP = 1e-5
_MAX_ITERATIONS, _TOLERANCE = 50, 1e-8
_N_ANGLES = 24
# Length of an ellipticity that stands for none.
_ROUND = 1e-9


class Posterior(NamedTuple):
    """A Gaussian in the latent parameters."""

    latent: np.ndarray
    """(7,) most probable values."""
    covariance: np.ndarray
    """(7, 7), singular along what is held."""
    distance: float
    """How far ``latent`` is from the unconditional mean, in standard deviations."""


def model_values(latent):
    """
    Parameters of the astropy model of latent parameters.

    Parameters
    ----------
    latent : `~numpy.ndarray`
        (7,)

    Returns
    -------
    dict of str to float
        Keys are `MODEL_NAMES`; ``theta`` in radians.
    """
    values = dict(zip(NAMES, decode(latent).tolist(), strict=True))
    shape = (values.pop("flux"), values["r_eff"], values["n"], values["ellip"])
    with np.errstate(all="ignore"):
        values["amplitude"] = float(amplitude_from_flux(*shape))
    return {name: values[name] for name in MODEL_NAMES}


def model_covariance(posterior):
    """
    Covariance of the parameters of the astropy model, by linear propagation.

    Parameters
    ----------
    posterior : `Posterior`

    Returns
    -------
    `~numpy.ndarray`
        (7, 7) in the order of `MODEL_NAMES`. The error of an angle of which
        nothing is known is that of a uniform distribution.
    """
    latent, covariance = posterior.latent, posterior.covariance
    physical = decode_covariance(latent, covariance)
    jacobian = np.zeros((len(MODEL_NAMES), len(NAMES)))
    for row, name in enumerate(MODEL_NAMES[1:], start=1):
        jacobian[row, NAMES.index(name)] = 1.0
    params = dict(zip(NAMES, decode(latent), strict=True))
    shape = params["r_eff"], params["n"] * np.exp([_STEP, -_STEP]), params["ellip"]
    up, down = np.log(amplitude_from_flux(1.0, *shape))
    with np.errstate(divide="ignore", invalid="ignore"):
        slopes = {
            "flux": 1 / params["flux"],
            "r_eff": -2 / params["r_eff"],
            "n": (up - down) / (2 * _STEP * params["n"]),
            "ellip": 1 / (1 - params["ellip"]),
        }
    amplitude = model_values(latent)["amplitude"]
    for name, slope in slopes.items():
        jacobian[0, NAMES.index(name)] = amplitude * slope
    result = jacobian @ physical @ jacobian.T
    if np.hypot(*latent[_E]) < _ROUND and covariance[_E, _E].max() == 0:
        # A galaxy that is held to be round has any angle.
        result[-1], result[:, -1] = 0.0, 0.0
        result[-1, -1] = THETA_ERR_MAX**2
    return result


def condition(latent, covariance, known):
    """
    Condition a posterior on known parameters of the model.

    Parameters
    ----------
    latent : `~numpy.ndarray`
        (7,) mean of the posterior.
    covariance : `~numpy.ndarray`
        (7, 7), of ``latent``.
    known : dict of str to float
        Values by names of `MODEL_NAMES`.

    Returns
    -------
    `Posterior`
        Its ``latent`` is the most probable point among those that have the known
        values, the covariance that of the Gaussian on the plane that touches them
        there. Sizes, indices, positions, an angle, or ellipticity and angle
        together make such planes themselves; an amplitude or an ellipticity
        alone are curved.
    """
    if not known:
        return Posterior(latent.copy(), covariance.copy(), 0.0)
    known = dict(known)
    if "ellip" in known and "theta" not in known and known["ellip"] > 0:
        held = known | {"theta": _best_angle(latent, covariance, known)}
        place = _on_plane(latent, covariance, held).latent
        return _at(place, latent, covariance, known)
    found = _on_plane(latent, covariance, known)
    if "theta" in known and "ellip" not in known:
        along = np.array([np.cos(2 * known["theta"]), np.sin(2 * known["theta"])])
        if found.latent[_E] @ along < 0:
            # Elongated across the known angle: round is the nearest that is left.
            place = _on_plane(latent, covariance, known | {"ellip": 0.0})
            place.latent[_E] = _ROUND / 2 * along
            return place._replace(covariance=found.covariance)
    return found


def _best_angle(latent, covariance, known):
    """The most probable angle of an ellipticity that is known."""

    def distance(theta):
        held = known | {"theta": theta}
        return _on_plane(latent, covariance, held).distance

    step = np.pi / _N_ANGLES
    start = min(np.arange(_N_ANGLES) * step, key=distance)
    bounds = (start - step, start + step)
    options = {"xatol": 1e-6}
    return minimize_scalar(distance, bounds=bounds, method="bounded", options=options).x


def _on_plane(latent, covariance, known):
    place = latent.copy()
    for _ in range(_MAX_ITERATIONS):
        found = _at(place, latent, covariance, known)
        moved = np.abs(found.latent - place).max()
        place = found.latent
        if not moved > _TOLERANCE:
            break
    return found


def _at(place, latent, covariance, known):
    """Condition on the known values, linearised at a place."""
    offset = _misfit(place, known)
    slopes = np.empty((len(offset), len(latent)))
    for column, unit in enumerate(np.eye(len(latent)) * _STEP):
        up, down = _misfit(place + unit, known), _misfit(place - unit, known)
        slopes[:, column] = (up - down) / (2 * _STEP)
    cross = covariance @ slopes.T
    spread = slopes @ cross
    missing = slopes @ (place - latent) - offset
    # Two ways to say one thing (all of a shape and its amplitude) are one.
    inverse = np.linalg.pinv(spread, rcond=1e-12, hermitian=True)
    gain = cross @ inverse
    left = covariance - gain @ cross.T
    # What is known has no error, not one of rounding.
    known_alone = np.diagonal(left) < 1e-9 * np.diagonal(covariance)
    left[known_alone], left[:, known_alone] = 0.0, 0.0
    return Posterior(
        latent + gain @ missing,
        left,
        float(np.sqrt(max(missing @ inverse @ missing, 0.0))),
    )


def _misfit(latent, known):
    """By how much latent parameters miss the known values, a number for each."""
    misfit = []
    for name, (own, is_log) in _DIRECT.items():
        if name in known:
            value = np.log10(known[name]) if is_log else known[name]
            misfit.append(latent[LATENT_NAMES.index(own)] - value)
    e1, e2 = latent[_E]
    ellip, theta = known.get("ellip"), known.get("theta")
    if ellip == 0:
        misfit += [e1, e2]
    elif ellip is not None and theta is not None:
        length = ellip / (2 - ellip)
        misfit += [e1 - length * np.cos(2 * theta), e2 - length * np.sin(2 * theta)]
    elif ellip is not None:
        misfit.append(np.hypot(e1, e2) - ellip / (2 - ellip))
    elif theta is not None:
        misfit.append(e2 * np.cos(2 * theta) - e1 * np.sin(2 * theta))
    if "amplitude" in known:
        amplitude = model_values(latent)["amplitude"]
        misfit.append(np.log10(amplitude) - np.log10(known["amplitude"]))
    return np.array(misfit)
