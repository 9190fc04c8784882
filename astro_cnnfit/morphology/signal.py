# Licensed under a 3-clause BSD style license - see LICENSE
"""Signal-to-noise per pixel, and errors of the classical measures."""

import numpy as np

__all__ = ["radius_error", "sn_per_pixel"]


def sn_per_pixel(flux, q, radius, sky_sigma):
    """
    Mean S/N of a pixel within the Petrosian ellipse (Tohill et al. 2021, Eq. 3).

    Parameters
    ----------
    flux : float
        Light within the Petrosian radius.
    q : float
        Axis ratio.
    radius : float
        Petrosian radius, semi-major axis in pixels.
    sky_sigma : float
        Noise of the sky per pixel.

    Returns
    -------
    float
        flux / (pi q radius^2 sky_sigma)
    """
    return flux / (np.pi * q * radius**2 * sky_sigma)


def radius_error(growth, radius, fraction, largest, sky_sigma):
    """
    Error of a radius that holds a fraction of the light, from the noise of that.

    The light within the radius F and all light T are noisy, and F - f T has the
    variance sigma^2 ((1 - f)^2 a + f^2 (A - a)) with the areas a within the radius
    and A of the whole aperture. It is divided by the light per pixel of radius at
    the edge.

    Parameters
    ----------
    growth : `~astro_cnnfit.morphology.growth.Growth`
    radius : float
        Semi-major axis in pixels.
    fraction : float
        Of the light, within the radius.
    largest : float
        Semi-major axis of the aperture that holds all light.
    sky_sigma : float
        Noise per pixel.

    Returns
    -------
    float
        In pixels. That the aperture follows a noisy Petrosian radius is left out.
    """
    inside, whole = np.interp((radius, largest), growth.radii, growth.area)
    low, high = np.interp((radius - 0.5, radius + 0.5), growth.radii, growth.flux)
    if not high > low:
        return np.nan
    pixels = (1.0 - fraction) ** 2 * inside + fraction**2 * (whole - inside)
    return float(sky_sigma * np.sqrt(pixels) / (high - low))
