# Licensed under a 3-clause BSD style license - see LICENSE
"""
Nearby galaxies as they would be seen at higher redshift.

The steps of Tohill et al. (2021), Section 4.3: smaller by the angular-diameter
distance and by the evolution of sizes, dimmer by (1 + z)^4, brighter by the evolution
of the surface brightness, convolved with the target's PSF, on its noise.

Chosen here, as the paper leaves it open or the images do not tell: galaxies have a
Petrosian semi-major axis of 6 kpc today and a mean surface brightness of 21 mag
per square arcsecond; geometry preserves the surface brightness, and what changes it
are dimming and evolution alone; the target is WFC3's F160W as in CANDELS, 0.06" a
pixel and a PSF of 0.18"; its noise is Gaussian with the correlation function that was
measured on drizzled ACS images, which has no faint galaxies in it.
"""

import numpy as np
from astropy.cosmology import FlatLambdaCDM
from astropy.io import fits
from scipy.ndimage import gaussian_filter, map_coordinates

__all__ = [
    "PIXEL_SCALE",
    "PSF_FWHM",
    "brightness",
    "correlated_noise",
    "petrosian_pixels",
    "redshifted",
    "resampled",
]

PIXEL_SCALE = 0.06
PSF_FWHM = 3.0
"""In pixels of the target."""

RPETRO_KPC = 6.0
MU_TODAY = 21.0
SIZE_EVOLUTION, BRIGHTNESS_EVOLUTION = -0.97, -0.13
COSMOLOGY = FlatLambdaCDM(H0=70, Om0=0.3)
_FWHM_OVER_SIGMA = 2.3548


def petrosian_pixels(redshift):
    """
    Petrosian semi-major axis of the galaxies, before the PSF, in pixels.

    Parameters
    ----------
    redshift : float

    Returns
    -------
    float
    """
    arcsec = COSMOLOGY.arcsec_per_kpc_proper(redshift).value * RPETRO_KPC
    return arcsec * (1 + redshift) ** SIZE_EVOLUTION / PIXEL_SCALE


def brightness(redshift):
    """
    Surface brightness relative to that of today.

    Parameters
    ----------
    redshift : float

    Returns
    -------
    float
        (1 + z)^-4 times 10^(-0.4 (mu(z) - mu(0))) with mu(z) = mu(0) (1 + z)^-0.13.
    """
    evolution = MU_TODAY * ((1 + redshift) ** BRIGHTNESS_EVOLUTION - 1)
    return (1 + redshift) ** -4.0 * 10 ** (-0.4 * evolution)


def resampled(image, centre, scale, size, offset=(0.0, 0.0)):
    """
    Image on larger pixels, each the mean over its area.

    Parameters
    ----------
    image : `~numpy.ndarray`
        (ny, nx), zero outside.
    centre : tuple of float
        (x, y) that comes to lie in the middle.
    scale : float
        Old pixels in the side of a new one.
    size : int
        New pixels on a side.
    offset : tuple of float
        (x, y) by which the centre is off the middle, in new pixels.

    Returns
    -------
    `~numpy.ndarray`
        (size, size). The surface brightness stays, the sum is that over ``scale**2``.
    """
    total = np.pad(np.cumsum(np.cumsum(image, axis=0), axis=1), ((1, 0), (1, 0)))
    edges = np.arange(size + 1) - size / 2
    # The edge between pixels 0 and 1 has coordinate 0.5 and place 1 in the sums.
    x, y = (
        np.clip(c + 0.5 + (edges - step) * scale, 0, length)
        for c, step, length in zip(centre, offset, image.shape[::-1], strict=True)
    )
    sums = map_coordinates(total, np.meshgrid(y, x, indexing="ij"), order=1)
    return np.diff(np.diff(sums, axis=0), axis=1) / scale**2


def redshifted(source, redshift, rng, size=101):
    """
    A galaxy at a redshift, noise-free.

    Parameters
    ----------
    source : `~astro_cnnfit.simulation.real_galaxies.Source`
    redshift : float
    rng : `numpy.random.Generator`
        Of the place of the centre within its pixel.
    size : int
        Pixels on a side of the stamp.

    Returns
    -------
    `~numpy.ndarray` or None
        (size, size), in surface brightness of today; None where the galaxy would
        have to be enlarged or its aperture leaves the stamp.
    """
    radius = petrosian_pixels(redshift)
    scale = source.r_petro / radius
    if scale < 1 or 1.5 * radius > size / 2:
        return None
    offset = rng.uniform(-0.5, 0.5, 2)
    seen = resampled(source.image, source.centre, scale, size, offset)
    # What is missing to the target's PSF after the galaxy's own has shrunk.
    width = np.sqrt(max(PSF_FWHM**2 - (source.psf_fwhm / scale) ** 2, 0.0))
    seen = gaussian_filter(seen, width / _FWHM_OVER_SIGMA, mode="constant")
    return seen * brightness(redshift)


def correlated_noise(path, shape, rng):
    """
    Gaussian noise of unit variance with a measured correlation function.

    Parameters
    ----------
    path : path-like
        Image of the correlation function, its peak at zero shift.
    shape : tuple of int
        (N, size, size)
    rng : `numpy.random.Generator`

    Returns
    -------
    `~numpy.ndarray`
        ``shape``, float32.
    """
    function = fits.getdata(path).astype(float)
    peak = np.unravel_index(np.argmax(function), function.shape)
    kernel = np.zeros(shape[1:])
    reach = min(*shape[1:], *(2 * p for p in peak), *(
        2 * (n - 1 - p) for n, p in zip(function.shape, peak, strict=True)
    )) // 2  # fmt: skip
    steps = np.arange(-reach, reach + 1)
    kernel[np.ix_(steps, steps)] = function[
        np.ix_(peak[0] + steps, peak[1] + steps)
    ] / function.max()  # fmt: skip
    # An estimate from data may have a slightly negative power spectrum.
    power = np.clip(np.fft.fft2(kernel).real, 0, None)
    white = rng.standard_normal(shape)
    noise = np.fft.ifft2(np.fft.fft2(white) * np.sqrt(power)).real
    return (noise / np.sqrt(power.mean())).astype(np.float32)
