# Licensed under a 3-clause BSD style license - see LICENSE
"""
The package's own network: a Gaussian posterior of the seven parameters.

The stamp is looked at twice, relative to its noise and relative to its flux,
by residual blocks at three resolutions, whose channels the PSF scales and
shifts. Its central pixels, the PSF's pixels and a few aperture fluxes go
straight to the dense layers, which thus hold what position, flux and
concentration are to first order. The output is a mean and the Cholesky factor
of the inverse covariance.

Under a policy of mixed precision, only what convolves the stamp is in the lower one:
the rest costs next to no time, and position and flux of a bright galaxy have more
digits than that.
"""

import keras
import numpy as np
from keras import layers, ops

from astro_cnnfit.parameters import encode

from .functions import arcsinh
from .likelihood import covariances, diagonal_places, n_outputs, student_loss
from .modulation import modulate

__all__ = ["OUTPUTS", "build_sersic", "loss", "posterior", "targets"]

# Zero and scale of each latent parameter as the network sees it.
CENTRES = np.array([0.0, 0.0, 3.0, 0.6, 0.15, 0.0, 0.0])
WIDTHS = np.array([0.75, 0.75, 0.3, 0.35, 0.3, 0.3, 0.3])
OUTPUTS = n_outputs(7)
_APERTURES = (2.0, 4.0, 7.5, 12.0, 20.0)
_REFERENCE = 1


@keras.saving.register_keras_serializable("astro_cnnfit")
class StampFeatures(layers.Layer):
    """
    Stamps (N, size, size) -> pixel channels (N, size, size, 2), scalars (N, 7).

    The sky is the median of the border. The scalars are the logarithms of the
    noise-normalised flux in an aperture of 4 pixels, the aperture fluxes
    relative to it, and the sky; the first of them is the flux's zero-point.
    """

    def build(self, shape):
        """Set up the apertures and the border."""
        size = shape[-1]
        y, x = np.mgrid[:size, :size] - (size - 1) / 2
        radius = np.hypot(x, y)
        soft = [np.clip(r + 0.5 - radius, 0, 1) for r in _APERTURES]
        self.apertures = np.stack(soft, -1).reshape(size**2, -1).astype("float32")
        border = np.maximum(np.abs(x), np.abs(y)) > (size - 1) / 2 - 2
        self.border = np.flatnonzero(border)

    def call(self, stamp):
        """Features of the stamps."""
        stamp = ops.cast(stamp, "float32")
        flat = ops.reshape(stamp, (-1, stamp.shape[1] * stamp.shape[2]))
        sky = ops.sort(ops.take(flat, self.border, axis=1), axis=1)
        sky = sky[:, len(self.border) // 2]
        flat = flat - sky[:, None]
        flux = ops.matmul(flat, ops.convert_to_tensor(self.apertures))
        # Softly at least the noise of the aperture, so that it has a logarithm.
        scale = 0.5 * (flux + ops.sqrt(ops.square(flux) + 4 * 15.0**2))
        reference = scale[:, _REFERENCE]
        image = ops.reshape(flat, ops.shape(stamp))
        relative = image * (60 / reference)[:, None, None]
        channels = [arcsinh(image / 2) / 3, arcsinh(relative)]
        scalars = [
            ops.log10(reference)[:, None] - 3,
            arcsinh(flux / reference[:, None]),
            arcsinh(sky / 2)[:, None] / 3,
        ]
        # Sooner than to stack them along the last axis.
        channels = ops.transpose(ops.stack(channels, 1), (0, 2, 3, 1))
        return channels, ops.concatenate(scalars, -1)


def build_sersic(
    filters=(24, 64, 96),
    blocks=1,
    dense=(256, 128),
    size=61,
    psf_size=25,
    psf_filters=(16, 24),
    psf_units=64,
    head="full",
):
    """
    The default network.

    Parameters
    ----------
    filters : sequence of int
        Filters at a half, a quarter and an eighth of the resolution.
    blocks : int
        Residual blocks at each resolution.
    dense : sequence of int
        Units of the dense layers.
    size, psf_size : int
        Pixels on a side of stamp and PSF.
    psf_filters : sequence of int
        Filters of the two convolutions that look at the PSF.
    psf_units : int
        Numbers by which it is then known.
    head : {'full', 'diagonal'}
        Whether the network gives the whole lower triangle or only its diagonal,
        the others being zero.

    Returns
    -------
    keras.Model
        [(N, size, size), (N, psf_size, psf_size)] -> (N, 35): seven means and
        28 entries of a lower triangle, see `posterior`.

    Raises
    ------
    ValueError
        If there is no such head.
    """
    if head not in ("full", "diagonal"):
        raise ValueError(f"head must be 'full' or 'diagonal', got {head!r}")
    stamp = keras.Input((size, size), name="stamp")
    psf = keras.Input((psf_size, psf_size), name="psf")
    pixels, scalars = StampFeatures(dtype="float32")(stamp)
    seen = _psf_path(psf, psf_filters, psf_units)
    x = layers.Conv2D(filters[0], 5, strides=2, padding="same")(pixels)
    for level, number in enumerate(filters):
        if level:
            x = layers.Conv2D(number, 3, strides=2, padding="same")(x)
        x = modulate(x, layers.Concatenate(dtype="float32")([seen, scalars]))
        for _ in range(blocks):
            x = _residual(x, number)
    x = layers.Conv2D(max(filters[-1] // 4, 1), 1, activation="silu")(x)
    margin = (size - 17) // 2
    core = _core(pixels, margin)
    joined = [layers.Flatten(dtype="float32")(x), core, seen, scalars]
    joined = layers.Concatenate(dtype="float32")(joined)
    for units in dense:
        joined = layers.Dense(units, activation="silu", dtype="float32")(joined)
    joined = layers.Concatenate(dtype="float32")([joined, scalars])
    output = _posterior_head(joined, head)
    return keras.Model([stamp, psf], _relative_to_flux(output, scalars))


def _posterior_head(joined, head):
    """All outputs of a dense layer, or zeros off the triangle's diagonal."""
    if head == "full":
        return layers.Dense(OUTPUTS, dtype="float32", name="posterior")(joined)
    number = len(CENTRES)
    columns = np.r_[:number, number + diagonal_places(number)]
    place = np.eye(OUTPUTS, dtype=np.float32)[columns]
    given = layers.Dense(len(columns), dtype="float32", name="posterior")(joined)
    return ops.matmul(given, place)


def _psf_path(psf, filters, units):
    size = psf.shape[-1]
    pixels = ops.stack([psf * 20, arcsinh(psf * 2000) / 4], -1)
    x = pixels
    for kernel, number in zip((5, 3), filters, strict=True):
        x = layers.Conv2D(
            number,
            kernel,
            strides=2,
            padding="same",
            activation="silu",
            dtype="float32",
        )(x)
    joined = [layers.Flatten(dtype="float32")(x), _core(pixels, (size - 9) // 2)]
    joined = layers.Concatenate(dtype="float32")(joined)
    return layers.Dense(units, activation="silu", dtype="float32")(joined)


def _core(pixels, margin):
    """Central pixels, flat."""
    core = layers.Cropping2D(margin, dtype="float32")(pixels)
    return layers.Flatten(dtype="float32")(core)


def _residual(x, filters):
    inner = layers.Activation("silu")(x)
    inner = layers.Conv2D(filters, 3, padding="same", activation="silu")(inner)
    inner = layers.Conv2D(filters, 3, padding="same")(inner)
    return x + 0.5 * inner


def _relative_to_flux(output, scalars):
    """Add the aperture flux to the predicted flux, which is relative to it."""
    zero_point = np.zeros((1, OUTPUTS), np.float32)
    zero_point[0, 2] = 1 / WIDTHS[2]
    return output + ops.cast(scalars[:, :1], "float32") * zero_point


def targets(params):
    """
    Standardised latent parameters.

    Parameters
    ----------
    params : array_like
        (N, 7) physical parameters, flux in sky noises.

    Returns
    -------
    `~numpy.ndarray`
        (N, 7) float32.
    """
    return ((encode(params) - CENTRES) / WIDTHS).astype(np.float32)


loss = student_loss


def posterior(output):
    """
    Latent mean and covariance from the network's output.

    Parameters
    ----------
    output : `~numpy.ndarray`
        (N, 35)

    Returns
    -------
    latent : `~numpy.ndarray`
        (N, 7) float64.
    covariance : `~numpy.ndarray`
        (N, 7, 7) float64.
    """
    mean, covariance = covariances(output, 7)
    return mean * WIDTHS + CENTRES, covariance * WIDTHS[:, None] * WIDTHS
