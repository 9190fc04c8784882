# Licensed under a 3-clause BSD style license - see LICENSE
"""Which bits of the ``flags`` column a measurement gets."""

import warnings
from functools import lru_cache

import numpy as np
from astropy.utils.exceptions import AstropyUserWarning

from astro_cnnfit import flags
from astro_cnnfit.parameters import LATENT_NAMES, NAMES, PARAMETERS, effective_snr
from astro_cnnfit.psf import fwhm
from astro_cnnfit.wording import counted

__all__ = ["UNMEASURABLE", "point_like", "quality_flags", "warn_of_lost"]

UNMEASURABLE = flags.NO_DATA | flags.FULLY_MASKED | flags.OUTSIDE_IMAGE
"""Bits of stamps that are not shown to a network."""

# Bits of rows that hold NaN.
_LOST = UNMEASURABLE | flags.NON_FINITE | flags.BAD_PSF

# A parameter this close to a bound, relative to it, lies at it.
_MARGIN = 0.01
_BOUNDED = ("r_eff", "n", "ellip")
# A trained range is one of true values; measured ones scatter beyond it.
_SLACK = 0.02
# The noise-equivalent width of a PSF is 0.9 to 1.75 times its FWHM, mostly this.
_NARROWEST, _WIDEST, _TYPICALLY = 0.9, 1.75, 1.26
# Where the S/N is within this factor of a bound, the PSF's width is measured.
_CLOSE = 1.5
# R_eff in widths of the PSF, up to which an object may be a point.
_MAYBE_POINT = 1.0
# FWHM for networks that are not told: KiDS's r band, which GaLNet-1 knows.
_UNKNOWN_FWHM = 3.5


def quality_flags(params, psfs, trained_ranges):
    """
    Bits for parameters at a bound or outside what a network was trained on.

    Parameters
    ----------
    params : `~numpy.ndarray`
        (N, 7) at the scale of the stamp that the network saw, the flux in units
        of the sky noise of a pixel.
    psfs : `~numpy.ndarray` or None
        (N or 1, k, k) at that scale; None for a network without PSF.
    trained_ranges : dict
        Smallest and largest value by name.

    Returns
    -------
    bits : `~numpy.ndarray`
        (N,) int.
    snr : `~numpy.ndarray`
        (N,) S/N within the effective radius, of
        `~astro_cnnfit.parameters.effective_snr`, from the sky's noise alone.
    widths : `~numpy.ndarray`
        (N,) FWHM of the PSFs in pixels, to about 10 % where nothing depends on
        it.
    """
    columns = dict(zip(NAMES, params.T, strict=True))
    bits = np.zeros(len(params), dtype=int)
    outside = np.zeros(len(params), dtype=bool)
    for name, bounds in trained_ranges.items():
        if name in columns:
            outside |= _beyond(columns[name], bounds)
    widths, measured = _widths(psfs, trained_ranges, len(params))
    snr = effective_snr(params, widths)
    if psfs is not None:
        near = _near(snr, trained_ranges.get("snr")) & ~measured
        if near.any():
            widths[near] = fwhm(psfs[near])
            snr[near] = effective_snr(params[near], widths[near])
        if "psf_fwhm" in trained_ranges:
            outside |= _beyond(widths, trained_ranges["psf_fwhm"])
    if "snr" in trained_ranges:
        low, high = trained_ranges["snr"]
        outside |= snr > high * (1 + _SLACK)
        bits[snr < low] |= flags.LOW_SNR
    bits[outside] |= flags.OUTSIDE_TRAINING_RANGE
    bits[_at_bound(columns)] |= flags.AT_BOUND
    return bits, snr, widths


def point_like(network, latent, covariance, psfs):
    """
    Probability that objects are not resolved.

    Parameters
    ----------
    network : `~astro_cnnfit.weights.Network`
        What looked at them.
    latent, covariance : `~numpy.ndarray`
        (N, 7) and (N, 7, 7): what it said, at the scale of the stamps.
    psfs : `~numpy.ndarray` or None
        (N or 1, k, k) that it was given.

    Returns
    -------
    `~numpy.ndarray`
        (N,); NaN where the network has not learnt to tell.
    """
    fit = network.description.get("point_like")
    if fit is None or psfs is None:
        return np.full(len(latent), np.nan)
    # It needs Keras, which is loaded when a network is.
    from astro_cnnfit.weights import point_like_probability

    widths, exact = _widths(psfs, network.trained_ranges, len(latent))
    sizes = 10 ** latent[:, LATENT_NAMES.index("log_r_eff")]
    # Where it is close, a tenth of the width makes a star of a galaxy.
    doubtful = ~exact & (sizes < _MAYBE_POINT * widths)
    if doubtful.any():
        widths[doubtful] = fwhm(psfs[doubtful])
    return point_like_probability(latent, covariance, widths, fit)


def _beyond(values, bounds):
    low, high = bounds
    return (values < low * (1 - _SLACK)) | (values > high * (1 + _SLACK))


def _near(snr, bounds):
    if bounds is None:
        return np.zeros(len(snr), dtype=bool)
    return np.any([(snr > b / _CLOSE) & (snr < b * _CLOSE) for b in bounds], axis=0)


def _widths(psfs, trained_ranges, n):
    """FWHM of N PSFs, and where it is exact: near the bounds of its range."""
    low, high = trained_ranges.get("psf_fwhm", (_UNKNOWN_FWHM, _UNKNOWN_FWHM))
    exact = np.ones(n, dtype=bool)
    if psfs is None:
        return np.full(n, np.sqrt(low * high)), exact
    if len(psfs) == 1:
        return np.repeat(_width(psfs.tobytes(), psfs.dtype, psfs.shape), n), exact
    # Measuring takes far longer than the noise-equivalent area.
    width = np.sqrt(2 * np.log(2) / np.pi / np.square(psfs).sum(axis=(1, 2)))
    near = (width < low * _WIDEST) | (width > high * _NARROWEST)
    width /= _TYPICALLY
    if near.any():
        width[near] = fwhm(psfs[near])
    return width, near


@lru_cache(maxsize=64)
def _width(content, dtype, shape):
    """FWHM of one PSF. All chunks of an image ask for it, twice each."""
    return fwhm(np.frombuffer(content, dtype).reshape(shape))


def _at_bound(columns):
    at_bound = np.zeros(len(columns["flux"]), dtype=bool)
    for parameter in PARAMETERS:
        if parameter.name in _BOUNDED:
            low, high = parameter.bounds
            values = columns[parameter.name]
            at_bound |= values >= high * (1 - _MARGIN)
            # An ellipticity of 0 is a shape like any other.
            at_bound |= (low > 0) & (values <= low * (1 + _MARGIN))
    return at_bound


def warn_of_lost(bits, stacklevel, reasons=_LOST):
    """
    Sum up, in one warning, which galaxies could not be measured.

    Parameters
    ----------
    bits : `~numpy.ndarray` of int
        The column ``flags``.
    stacklevel : int
        Of the warning: 1 points to this function.
    reasons : int
        Bits of galaxies that could not be measured.

    Warns
    -----
    AstropyUserWarning
        If there are any.
    """
    lost = bits & reasons
    if not lost.any():
        return
    named = [
        f"{np.count_nonzero(lost & flag.bit)} {flag.name}"
        for flag in flags.FLAGS
        if np.any(lost & flag.bit)
    ]
    number = np.count_nonzero(lost)
    rows = "its row holds" if number == 1 else "their rows hold"
    warnings.warn(
        f"{number} of {counted(len(bits))} could not be measured "
        f"({', '.join(named)}); {rows} NaN",
        AstropyUserWarning,
        stacklevel=stacklevel,
    )
