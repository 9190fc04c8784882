# Licensed under a 3-clause BSD style license - see LICENSE
"""
Refinement of measured galaxies to the maximum of the likelihood.

Levenberg-Marquardt in the package's own renderer, for all galaxies at once: an
iteration renders those that have not converged, in batches of one shape, and
solves small linear systems for all of them together. Started from a network,
most galaxies need two or three.
"""

from typing import NamedTuple

import numpy as np
from keras import ops

from astro_cnnfit.compiled import compiled
from astro_cnnfit.parameters import PARAMETERS
from astro_cnnfit.rendering.derivatives import render_circularised

__all__ = ["Refined", "refine_stamps"]

_N_LATENT = len(PARAMETERS)
# Bounds of the circularised parameters; that of the centre and of the flux are
# only there to stop a fit that runs away, and the shape's is q = 0.05.
_LOW = np.array([-30, -30, -5, np.log10(0.05), np.log10(0.3), -1, -1])
_HIGH = np.array([30, 30, 10, np.log10(30), np.log10(8.0), 1, 1])
_E_MAX = 0.95 / 1.05
# Largest step: the model is not linear beyond.
_STEP = np.array([2.0, 2.0, 0.3, 0.3, 0.3, 0.3, 0.3])
# Chi squared that a step promises to gain, per unit of reduced chi squared,
# below which it is the last: about a fifth of a standard deviation. What it
# leaves is of second order, hence far less.
_SETTLED = 0.05
_DAMPING = (1e-2, 1e4)  # first and last
_RIDGE = 1e-6  # rounding of the normal equations, which are float32
# Squared Mahalanobis distance from the network's answer above which the
# refinement is not believed.
_IMPLAUSIBLE = 100.0


class Refined(NamedTuple):
    """What `refine_stamps` found, a row a galaxy."""

    latent: np.ndarray
    """(N, 7) latent parameters."""
    covariance: np.ndarray
    """(N, 7, 7) covariance of ``latent``, marginalised over the sky."""
    sky: np.ndarray
    """(N,) sky pedestal that remained in the pixels."""
    reduced_chi2: np.ndarray
    """(N,) chi squared per degree of freedom, without the prior's part."""
    converged: np.ndarray
    """(N,) whether the rest of the row is to be used."""
    n_iterations: np.ndarray
    """(N,) evaluations of the model and its derivatives."""
    at_bound: np.ndarray
    """(N,) whether a parameter lies at its bound."""


class _System(NamedTuple):
    """Normal equations: chi squared is cost - 2 step g + step h step."""

    hessian: np.ndarray
    gradient: np.ndarray
    cost: np.ndarray

    def take(self, rows):
        return _System(*(array[rows] for array in self))

    def put(self, rows, other):
        for mine, new in zip(self, other, strict=True):
            mine[rows] = new


def refine_stamps(
    pixels,
    psfs,
    error,
    mask,
    latent,
    covariance,
    *,
    use_prior=False,
    batch_size=16,
    max_iterations=10,
):
    """
    Refine the parameters of galaxies by maximum likelihood.

    Parameters
    ----------
    pixels : `~numpy.ndarray`, shape (N, ny, nx)
        Stamps, in one unit each, such as their sky noise; a pedestal that is
        small beside the galaxy may remain.
    psfs : `~numpy.ndarray`, shape (N, k, k) or (1, k, k)
        Effective PSFs.
    error : `~numpy.ndarray`, shape (N, ny, nx), or float
        Standard deviation of the pixels, in the same unit.
    mask : `~numpy.ndarray` of bool, shape (N, ny, nx), or None
        True for pixels to leave out, those of neighbours included. Pixels that
        are not finite, or whose error is not positive, are left out, too.
    latent : `~numpy.ndarray`, shape (N, 7)
        Where to start, the network's answer; in the order of
        `astro_cnnfit.parameters.LATENT_NAMES`, the centre in pixels from that
        of the stamp.
    covariance : `~numpy.ndarray`, shape (N, 7, 7)
        Covariance of ``latent``.
    use_prior : bool
        Whether to hold on to the network's answer in directions in which it
        claims to know more than the pixels do.
    batch_size : int
        Galaxies rendered together; 16 keep the work within a CPU's cache.
    max_iterations : int
        Largest number of evaluations of a galaxy's model.

    Returns
    -------
    `Refined`

    Notes
    -----
    What is minimised is chi squared, with the sky pedestal as an eighth
    parameter. With ``use_prior``, (z - z_n)^T P (z - z_n) is added, where P is
    the positive part of C_n^-1 - F: C_n is the network's covariance and F the
    Fisher information of the pixels at z_n, marginalised over the sky. The
    network has seen the same pixels; so they count once and not twice, and the
    information of the result is F + P.

    ``converged`` is False where the cost did not settle within
    ``max_iterations``, where something is not finite, and where the answer lies
    so far from the network's that they do not measure the same galaxy (ten
    standard deviations of the sum of both covariances).
    """
    data = _data(pixels, psfs, error, mask, batch_size)
    n = len(data["pixels"])
    start = _circularised(np.asarray(latent, dtype=float))
    at_network = start.copy()
    start = np.concatenate([start, np.zeros((n, 1))], axis=1)
    start = _within(np.nan_to_num(start, posinf=0.0, neginf=0.0))
    covariance = _to_circularised(at_network, np.asarray(covariance, dtype=float))
    everything = np.arange(n)
    pixels_only = _evaluate(data, everything, start)
    prior = None
    if use_prior:
        prior = at_network, _missing_information(pixels_only.hessian, covariance)
    values, system, converged, n_iterations = _minimise(
        data, start, pixels_only, prior, max_iterations
    )
    return _describe(
        data, values, system, converged, n_iterations, prior, at_network, covariance
    )


def _data(pixels, psfs, error, mask, batch_size):
    pixels = np.asarray(pixels, dtype=np.float32)
    error = np.broadcast_to(np.asarray(error, dtype=np.float32), pixels.shape)
    used = np.isfinite(pixels) & np.isfinite(error) & (error > 0)
    if mask is not None:
        used &= ~np.asarray(mask, dtype=bool)
    return {
        "pixels": np.where(used, pixels, np.float32(0)),
        "weight": np.divide(1, error, out=np.zeros_like(pixels), where=used),
        "psfs": np.asarray(psfs, dtype=np.float32),
        "batch_size": batch_size,
    }


@compiled
def _normal_equations(values, psf, pixels, weight):
    """Hessian, gradient and cost in one (N, 9, 9) matrix of products."""
    model, derivatives = render_circularised(
        values[:, :_N_LATENT], psf, tuple(pixels.shape[1:])
    )
    residual = pixels - model - values[:, _N_LATENT:, None]
    columns = [derivatives * weight[:, None], weight[:, None]]
    columns = ops.concatenate([*columns, (residual * weight)[:, None]], axis=1)
    columns = ops.reshape(
        columns, (-1, _N_LATENT + 2, pixels.shape[1] * pixels.shape[2])
    )
    return ops.matmul(columns, ops.transpose(columns, (0, 2, 1)))


def _evaluate(data, rows, values, prior=None):
    """Normal equations of the galaxies at these rows, for as many values."""
    size = data["batch_size"]
    products = np.empty((len(rows), _N_LATENT + 2, _N_LATENT + 2))
    for start in range(0, len(rows), size):
        part = slice(start, start + size)
        some = rows[part]
        # Filled up to one batch shape: each new shape would be traced anew.
        padded = np.pad(some, (0, size - len(some)), mode="edge")
        own = np.pad(values[part], ((0, size - len(some)), (0, 0)), mode="edge")
        psf = data["psfs"]
        found = _normal_equations(
            own.astype(np.float32),
            psf[padded] if len(psf) > 1 else psf,
            data["pixels"][padded],
            data["weight"][padded],
        )
        products[part] = ops.convert_to_numpy(found)[: len(some)]
    hessian, gradient = products[:, :-1, :-1].copy(), products[:, :-1, -1].copy()
    system = _System(hessian, gradient, products[:, -1, -1].copy())
    return system if prior is None else _add_prior(system, rows, values, prior)


def _add_prior(system, rows, values, prior):
    centre, information = prior[0][rows], prior[1][rows]
    offset = centre - values[:, :_N_LATENT]
    pull = np.einsum("nij,nj->ni", information, offset)
    hessian, gradient = system.hessian.copy(), system.gradient.copy()
    hessian[:, :_N_LATENT, :_N_LATENT] += information
    gradient[:, :_N_LATENT] += pull
    return _System(hessian, gradient, system.cost + np.sum(offset * pull, axis=1))


def _minimise(data, values, pixels_only, prior, max_iterations):
    n = len(values)
    system = pixels_only
    if prior is not None:
        system = _add_prior(pixels_only, np.arange(n), values, prior)
    n_used = np.maximum(np.count_nonzero(data["weight"], axis=(1, 2)) - 8, 1)
    damping, n_iterations = np.zeros(n), np.ones(n, dtype=int)
    converged, running = np.zeros(n, dtype=bool), np.isfinite(system.cost)
    while running.any():
        rows = np.flatnonzero(running)
        trial, gain = _step(values[rows], system.take(rows), damping[rows])
        settled = gain < _SETTLED * np.maximum(system.cost[rows] / n_used[rows], 1)
        last = rows[settled]
        values[last], converged[last] = trial[settled], True
        system.cost[last] -= gain[settled]
        running[last] = False
        lost = rows[(n_iterations[rows] >= max_iterations) & ~settled]
        running[lost] = False
        going = running[rows]
        rows, trial = rows[going], trial[going]
        found = _evaluate(data, rows, trial, prior)
        n_iterations[rows] += 1
        better = found.cost < system.cost[rows]
        values[rows[better]] = trial[better]
        system.put(rows[better], found.take(better))
        damping[rows] = _next_damping(damping[rows], better)
        running[rows] = damping[rows] <= _DAMPING[1]
    return values, system, converged, n_iterations


def _next_damping(damping, better):
    less = np.where(damping > _DAMPING[0], damping / 10, 0.0)
    return np.where(better, less, np.maximum(10 * damping, _DAMPING[0]))


def _step(values, system, damping):
    """New values within bounds, and what they promise to gain."""
    scale = _scale(system.hessian)
    hessian = system.hessian * scale[:, :, None] * scale[:, None, :]
    gradient = system.gradient * scale
    diagonal = np.arange(hessian.shape[1])
    damped = hessian.copy()
    damped[:, diagonal, diagonal] += damping[:, None] + _RIDGE
    step = np.linalg.solve(damped, gradient[:, :, None])[:, :, 0] * scale
    step[:, :_N_LATENT] /= np.maximum(
        np.max(np.abs(step[:, :_N_LATENT]) / _STEP, axis=1, keepdims=True), 1
    )
    new = _within(values + step)
    held = np.abs(new - values - step) > 1e-9
    # What met a bound stays there, and the others are solved for again.
    rows = np.flatnonzero(held.any(axis=1))
    if rows.size:
        held, fixed = held[rows], (new - values)[rows] / scale[rows]
        fixed = np.where(held, fixed, 0.0)
        right = gradient[rows] - np.einsum("nij,nj->ni", hessian[rows], fixed)
        inner = damped[rows] * ~held[:, :, None] * ~held[:, None, :]
        inner[:, diagonal, diagonal] += held
        free = np.linalg.solve(inner, np.where(held, 0.0, right)[:, :, None])[:, :, 0]
        free = (free + fixed) * scale[rows]
        free[:, :_N_LATENT] = np.clip(free[:, :_N_LATENT], -_STEP, _STEP)
        new[rows] = _within(values[rows] + free)
    step = (new - values) / scale
    gain = np.sum(
        step * (2 * gradient - np.einsum("nij,nj->ni", hessian, step)), axis=1
    )
    return new, gain


def _scale(hessian):
    diagonal = np.diagonal(hessian, axis1=1, axis2=2)
    return 1 / np.sqrt(np.maximum(diagonal, 1e-12))


def _within(values):
    """Circularised parameters within their bounds; the sky has none."""
    values = values.copy()
    values[:, :_N_LATENT] = np.clip(values[:, :_N_LATENT], _LOW, _HIGH)
    length = np.hypot(values[:, 5], values[:, 6])
    values[:, 5:7] *= (_E_MAX / np.maximum(length, _E_MAX))[:, None]
    return values


def _inverse(matrices):
    scale = _scale(matrices)
    unit = matrices * scale[:, :, None] * scale[:, None, :]
    unit = unit + _RIDGE * np.eye(unit.shape[1])
    return np.linalg.inv(unit) * scale[:, :, None] * scale[:, None, :]


def _missing_information(hessian, covariance):
    """Positive part of what the network claims to know beyond the pixels."""
    sky = hessian[:, :_N_LATENT, _N_LATENT:]
    pixels = hessian[:, :_N_LATENT, :_N_LATENT]
    pixels = pixels - sky * np.swapaxes(sky, 1, 2) / hessian[:, -1:, -1:]
    # In units of the network's errors its information is the unit matrix, and
    # the comparison does not depend on the parameters' own units.
    root = np.linalg.cholesky(covariance)
    eigenvalues, vectors = np.linalg.eigh(np.swapaxes(root, 1, 2) @ pixels @ root)
    excess = np.maximum(1 - eigenvalues, 0.0)
    inner = (vectors * excess[:, None, :]) @ np.swapaxes(vectors, 1, 2)
    inverse = np.linalg.inv(root)
    return np.swapaxes(inverse, 1, 2) @ inner @ inverse


def _describe(data, values, system, converged, n_iterations, prior, network, spread):
    latent = values[:, :_N_LATENT]
    covariance = _inverse(system.hessian)[:, :_N_LATENT, :_N_LATENT]
    offset = latent - network
    distance = np.einsum("ni,nij,nj->n", offset, _inverse(covariance + spread), offset)
    chi2 = system.cost.copy()
    if prior is not None:
        chi2 -= np.einsum("ni,nij,nj->n", offset, prior[1], offset)
    n_used = np.count_nonzero(data["weight"], axis=(1, 2))
    finite = np.isfinite(distance) & np.isfinite(values).all(axis=1)
    near_bound = (latent <= _LOW + 1e-6) | (latent >= _HIGH - 1e-6)
    long = np.hypot(latent[:, 5], latent[:, 6]) >= _E_MAX - 1e-6
    return Refined(
        latent=_from_circularised(latent),
        covariance=_covariance_from_circularised(latent, covariance),
        sky=values[:, _N_LATENT],
        reduced_chi2=chi2 / np.maximum(n_used - _N_LATENT - 1, 1),
        converged=converged & finite & (distance < _IMPLAUSIBLE),
        n_iterations=n_iterations,
        at_bound=near_bound.any(axis=1) | long,
    )


def _log_axis_ratio(values):
    e = np.minimum(np.hypot(values[:, 5], values[:, 6]), _E_MAX)
    return np.log10((1 - e) / (1 + e))


def _circularised(latent):
    values = latent.copy()
    values[:, 3] += 0.5 * _log_axis_ratio(latent)
    return values


def _from_circularised(values):
    latent = values.copy()
    latent[:, 3] -= 0.5 * _log_axis_ratio(values)
    return latent


def _jacobian(values, sign):
    """Derivatives of latent by circularised parameters (sign 1), or back (-1)."""
    e = np.clip(np.hypot(values[:, 5], values[:, 6]), 1e-9, _E_MAX)
    slope = sign / (np.log(10) * (1 - e**2) * e)
    jacobian = np.tile(np.eye(_N_LATENT), (len(values), 1, 1))
    jacobian[:, 3, 5:7] = slope[:, None] * values[:, 5:7]
    return jacobian


def _to_circularised(values, covariance):
    jacobian = _jacobian(values, -1)
    return jacobian @ covariance @ np.swapaxes(jacobian, 1, 2)


def _covariance_from_circularised(values, covariance):
    jacobian = _jacobian(values, 1)
    return jacobian @ covariance @ np.swapaxes(jacobian, 1, 2)
