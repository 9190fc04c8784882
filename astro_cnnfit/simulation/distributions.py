# Licensed under a 3-clause BSD style license - see LICENSE
"""
Distributions that priors are made of.

Each is a function that returns ``draw(rng, n)``, which draws ``n`` values.
"""

from collections.abc import Callable

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
    "seldom",
    "uniform",
]

# What a distribution is.
Draw = Callable[[np.random.Generator, int], np.ndarray]


def uniform(low, high):
    """Draws from a uniform distribution."""
    return lambda rng, n: rng.uniform(low, high, n)


def log_uniform(low, high):
    """Draws whose logarithm is uniform."""
    return lambda rng, n: np.exp(rng.uniform(np.log(low), np.log(high), n))


def normal(mean, sigma, low=-np.inf, high=np.inf):
    """Draws from a normal distribution, cut at ``low`` and ``high``."""
    return _within(lambda rng, n: rng.normal(mean, sigma, n), low, high)


def log_normal(mean, sigma, low, high):
    """Draws whose decimal logarithm is normal, cut at ``low`` and ``high``."""
    return _within(lambda rng, n: 10 ** rng.normal(mean, sigma, n), low, high)


def f_distribution(numerator, denominator, low, high):
    """Draws from Fisher's F distribution, cut at ``low`` and ``high``."""
    return _within(lambda rng, n: rng.f(numerator, denominator, n), low, high)


def exponential(scale, low, high):
    """Draws that grow exponentially towards ``high``, cut at ``low``."""
    return _within(lambda rng, n: high - rng.exponential(scale, n), low, high)


def _within(draw, low, high):
    """Draw again what falls outside the bounds."""

    def bounded(rng, n):
        values = draw(rng, n)
        while (bad := (values < low) | (values > high)).any():
            values[bad] = draw(rng, int(bad.sum()))
        return values

    return bounded


def constant(value):
    """Always the same value."""

    def draw(rng, n):
        """Return the value n times."""
        return np.full(n, float(value))

    return draw


NONE = constant(0.0)
"""Always zero."""


def seldom(share, draw):
    """Draw zero, but for a share of the galaxies."""
    return lambda rng, n: np.where(rng.random(n) < share, draw(rng, n), 0.0)
