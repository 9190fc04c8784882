# Licensed under a 3-clause BSD style license - see LICENSE
"""
Distributions that priors are made of.

Each is a function that returns ``draw(rng, n)``, which draws ``n`` values.
"""

import inspect
from collections.abc import Callable
from functools import wraps

import numpy as np

__all__ = [
    "NONE",
    "Draw",
    "constant",
    "exponential",
    "f_distribution",
    "log_normal",
    "log_uniform",
    "normal",
    "recorded",
    "seldom",
    "uniform",
]

# What a distribution is.
Draw = Callable[[np.random.Generator, int], np.ndarray]


def recorded(make):
    """
    Let what a function makes say how it was made.

    Parameters
    ----------
    make : callable
        Returns a distribution.

    Returns
    -------
    callable
        The same, whose distributions have ``recipe``: name and arguments.
    """
    signature = inspect.signature(make)

    @wraps(make)
    def wrapped(*values, **named):
        draw = make(*values, **named)
        bound = signature.bind(*values, **named)
        if named:
            bound.apply_defaults()
        draw.recipe = make.__name__, bound.args
        return draw

    return wrapped


@recorded
def uniform(low, high):
    """
    Draws from a uniform distribution.

    Parameters
    ----------
    low, high : float
        Bounds.

    Returns
    -------
    callable
        ``draw(rng, n)``.
    """
    return lambda rng, n: rng.uniform(low, high, n)


@recorded
def log_uniform(low, high):
    """
    Draws whose logarithm is uniform.

    Parameters
    ----------
    low, high : float
        Bounds, both positive.

    Returns
    -------
    callable
        ``draw(rng, n)``.
    """
    return lambda rng, n: np.exp(rng.uniform(np.log(low), np.log(high), n))


@recorded
def normal(mean, sigma, low=-np.inf, high=np.inf):
    """
    Draws from a normal distribution, cut at ``low`` and ``high``.

    Parameters
    ----------
    mean, sigma : float
        Of the distribution before it is cut.
    low, high : float
        Bounds.

    Returns
    -------
    callable
        ``draw(rng, n)``.
    """
    return _within(lambda rng, n: rng.normal(mean, sigma, n), low, high)


@recorded
def log_normal(mean, sigma, low, high):
    """
    Draws whose decimal logarithm is normal, cut at ``low`` and ``high``.

    Parameters
    ----------
    mean, sigma : float
        Of the decimal logarithm.
    low, high : float
        Bounds of the values, not of their logarithms.

    Returns
    -------
    callable
        ``draw(rng, n)``.
    """
    return _within(lambda rng, n: 10 ** rng.normal(mean, sigma, n), low, high)


@recorded
def f_distribution(numerator, denominator, low, high):
    """
    Draws from Fisher's F distribution, cut at ``low`` and ``high``.

    Parameters
    ----------
    numerator, denominator : float
        Degrees of freedom.
    low, high : float
        Bounds.

    Returns
    -------
    callable
        ``draw(rng, n)``.
    """
    return _within(lambda rng, n: rng.f(numerator, denominator, n), low, high)


@recorded
def exponential(scale, low, high):
    """
    Draws that grow exponentially towards ``high``, cut at ``low``.

    Parameters
    ----------
    scale : float
        In which the density grows by a factor of e.
    low, high : float
        Bounds.

    Returns
    -------
    callable
        ``draw(rng, n)``.
    """
    return _within(lambda rng, n: high - rng.exponential(scale, n), low, high)


def _within(draw, low, high):
    """Draw again what falls outside the bounds."""

    def bounded(rng, n):
        values = draw(rng, n)
        while (bad := (values < low) | (values > high)).any():
            values[bad] = draw(rng, int(bad.sum()))
        return values

    return bounded


@recorded
def constant(value):
    """
    Always the same value.

    Parameters
    ----------
    value : float
        Of all draws.

    Returns
    -------
    callable
        ``draw(rng, n)``.
    """

    def draw(rng, n):
        """Return the value n times."""
        return np.full(n, float(value))

    return draw


NONE = constant(0.0)
"""Always zero."""


@recorded
def seldom(share, draw):
    """
    Draw zero, but for a share of the galaxies.

    Parameters
    ----------
    share : float
        From 0 to 1.
    draw : callable
        The distribution of the others.

    Returns
    -------
    callable
        ``draw(rng, n)``.
    """
    return lambda rng, n: np.where(rng.random(n) < share, draw(rng, n), 0.0)
