# Licensed under a 3-clause BSD style license - see LICENSE
"""
The Gaussians that make up a galaxy, with their derivatives by size, shape and index.

With its covariance matrix V, a Gaussian of unit flux changes as

    dG = 1/2 (x^T V^-1 dV V^-1 x - tr V^-1 dV) G      in pixels,
    dG = -1/2 (k^T dV k) G                            in frequency space.

Size, shape and index enter V, and the index also the fluxes of the Gaussians. So a
few sums over the same exponentials yield every derivative.
"""

import numpy as np
from keras import ops

from .gaussians import N_GAUSSIANS, N_NODES, N_RANGE, amplitude_table
from .render import _SMOOTHING, _constant, _smoothing_inverse
from .transforms import (
    frequency_products,
    half_to_frequency,
    pixel_polynomial,
    pixel_products,
)

__all__ = ["E_MAX", "transforms_of_galaxies"]

E_MAX = 0.999
"""Longest ellipticity that is drawn: beyond it the square of the minor axis is lost to
rounding (q = 0.0005)."""

_LN10 = np.log(10.0)
# Gaussians broader than this along the major axis (pixels) are drawn in pixels.
_BROAD = 8.0


def transforms_of_galaxies(values, size):
    """
    Transforms of galaxies about their centre, and of their derivatives.

    Parameters
    ----------
    values : tensor
        (N, 7), as `~astro_cnnfit.rendering.derivatives.render_circularised` takes
        them.
    size : int
        Pixels along a side of the grid.

    Returns
    -------
    tensor
        (N, 5, size, half): the model, and its derivatives by log_r, log_n, e1, e2.
    """
    forms = _quadratic_forms(values)
    fluxes, variances, changes, widened = _mixture(values)
    e1, e2 = _ellipticity(values)
    e = ops.sqrt(ops.square(e1) + ops.square(e2))
    stretch = (ops.log1p(e) - ops.log1p(-e))[:, None]
    log_major = 0.5 * (ops.log(variances) + stretch)
    share = ops.sigmoid((log_major - np.log(_BROAD)) / 0.08)
    parts = (fluxes, changes, widened)
    narrow = [variances, *(part * (1 - share) for part in parts)]
    broad = [variances, *(part * share for part in parts)]
    images = _half_in_pixels(broad, forms, size)
    spectra = half_to_frequency(images, size) * _constant(_smoothing_inverse(size))
    return spectra + _in_frequency(narrow, forms, size)


def _quadratic_forms(values):
    """
    Elements xx, xy, yy of matrices, (N, 3, 3).

    That of the galaxy's ellipse, with a determinant of 1, and its derivatives by
    e1 and e2.
    """
    e1, e2 = _ellipticity(values)
    square = ops.square(e1) + ops.square(e2)
    f = 1 / (1 - square)
    trace, a, b = (1 + square) * f, 2 * e1 * f, 2 * e2 * f
    forms = [ops.stack([trace + a, b, trace - a], axis=1)]
    for e, one, other in ((e1, 2 * f, 0.0), (e2, 0.0, 2 * f)):
        common = 4 * e * f * f
        a, b = common * e1 + one, common * e2 + other
        forms.append(ops.stack([common + a, b, common - a], axis=1))
    return ops.stack(forms, axis=1)


def _ellipticity(values):
    e1, e2 = values[:, 5], values[:, 6]
    length = ops.sqrt(ops.square(e1) + ops.square(e2))
    shrink = E_MAX / ops.maximum(length, E_MAX)
    return e1 * shrink, e2 * shrink


def _mixture(values):
    """
    Gaussians, (N, 20) each.

    Fluxes and variances, and how fluxes change with log_n; and the fluxes, times
    the change of the logarithm of the variances, that are made broader.
    """
    low, high = np.log10(N_RANGE)
    scale = (N_NODES - 1) / (high - low)
    position = (ops.clip(values[:, 4], low, high) - low) * scale
    node = ops.clip(ops.floor(position), 0, N_NODES - 2)
    fraction, node = (position - node)[:, None], ops.cast(node, "int32")
    table = _constant(amplitude_table())
    row = ops.take(table, node, axis=0)
    slope = ops.take(table, node + 1, axis=0) - row
    # Fluxes and widths are interpolated linearly, and between two nodes their
    # product sags. With the fluxes of the mirrored place, derivatives are those
    # of a straight line from node to node: a smooth function of n.
    mirrored = row[:, :N_GAUSSIANS] + slope[:, :N_GAUSSIANS] * (1 - fraction)
    row = row + slope * fraction
    # It is constant outside the table's range, whose ends count as inside.
    inside = ops.abs(values[:, 4] - (low + high) / 2) <= (high - low) / 2 + 1e-5
    slope = slope * (scale * ops.cast(inside, "float32")[:, None])
    flux, radius = ops.exp(_LN10 * values[:, 2:3]), ops.exp(_LN10 * values[:, 3:4])
    fluxes, changes = row[:, :N_GAUSSIANS] * flux, slope[:, :N_GAUSSIANS] * flux
    variances = ops.square(ops.exp(row[:, N_GAUSSIANS:]) * radius)
    # Twice: the table holds logarithms of widths, not of variances.
    return fluxes, variances, changes, 2 * slope[:, N_GAUSSIANS:] * mirrored * flux


def _in_frequency(mixture, forms, size):
    """Model, and derivatives by log_r, log_n, e1, e2, of narrow Gaussians."""
    variances, fluxes, changes, widened = mixture
    half = size // 2 + 1
    products = _constant(frequency_products(size))
    squares = -0.5 * ops.matmul(forms, products)
    exponents = variances[:, :, None] * squares[:, None, 0]
    weights = [fluxes, fluxes * variances, changes, widened * variances]
    sums = ops.matmul(ops.stack(weights, axis=1), ops.exp(exponents))
    light, spread, change, spread_by_n = ops.unstack(sums, axis=1)
    squared, by_e1, by_e2 = ops.unstack(squares, axis=1)
    spectra = [
        light,
        2 * _LN10 * squared * spread,
        change + squared * spread_by_n,
        by_e1 * spread,
        by_e2 * spread,
    ]
    return ops.reshape(ops.stack(spectra, axis=1), (-1, 5, size, half))


def _half_in_pixels(mixture, forms, size):
    """
    Draw what `_in_frequency` does, of broad Gaussians, in pixels.

    About the centre; rows from the central one on. The factors k^2 would
    magnify the edges of the image: the derivatives are drawn as they are.
    """
    variances, fluxes, changes, widened = mixture
    form = ops.split(forms[:, 0], 3, axis=1)
    xx = variances * form[0] + _SMOOTHING**2
    xy = variances * form[1]
    yy = variances * form[2] + _SMOOTHING**2
    determinant = xx * yy - ops.square(xy)
    xx, xy, yy = yy / determinant, -xy / determinant, xx / determinant
    exponents = ops.matmul(
        -0.5 * ops.stack([xx, xy, yy], axis=2), _constant(pixel_products(size))
    )
    norm = ops.sqrt(xx * yy - ops.square(xy)) / (2 * np.pi)
    by_form, by_e1, by_e2 = _by_covariance((xx, xy, yy), forms, 0.5 * variances)
    light, change, widened = (
        (norm * part)[:, None] for part in (fluxes, changes, widened)
    )
    by_n = by_form * widened
    by_n = ops.concatenate([by_n[:, :1] + change, by_n[:, 1:]], axis=1)
    weights = [light, 2 * _LN10 * by_form * light, by_n, by_e1 * light, by_e2 * light]
    sums = ops.matmul(ops.concatenate(weights, axis=1), ops.exp(exponents))
    polynomials = ops.reshape(sums[:, 1:], (-1, 4, 4, sums.shape[-1]))
    derivatives = ops.sum(polynomials * _constant(pixel_polynomial(size)), axis=2)
    images = ops.concatenate([sums[:, :1], derivatives], axis=1)
    return ops.reshape(images, (-1, 5, size // 2 + 1, size))


def _by_covariance(inverse, forms, weight):
    """
    Polynomials in 1, x^2, 2 x y, y^2 that derivatives multiply a Gaussian by.

    For covariances that grow by each of the forms, (N, 4, 20) each.
    """
    xx, xy, yy = inverse
    polynomials = []
    for form in ops.unstack(forms, axis=1):
        # The matrix inverse . form . inverse, and the trace of inverse . form.
        a, b, c = ops.split(form, 3, axis=1)
        left, right = xx * a + xy * b, xx * b + xy * c
        low_left, low_right = xy * a + yy * b, xy * b + yy * c
        terms = [
            -(left + low_right),
            left * xx + right * xy,
            left * xy + right * yy,
            low_left * xy + low_right * yy,
        ]
        polynomials.append(ops.stack([term * weight for term in terms], axis=1))
    return polynomials
