# Licensed under a 3-clause BSD style license - see LICENSE
"""
Images of Sersic galaxies together with their derivatives by the parameters.

Those by size, shape and index come from the Gaussians that make up the image;
shifts are factors in frequency space. About its own centre a galaxy is symmetric
and its transform is real: image and derivatives together cost as much as
`~astro_cnnfit.rendering.render_sersic` takes for the image alone.
"""

import numpy as np
from keras import ops

from astro_cnnfit.compiled import compiled

from .gaussian_derivatives import E_MAX, transforms_of_galaxies
from .render import _constant, _to_frequency, grid_size
from .transforms import frequency_axes, shifted, to_pixels

__all__ = [
    "render_circularised",
    "render_with_derivatives",
    "render_with_derivatives_numpy",
]

_LN10 = np.log(10.0)
_TINY = 1e-9


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
    length = ops.minimum(ops.sqrt(ops.square(e1) + ops.square(e2)), E_MAX)
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
    unconvolved = transforms_of_galaxies(values, size)
    real, imag = shifted(_to_frequency(psf, size), values, size)
    real, imag = _spectra(unconvolved, real, imag, size)
    images = to_pixels(real, imag, size, tuple(shape), block)
    model = images[:, :1]
    order = (images[:, 1:3], _LN10 * model, images[:, 3:])
    return model[:, 0], ops.concatenate(order, axis=1)


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
