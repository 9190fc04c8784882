# Licensed under a 3-clause BSD style license - see LICENSE
"""Levenberg-Marquardt for many small problems at once, each with its damping."""

from typing import NamedTuple

import numpy as np

__all__ = ["Minimum", "NormalEquations", "inverse", "minimise"]

# A cost is settled when a step promises to gain less than this, per unit of
# reduced chi squared: a fifth of a standard deviation. That step is still made;
# what it leaves is of second order, hence far less.
_SETTLED = 0.05
_FIRST_DAMPING, _LAST_DAMPING = 1e-2, 1e4
_RIDGE = 1e-6  # rounding of normal equations that were summed up in float32


class NormalEquations(NamedTuple):
    """What a step s would cost: ``cost - 2 s gradient + s hessian s``."""

    hessian: np.ndarray
    """(N, m, m)"""
    gradient: np.ndarray
    """(N, m)"""
    cost: np.ndarray
    """(N,)"""

    def take(self, rows):
        """Those of some problems."""
        return NormalEquations(*(array[rows] for array in self))

    def put(self, rows, other):
        """Replace those of some problems."""
        for mine, new in zip(self, other, strict=True):
            mine[rows] = new


class Minimum(NamedTuple):
    """Where `minimise` ended."""

    values: np.ndarray
    """(N, m)"""
    equations: NormalEquations
    """At the last evaluation, but for the cost, which is that of ``values``."""
    converged: np.ndarray
    """(N,) whether the cost has settled."""
    n_evaluations: np.ndarray
    """(N,) for each problem, the start included."""


def minimise(evaluate, start, equations, project, largest_step, *, scale, limit):
    """
    Minimise sums of squares.

    Parameters
    ----------
    evaluate : callable
        ``evaluate(rows, values)`` returns the `NormalEquations` of the problems
        at these rows.
    start : `~numpy.ndarray`, shape (N, m)
        Where to start.
    equations : `NormalEquations`
        Those of ``start``. Problems whose cost is not finite are left alone.
    project : callable
        Moves values to within their bounds.
    largest_step : `~numpy.ndarray`, shape (m,)
        Longest step along each parameter.
    scale : `~numpy.ndarray`, shape (N,)
        Degrees of freedom.
    limit : int
        Largest number of evaluations.

    Returns
    -------
    `Minimum`

    Notes
    -----
    The damping starts at zero, which is Gauss and Newton's method: good starts
    need no more. A step that does not lower the cost is taken back and raises
    it.
    """
    values, n = start.copy(), len(start)
    equations = equations.take(np.arange(n))
    damping, n_evaluations = np.zeros(n), np.ones(n, dtype=int)
    converged, running = np.zeros(n, dtype=bool), np.isfinite(equations.cost)
    while running.any():
        rows = np.flatnonzero(running)
        trial, gain = _step(
            values[rows], equations.take(rows), damping[rows], project, largest_step
        )
        settled = gain < _SETTLED * np.maximum(equations.cost[rows] / scale[rows], 1)
        last = rows[settled]
        values[last], converged[last] = trial[settled], True
        equations.cost[last] -= gain[settled]
        going = ~settled & (n_evaluations[rows] < limit)
        running[rows] = going
        rows, trial = rows[going], trial[going]
        found = evaluate(rows, trial)
        n_evaluations[rows] += 1
        better = found.cost < equations.cost[rows]
        values[rows[better]] = trial[better]
        equations.put(rows[better], found.take(better))
        damping[rows] = _next_damping(damping[rows], better)
        running[rows] = damping[rows] <= _LAST_DAMPING
    return Minimum(values, equations, converged, n_evaluations)


def _next_damping(damping, better):
    less = np.where(damping > _FIRST_DAMPING, damping / 10, 0.0)
    return np.where(better, less, np.maximum(10 * damping, _FIRST_DAMPING))


def _step(values, equations, damping, project, largest_step):
    """New values within bounds, and what they promise to gain."""
    scale = _scale(equations.hessian)
    hessian = equations.hessian * scale[:, :, None] * scale[:, None, :]
    gradient = equations.gradient * scale
    diagonal = np.arange(hessian.shape[1])
    damped = hessian.copy()
    damped[:, diagonal, diagonal] += damping[:, None] + _RIDGE
    step = _solve(damped, gradient) * scale
    step /= np.maximum((np.abs(step) / largest_step).max(axis=1, keepdims=True), 1)
    new = project(values + step)
    held = np.abs(new - values - step) > 1e-9
    rows = np.flatnonzero(held.any(axis=1))
    if rows.size:
        # What met a bound stays there, and the others are solved for again.
        held = held[rows]
        fixed = np.where(held, (new - values)[rows] / scale[rows], 0.0)
        right = gradient[rows] - _times(hessian[rows], fixed)
        free = damped[rows] * ~held[:, :, None] * ~held[:, None, :]
        free[:, diagonal, diagonal] += held
        step = (_solve(free, np.where(held, 0.0, right)) + fixed) * scale[rows]
        step = np.clip(step, -largest_step, largest_step)
        new[rows] = project(values[rows] + step)
    step = (new - values) / scale
    return new, np.sum(step * (2 * gradient - _times(hessian, step)), axis=1)


def _solve(matrices, vectors):
    return np.linalg.solve(matrices, vectors[:, :, None])[:, :, 0]


def _times(matrices, vectors):
    return np.einsum("nij,nj->ni", matrices, vectors)


def _scale(matrices):
    diagonal = np.diagonal(matrices, axis1=1, axis2=2)
    return 1 / np.sqrt(np.maximum(diagonal, 1e-12))


def inverse(matrices):
    """
    Inverse of symmetric matrices that may be nearly singular.

    Parameters
    ----------
    matrices : `~numpy.ndarray`
        (N, m, m), positive semi-definite, finite.

    Returns
    -------
    `~numpy.ndarray`
        (N, m, m)
    """
    scale = _scale(matrices)
    unit = matrices * scale[:, :, None] * scale[:, None, :]
    unit = unit + _RIDGE * np.eye(unit.shape[1])
    return np.linalg.inv(unit) * scale[:, :, None] * scale[:, None, :]
