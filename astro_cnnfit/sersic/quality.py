# Licensed under a 3-clause BSD style license - see LICENSE
"""Which bits of the ``flags`` column a measurement gets."""

import warnings

import numpy as np
from astropy.utils.exceptions import AstropyUserWarning

from astro_cnnfit import flags
from astro_cnnfit.parameters import NAMES, PARAMETERS
from astro_cnnfit.psf import fwhm

__all__ = ["UNMEASURABLE", "quality_flags", "warn_of_lost"]

UNMEASURABLE = flags.NO_DATA | flags.FULLY_MASKED | flags.OUTSIDE_IMAGE
"""Bits of stamps that are not shown to a network."""

# A parameter this close to a bound, relative to it, lies at it.
_MARGIN = 0.01
_BOUNDED = ("r_eff", "n", "ellip")
# A trained range is one of true values; measured ones scatter beyond it.
_SLACK = 0.02
_WINGS = 1.8


def quality_flags(params, snr, psfs, trained_ranges):
    """
    Bits for parameters at a bound or outside what a network was trained on.

    Parameters
    ----------
    params : `~numpy.ndarray`
        (N, 7) at the scale of the stamp that the network saw.
    snr : `~numpy.ndarray`
        (N,)
    psfs : `~numpy.ndarray` or None
        (N or 1, k, k) at that scale; None for a network without PSF.
    trained_ranges : dict
        Smallest and largest value by name.

    Returns
    -------
    `~numpy.ndarray`
        (N,) int.
    """
    columns = dict(zip(NAMES, params.T, strict=True))
    bits = np.zeros(len(params), dtype=int)
    outside = np.zeros(len(params), dtype=bool)
    for name, bounds in trained_ranges.items():
        if name in columns:
            outside |= _beyond(columns[name], bounds)
    if "snr" in trained_ranges:
        low, high = trained_ranges["snr"]
        outside |= snr > high * (1 + _SLACK)
        bits[snr < low] |= flags.LOW_SNR
    if psfs is not None and "psf_fwhm" in trained_ranges:
        bounds = trained_ranges["psf_fwhm"]
        outside |= _beyond(_widths(psfs, bounds), bounds)
    bits[outside] |= flags.OUTSIDE_TRAINING_RANGE
    bits[_at_bound(columns)] |= flags.AT_BOUND
    return bits


def _beyond(values, bounds):
    low, high = bounds
    return (values < low * (1 - _SLACK)) | (values > high * (1 + _SLACK))


def _widths(psfs, bounds):
    """FWHM of PSFs, exact where it may be beyond the bounds."""
    # The noise-equivalent area gives that of a Gaussian, and up to 1.75 times
    # that of profiles with wings. Measuring the FWHM takes far longer.
    width = np.sqrt(2 * np.log(2) / np.pi / np.square(psfs).sum(axis=(1, 2)))
    low, high = bounds
    near = np.flatnonzero((width < low * _WINGS) | (width > high))
    if near.size:
        width[near] = fwhm(psfs[near])
    return width


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


def warn_of_lost(bits, stacklevel):
    """
    Sum up, in one warning, which galaxies could not be measured.

    Parameters
    ----------
    bits : `~numpy.ndarray` of int
        The column ``flags``.
    stacklevel : int
        Of the warning: 1 points to this function.

    Warns
    -----
    AstropyUserWarning
        If there are any.
    """
    lost = bits & (UNMEASURABLE | flags.NON_FINITE)
    if not lost.any():
        return
    reasons = [
        f"{np.count_nonzero(lost & flag.bit)} {flag.name}"
        for flag in flags.FLAGS
        if np.any(lost & flag.bit)
    ]
    warnings.warn(
        f"{np.count_nonzero(lost)} of {len(bits)} galaxies could not be measured "
        f"({', '.join(reasons)}); their rows hold NaN",
        AstropyUserWarning,
        stacklevel=stacklevel,
    )
