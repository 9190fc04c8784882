# Licensed under a 3-clause BSD style license - see LICENSE
"""
What galaxies, PSFs, noise and neighbours the simulator draws.

A prior is a table of distributions, a line a quantity, in the units that the
networks see: pixels, and fluxes in units of the sky noise of a pixel.
`TABLE1` is Table 1 of Li et al. (2022) with the noise and seeing of KiDS's r
band; `WIDE` covers other surveys, and `BLOCKS` the averaged pixels on which large
galaxies are measured. To train for a survey of your own, replace
what differs::

    from dataclasses import replace
    mine = replace(WIDE, psf_fwhm=uniform(2.5, 3.5))

and give it to `~astro_cnnfit.training.TrainingConfig` as ``prior={"mine": mine}``.
"""

from dataclasses import dataclass, replace

import numpy as np

from astro_cnnfit.psf.models import airy, double_moffat
from astro_cnnfit.psf.sampling import SOFTENING

from .distributions import (
    NONE,
    Draw,
    constant,
    exponential,
    f_distribution,
    log_normal,
    log_uniform,
    normal,
    recorded,
    seldom,
    uniform,
)

__all__ = [
    "BLOCKS",
    "NONE",
    "PRIORS",
    "TABLE1",
    "WIDE",
    "Prior",
    "constant",
    "draw_galaxies",
    "draw_psfs",
    "exponential",
    "f_distribution",
    "log_normal",
    "log_uniform",
    "normal",
    "uniform",
]


@dataclass(frozen=True)
class Prior:
    """
    Distributions of all that makes a scene.

    Each is a function of a `numpy.random.Generator` and a number of draws.
    """

    x_0: Draw
    y_0: Draw
    flux: Draw
    """Total flux in units of the sky noise of one pixel."""
    r_eff: Draw
    n: Draw
    q: Draw
    psf_fwhm: Draw
    psf_beta: Draw
    """Exponent of the inner Moffat profile."""
    psf_ellip: Draw
    wing_fraction: Draw
    """Share of the flux in the PSF's outer Moffat profile."""
    wing_scale: Draw
    """FWHM of the outer Moffat profile in units of the inner one's."""
    poisson: Draw
    """Variance of a pixel's Poisson noise, in sky variances, per unit of its
    flux in sky noises: 1 / (gain x sky noise)."""
    pedestal: Draw
    """Unknown sky level, in sky noises."""
    correlation: Draw
    """Weight of the four nearest pixels in the noise's smoothing kernel."""
    noise_error: Draw
    """Factor by which the sky noise is misjudged."""
    n_neighbours: float
    """Mean number of neighbours on a stamp and its rim."""
    neighbour_flux: Draw
    """Total flux of a neighbour, in sky noises, from number counts."""
    neighbour_contrast: Draw
    """Flux of a neighbour relative to the galaxy's, for half of them."""
    clear_radius: float
    """Neighbours keep this far from the centre (pixels); nearer ones would not
    have been told apart when the galaxy was detected."""
    min_snr: float
    """Smallest S/N in the aperture of `snr_radius`; fainter galaxies are drawn
    again."""
    snr_radius: float = 7.5
    snr: Draw | None = None
    """S/N within the effective radius; the flux then follows from it, and
    ``flux`` is not used."""
    outshone: float = np.inf
    """Neighbours that shed more light on the galaxy's centre than this, relative
    to its own, are left out: the galaxy would not have been found."""
    airy_share: float = 0.0
    """Share of the PSFs that are Airy patterns, not double Moffat profiles."""
    psf_taper: bool = False
    """Whether PSFs fade towards the edge of their stamps: broad ones, cut off
    square, would leave their corners in bright images."""
    psf_offset: Draw = NONE
    """Distance of the PSF from the centre of its stamp, along each axis."""
    psf_error: Draw = NONE
    """Relative error of the width of the PSF that the network is given."""
    masked: Draw = NONE
    """Share of the stamp's pixels that are masked, roughly."""
    block: int = 1
    """Side of the blocks of pixels that are averaged. Lengths are those of the
    averaged pixels, except for the PSF's, which is that before averaging."""


# KiDS's r band: pixels of 0.2 arcsec, zero-point 30, sky noise 2.26 a pixel,
# 12 electrons a count.
PIXEL_SCALE = 0.2
ZEROPOINT = 30.0
SKY_SIGMA = 2.26
GAIN = 12.0


@recorded
def kids_flux(magnitude):
    """Turn draws of a KiDS magnitude into draws of a flux in sky noises."""
    return lambda rng, n: 10 ** (0.4 * (ZEROPOINT - magnitude(rng, n))) / SKY_SIGMA


@recorded
def kids_pixels(arcsec):
    """Turn draws in arcsec into draws in KiDS pixels."""
    return lambda rng, n: arcsec(rng, n) / PIXEL_SCALE


TABLE1 = Prior(
    x_0=kids_pixels(normal(0.0, 0.15, -0.4, 0.4)),
    y_0=kids_pixels(normal(0.0, 0.15, -0.4, 0.4)),
    flux=kids_flux(exponential(1.0, 17.0, 22.0)),
    r_eff=kids_pixels(log_normal(-0.1, 0.4, 0.2, 4.0)),
    # Table 1 goes down to 0.1; the renderer to 0.3 (1 % of the draws lie below).
    n=f_distribution(30, 5, 0.3, 8.0),
    q=uniform(0.2, 1.0),
    # With its wings and the pixel's response a PSF measures 0.70 +- 0.11 arcsec.
    psf_fwhm=kids_pixels(normal(0.665, 0.112, 0.42, 1.15)),
    psf_beta=normal(3.0, 0.4, 2.2, 4.5),
    psf_ellip=uniform(0.0, 0.12),
    wing_fraction=uniform(0.0, 0.15),
    wing_scale=uniform(1.3, 2.5),
    poisson=constant(1 / (GAIN * SKY_SIGMA)),
    pedestal=normal(0.0, 0.1),
    correlation=constant(0.0),
    noise_error=log_normal(0.0, 0.02, 0.8, 1.25),
    n_neighbours=1.0,
    neighbour_flux=kids_flux(exponential(1.0, 17.0, 24.5)),
    neighbour_contrast=log_uniform(0.03, 3.0),
    # The paper's backgrounds have nothing bright in their central region: here
    # the aperture in which its S/N is taken.
    clear_radius=7.5,
    min_snr=50.0,
)


WIDE = Prior(
    x_0=normal(0.0, 0.8, -2.5, 2.5),
    y_0=normal(0.0, 0.8, -2.5, 2.5),
    flux=constant(np.nan),
    r_eff=log_uniform(0.25, 17.0),
    n=log_uniform(0.3, 8.0),
    q=uniform(0.05, 1.0),
    # The pixel's response adds 0.2 to 0.4 pixels to the narrowest.
    psf_fwhm=log_uniform(1.45, 8.0),
    psf_beta=uniform(2.0, 5.0),
    psf_ellip=uniform(0.0, 0.25),
    wing_fraction=uniform(0.0, 0.35),
    wing_scale=uniform(1.3, 3.0),
    poisson=log_uniform(1e-3, 0.5),
    pedestal=normal(0.0, 1.0),
    correlation=uniform(0.0, 0.35),
    noise_error=log_normal(0.0, 0.04, 0.7, 1.4),
    n_neighbours=1.2,
    neighbour_flux=log_uniform(20.0, 3e4),
    neighbour_contrast=log_uniform(0.03, 16.0),
    clear_radius=5.0,
    min_snr=0.0,
    snr=log_uniform(7.0, 3000.0),
    outshone=0.5,
    airy_share=0.15,
    psf_taper=True,
    psf_offset=seldom(0.3, uniform(-0.5, 0.5)),
    psf_error=seldom(0.3, uniform(-0.05, 0.05)),
    masked=seldom(0.25, uniform(0.0, 0.3)),
)

# Blocks of two stand for all: the averages of larger ones are as sharp.
BLOCKS = replace(
    WIDE,
    r_eff=log_uniform(2.5, 13.0),
    psf_fwhm=log_uniform(1.3, 7.0),
    correlation=constant(SOFTENING),
    block=2,
)

PRIORS = {"table1": TABLE1, "wide": WIDE, "blocks": BLOCKS}


def draw_galaxies(prior, rng, n):
    """
    Draw Sersic parameters.

    Parameters
    ----------
    prior : `Prior`
        The distributions.
    rng : `numpy.random.Generator`
        Source of random numbers.
    n : int
        Number of galaxies.

    Returns
    -------
    `~numpy.ndarray`
        (n, 7) in the order of `astro_cnnfit.parameters.NAMES`, flux in sky
        noises.
    """
    columns = [prior.x_0, prior.y_0, prior.flux, prior.r_eff, prior.n]
    columns = [draw(rng, n) for draw in columns]
    return np.column_stack([*columns, 1 - prior.q(rng, n), rng.uniform(0, np.pi, n)])


def draw_psfs(prior, rng, n, size=25):
    """
    Draw PSFs: double Moffat profiles with one common ellipticity, or Airy patterns.

    Parameters
    ----------
    prior : `Prior`
        The distributions.
    rng : `numpy.random.Generator`
        Source of random numbers.
    n : int
        Number of PSFs.
    size : int
        Pixels on a side.

    Returns
    -------
    true : `~numpy.ndarray`
        (n, size, size) float32 of unit sum.
    given : `~numpy.ndarray`
        The same, too wide or too narrow by the prior's ``psf_error``: what an
        observer takes for the PSF.
    """
    fwhm, ellip = prior.psf_fwhm(rng, n), prior.psf_ellip(rng, n)
    theta = rng.uniform(0, np.pi, n)
    wings, beta = prior.wing_fraction(rng, n), prior.psf_beta(rng, n)
    scale, outer_beta = prior.wing_scale(rng, n), rng.uniform(2.0, 4.0, n)
    x_0, y_0 = prior.psf_offset(rng, n), prior.psf_offset(rng, n)
    is_airy = rng.random(n) < prior.airy_share
    hole = rng.uniform(0.0, 0.4, n)
    error = prior.psf_error(rng, n)

    def draw(fwhm):
        psfs = double_moffat(
            fwhm, beta, ellip, theta, fwhm * scale, outer_beta, ellip, theta,
            wings, x_0=x_0, y_0=y_0, size=size,
        )  # fmt: skip
        if is_airy.any():
            some = [values[is_airy] for values in (fwhm, hole, ellip, theta, x_0, y_0)]
            psfs[is_airy] = airy(*some[:4], x_0=some[4], y_0=some[5], size=size)
        return _tapered(psfs) if prior.psf_taper else psfs

    true = draw(fwhm)
    return true, draw(fwhm * (1 + error)) if error.any() else true


def _tapered(psfs):
    """Let PSFs fade to nothing from 3/4 of the way to the edge on."""
    size = psfs.shape[1]
    axis = (np.arange(size) - (size - 1) / 2) / (size / 2)
    radius = np.hypot(axis, axis[:, np.newaxis])
    fading = np.clip((1.0 - radius) / 0.25, 0, 1)
    psfs = psfs * (fading**2 * (3 - 2 * fading)).astype(np.float32)
    return psfs / psfs.sum(axis=(1, 2), keepdims=True)
