# Licensed under a 3-clause BSD style license - see LICENSE
"""
Images of Sersic galaxies together with their derivatives by the parameters.

All derivatives come from the Gaussians that make up the image. With its
covariance matrix V, a Gaussian of unit flux changes as

    dG = 1/2 (x^T V^-1 dV V^-1 x - tr V^-1 dV) G      in pixels,
    dG = -1/2 (k^T dV k) G                            in frequency space.

Size, shape and index enter V, and the index also the fluxes of the Gaussians;
shifts are factors in frequency space. So a few sums over the same exponentials
yield every derivative. About its own centre a galaxy is symmetric and its
transform is real: image and derivatives together cost as much as
`~astro_cnnfit.rendering.render_sersic` takes for the image alone.
"""

import numpy as np
from keras import ops

from astro_cnnfit.compiled import compiled

from .gaussians import N_GAUSSIANS, N_NODES, N_RANGE, amplitude_table
from .render import _SMOOTHING, _constant, _smoothing_inverse, _to_frequency, grid_size
from .transforms import (
    frequency_axes,
    frequency_products,
    half_to_frequency,
    pixel_polynomial,
    pixel_products,
    shifted,
    to_pixels,
)

__all__ = [
    "render_circularised",
    "render_with_derivatives",
    "render_with_derivatives_numpy",
]

_LN10 = np.log(10.0)
# Gaussians broader than this along the major axis (pixels) are drawn in pixels.
_BROAD = 8.0
_TINY = 1e-9
# Beyond it the square of the minor axis is lost to rounding (q = 0.0005).
_E_MAX = 0.999


def render_with_derivatives(latent, psf, shape=(61, 61)):
    """
    PSF-convolved images of Sersic galaxies and their derivatives.

    Parameters
    ----------
    latent : array_like or tensor
        (N, 7) in the order of `astro_cnnfit.parameters.LATENT_NAMES`, the
        centre in pixels from that of the stamp. ``log_n`` is taken as that of
        0.3 or 8 outside that range.
    psf : array_like or tensor
        (N, k, k) or (1, k, k), k odd: effective PSFs, centred, of unit sum.
    shape : tuple of int
        (ny, nx) of the stamps.

    Returns
    -------
    model : tensor
        (N, ny, nx) float32, in flux per pixel, the images of
        `~astro_cnnfit.rendering.render_sersic`.
    derivatives : tensor
        (N, 7, ny, nx) float32, by each latent parameter.

    Notes
    -----
    Galaxies are drawn about their centre and then shifted. Up to 6 pixels from
    the stamp's centre this changes nothing; further out, broad galaxies lose
    light that the PSF scatters into the stamp from beyond its edge.

    A round galaxy has a kink in e1 and e2, since their length alone makes its
    minor axis shorter; there, the derivatives are the mean of both sides.
    """
    latent = ops.convert_to_tensor(latent, dtype="float32")
    e1, e2 = latent[:, 5], latent[:, 6]
    length = ops.minimum(ops.sqrt(ops.square(e1) + ops.square(e2)), _E_MAX)
    radius = latent[:, 3] + 0.5 / _LN10 * (ops.log1p(-length) - ops.log1p(length))
    values = ops.concatenate([latent[:, :3], radius[:, None], latent[:, 4:]], axis=1)
    model, by_value = render_circularised(values, psf, shape)
    # How log_r_eff at a fixed geometric mean of the axes changes with e.
    slope = -1 / (_LN10 * (1 - ops.square(length)) * ops.maximum(length, _TINY))
    slope = ops.stack([slope * e1, slope * e2], axis=1)[:, :, None, None]
    by_shape = by_value[:, 5:] + slope * by_value[:, 3:4]
    return model, ops.concatenate([by_value[:, :5], by_shape], axis=1)


def render_with_derivatives_numpy(latent, psf, shape=(61, 61), batch_size=16):
    """
    `render_with_derivatives` for any number of galaxies, as `~numpy.ndarray`.

    Parameters
    ----------
    latent, psf, shape
        As for `render_with_derivatives`.
    batch_size : int
        Galaxies rendered together; 16 keep the work within a CPU's cache.

    Returns
    -------
    model : `~numpy.ndarray`
        (N, ny, nx) float32.
    derivatives : `~numpy.ndarray`
        (N, 7, ny, nx) float32.
    """
    latent = np.asarray(latent, dtype=np.float32)
    psf = np.asarray(psf, dtype=np.float32)
    model = np.empty((len(latent), *shape), dtype=np.float32)
    derivatives = np.empty((len(latent), latent.shape[1], *shape), dtype=np.float32)
    for start in range(0, len(latent), batch_size):
        # Filled up to one batch shape: each new shape would be traced anew.
        rows = np.minimum(np.arange(start, start + batch_size), len(latent) - 1)
        own = psf[rows] if len(psf) > 1 else psf
        part = slice(start, start + batch_size)
        for whole, found in zip(
            (model, derivatives),
            _compiled(latent[rows], own, tuple(shape)),
            strict=True,
        ):
            whole[part] = ops.convert_to_numpy(found)[: len(whole[part])]
    return model, derivatives


_compiled = compiled(render_with_derivatives, static=(2,))


def render_circularised(values, psf, shape=(61, 61), block=1):
    """
    Render images and derivatives, by parameters in which they are smooth.

    Parameters
    ----------
    values : array_like or tensor
        (N, 7): latent parameters, with ``log_r_eff`` that of the geometric mean
        of the half-light ellipse's axes, r_eff sqrt(q), in place of its major
        one. In them, a round galaxy has no kink.
    psf, shape
        As for `render_with_derivatives`.
    block : int
        The images are means over blocks of ``block`` x ``block`` pixels each, of
        which there are ``shape``; parameters and PSF are in single pixels.

    Returns
    -------
    model : tensor
        (N, ny, nx)
    derivatives : tensor
        (N, 7, ny, nx), by each of ``values``.
    """
    values = ops.convert_to_tensor(values, dtype="float32")
    psf = ops.convert_to_tensor(psf, dtype="float32")
    size = grid_size([block * side for side in shape], int(psf.shape[-1]))
    unconvolved = _unconvolved(values, _quadratic_forms(values), size)
    real, imag = shifted(_to_frequency(psf, size), values, size)
    real, imag = _spectra(unconvolved, real, imag, size)
    images = to_pixels(real, imag, size, tuple(shape), block)
    model = images[:, :1]
    order = (images[:, 1:3], _LN10 * model, images[:, 3:])
    return model[:, 0], ops.concatenate(order, axis=1)


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
    shrink = _E_MAX / ops.maximum(length, _E_MAX)
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


def _unconvolved(values, forms, size):
    """Transforms of the model and of its derivatives, (N, 5, size, half)."""
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


def _spectra(unconvolved, real, imag, size):
    """Real and imaginary parts of model, x, y, log_r, log_n, e1, e2."""
    k_x, k_y = map(_constant, frequency_axes(size))
    light = unconvolved[:, :1]
    # A shift brings a factor of -i k.
    along, across = light * k_x, light * k_y
    parts = []
    for own, turned in ((real, imag), (imag, -real)):
        own, turned = own[:, None], turned[:, None]
        images = unconvolved * own
        shifts = [along * turned, across * turned]
        parts.append(ops.concatenate([images[:, :1], *shifts, images[:, 1:]], axis=1))
    return parts
