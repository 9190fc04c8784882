# Licensed under a 3-clause BSD style license - see LICENSE
"""
Analytic point-spread functions: Gaussian, Moffat, double Moffat and Airy.

All are drawn for many sets of parameters at once, integrated over the pixel
(so that they are effective PSFs, as one measured from stars is), centred on the
central pixel and scaled to unit sum. Parameters are scalars or arrays that
broadcast to one dimension, of length N.

The FWHM of an elliptical profile is the geometric mean of those along its two
axes: the FWHM of the round profile of the same area. It is that of the profile
before the integration over the pixel; `astro_cnnfit.psf.fwhm` measures a stamp,
where the pixel adds about 0.46 square pixels to the square of a Gaussian's FWHM,
and more to that of a profile with a sharper peak.
"""

import numpy as np
from scipy.special import j1

__all__ = ["airy", "double_moffat", "gaussian", "moffat"]

# Nodes per pixel and axis. Five leave an error below 2e-5 of the peak for a
# Moffat profile of FWHM 1.2 pixels and axis ratio 0.5, the sharpest in use.
_N_NODES = 5
# FWHM of the Airy pattern of a clear aperture, in wavelengths over its diameter.
_AIRY_FWHM = 1.028993969962188


def gaussian(fwhm, ellip=0.0, theta=0.0, *, size=25):
    """
    Draw pixel-integrated Gaussian PSFs.

    Parameters
    ----------
    fwhm : float or array_like, shape (N,)
        Full width at half maximum in pixels (geometric mean of both axes).
    ellip : float or array_like, shape (N,)
        Ellipticity 1 - q, in [0, 1).
    theta : float or array_like, shape (N,)
        Angle of the major axis in radians, counter-clockwise from +x.
    size : int
        Width of the stamps in pixels, odd.

    Returns
    -------
    stamps : `~numpy.ndarray`, shape (N, size, size), float32
        Unit sum.

    Raises
    ------
    ValueError
        If a parameter is outside its range or ``size`` is not a positive odd
        number.
    """
    fwhm, ellip, theta = _columns(fwhm=fwhm, ellip=ellip, theta=theta)
    _check_shape(fwhm, ellip)

    def profile(x, y):
        return np.exp(-4 * np.log(2.0) * _radius2(x, y, ellip, theta) / fwhm**2)

    return _draw(profile, size)


def moffat(fwhm, beta, ellip=0.0, theta=0.0, *, size=25):
    """
    Draw pixel-integrated Moffat PSFs.

    The profile is (1 + (r / alpha)^2)^-beta with
    alpha = fwhm / (2 sqrt(2^(1 / beta) - 1)) (Moffat 1969).

    Parameters
    ----------
    fwhm : float or array_like, shape (N,)
        Full width at half maximum in pixels (geometric mean of both axes).
    beta : float or array_like, shape (N,)
        Exponent, above 1 (below, the flux is infinite).
    ellip : float or array_like, shape (N,)
        Ellipticity 1 - q, in [0, 1).
    theta : float or array_like, shape (N,)
        Angle of the major axis in radians, counter-clockwise from +x.
    size : int
        Width of the stamps in pixels, odd.

    Returns
    -------
    stamps : `~numpy.ndarray`, shape (N, size, size), float32
        Unit sum.

    Raises
    ------
    ValueError
        If a parameter is outside its range or ``size`` is not a positive odd
        number.
    """
    columns = _columns(fwhm=fwhm, beta=beta, ellip=ellip, theta=theta)
    profile = _moffat_profile(*columns)
    return _draw(profile, size)


def double_moffat(
    fwhm_1, beta_1, ellip_1, theta_1,
    fwhm_2, beta_2, ellip_2, theta_2,
    fraction, *, x_0=0.0, y_0=0.0, size=25,
):  # fmt: skip
    """
    Draw pixel-integrated sums of two concentric Moffat profiles.

    This is the PSF model of 2DPHOT (La Barbera et al. 2008), which GaLNets were
    trained with: each of the two has its own width, exponent, ellipticity and
    angle.

    Parameters
    ----------
    fwhm_1, beta_1, ellip_1, theta_1 : float or array_like, shape (N,)
        The first profile, as `moffat` takes it.
    fwhm_2, beta_2, ellip_2, theta_2 : float or array_like, shape (N,)
        The second profile.
    fraction : float or array_like, shape (N,)
        Fraction of the total flux (to infinity) that is in the second profile,
        from 0 to 1.
    x_0, y_0 : float or array_like, shape (N,)
        Centre, in pixels from that of the stamp.
    size : int
        Width of the stamps in pixels, odd.

    Returns
    -------
    stamps : `~numpy.ndarray`, shape (N, size, size), float32
        Unit sum.

    Raises
    ------
    ValueError
        If a parameter is outside its range or ``size`` is not a positive odd
        number.
    """
    columns = _columns(
        fwhm_1=fwhm_1, beta_1=beta_1, ellip_1=ellip_1, theta_1=theta_1,
        fwhm_2=fwhm_2, beta_2=beta_2, ellip_2=ellip_2, theta_2=theta_2,
        fraction=fraction, x_0=x_0, y_0=y_0,
    )  # fmt: skip
    fraction, x_0, y_0 = columns[8:]
    if not np.all((fraction >= 0) & (fraction <= 1)):
        raise ValueError("fraction must be between 0 and 1")
    first, second = _moffat_profile(*columns[:4]), _moffat_profile(*columns[4:8])

    def profile(x, y):
        x, y = x - x_0, y - y_0
        return (1 - fraction) * first(x, y) + fraction * second(x, y)

    return _draw(profile, size)


def airy(fwhm, obscuration=0.0, ellip=0.0, theta=0.0, *, x_0=0.0, y_0=0.0, size=25):
    """
    Draw pixel-integrated Airy patterns of annular apertures.

    With J1 the Bessel function, u the distance in units of wavelength over
    (pi times diameter) and s the obscuration, the profile is
    (2 J1(u) / u - s^2 2 J1(s u) / (s u))^2 (Born & Wolf 1999, Sect. 8.6.2).

    Parameters
    ----------
    fwhm : float or array_like, shape (N,)
        Full width at half maximum of the pattern of the *clear* aperture, in
        pixels (geometric mean of both axes).
    obscuration : float or array_like, shape (N,)
        Inner diameter over outer diameter, in [0, 1).
    ellip, theta : float or array_like, shape (N,)
        As `moffat` takes them.
    x_0, y_0 : float or array_like, shape (N,)
        Centre, in pixels from that of the stamp.
    size : int
        Width of the stamps in pixels, odd.

    Returns
    -------
    stamps : `~numpy.ndarray`, shape (N, size, size), float32
        Unit sum.

    Raises
    ------
    ValueError
        If a parameter is outside its range or ``size`` is not a positive odd
        number.
    """
    fwhm, hole, ellip, theta, x_0, y_0 = _columns(
        fwhm=fwhm, obscuration=obscuration, ellip=ellip, theta=theta, x_0=x_0, y_0=y_0
    )
    _check_shape(fwhm, ellip)
    if not np.all((hole >= 0) & (hole < 1)):
        raise ValueError("obscuration must be in [0, 1)")
    scale = np.pi * _AIRY_FWHM / fwhm

    def profile(x, y):
        u = scale * np.sqrt(_radius2(x - x_0, y - y_0, ellip, theta))
        return (_jinc(u) - hole**2 * _jinc(hole * u)) ** 2

    return _draw(profile, size)


def _jinc(u):
    """Return 2 J1(u) / u, 1 at the origin."""
    u = np.maximum(u, 1e-8)
    return 2 * j1(u) / u


def _columns(**parameters):
    """Broadcast parameters to one length and to the shape (N, 1, 1)."""
    values = {name: np.asarray(value, float) for name, value in parameters.items()}
    for name, value in values.items():
        if value.ndim > 1:
            raise ValueError(
                f"{name} must be a number or a 1-D array, got shape {value.shape}"
            )
        if not np.all(np.isfinite(value)):
            raise ValueError(f"{name} must be finite")
    arrays = np.broadcast_arrays(*map(np.atleast_1d, values.values()))
    return [array[:, np.newaxis, np.newaxis] for array in arrays]


def _check_shape(fwhm, ellip):
    if not np.all(fwhm > 0):
        raise ValueError("fwhm must be positive")
    if not np.all((ellip >= 0) & (ellip < 1)):
        raise ValueError("ellip must be in [0, 1)")


def _moffat_profile(fwhm, beta, ellip, theta):
    """Return a Moffat profile of unit flux as a function of x and y."""
    _check_shape(fwhm, ellip)
    if not np.all(beta > 1):
        raise ValueError("beta must be above 1")
    alpha2 = fwhm**2 / (4 * (2 ** (1 / beta) - 1))
    peak = (beta - 1) / (np.pi * alpha2)

    def profile(x, y):
        return peak * (1 + _radius2(x, y, ellip, theta) / alpha2) ** -beta

    return profile


def _radius2(x, y, ellip, theta):
    """Square of the elliptical radius that keeps the area of the circle."""
    axis_ratio = 1 - ellip
    cosine, sine = np.cos(theta), np.sin(theta)
    major = x * cosine + y * sine
    minor = y * cosine - x * sine
    return axis_ratio * major**2 + minor**2 / axis_ratio


def _draw(profile, size):
    """Integrate a profile over each pixel by Gauss-Legendre quadrature."""
    if size != int(size) or size < 1 or size % 2 == 0:
        raise ValueError(f"size must be a positive odd number, got {size}")
    nodes, weights = np.polynomial.legendre.leggauss(_N_NODES)
    centres = np.arange(size) - (size - 1) / 2
    # A sum over the nodes, not one array of all: memory stays that of the result.
    stamps = 0.0
    for y_node, y_weight in zip(nodes / 2, weights / 2, strict=True):
        for x_node, x_weight in zip(nodes / 2, weights / 2, strict=True):
            x, y = centres + x_node, (centres + y_node)[:, np.newaxis]
            stamps = stamps + x_weight * y_weight * profile(x, y)
    stamps /= stamps.sum(axis=(1, 2), keepdims=True)
    return stamps.astype(np.float32)
