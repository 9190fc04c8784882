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


def radius_error(growth, radius, sky_sigma):
    """
    Error of a radius on the growth curve from the noise of the light within.

    Parameters
    ----------
    growth : `~astro_cnnfit.morphology.apertures.Growth`
    radius : float
        Semi-major axis in pixels.
    sky_sigma : float
        Noise per pixel.

    Returns
    -------
    float
        Noise of the sum over the ellipse divided by the light per pixel of
        radius at its edge. It does not know that the total light is noisy too.
    """
    area = np.interp(radius, growth.radii, growth.area)
    low, high = np.interp((radius - 0.5, radius + 0.5), growth.radii, growth.flux)
    if not high > low:
        return np.nan
    return float(sky_sigma * np.sqrt(area) / (high - low))
