# Licensed under a 3-clause BSD style license - see LICENSE
"""
Images like those of the Euclid Morphology Challenge's single-Sersic set in VIS.

What is taken from the challenge (Merlin et al. 2023, A&A 671, A101; Bretonniere
et al. 2023, A&A 671, A102; its software at
github.com/Hbretonniere/Euclid_Morphology_Challenge):

* pixels of 0.1 arcsec, zero-point 23.9, a PSF of 0.17 arcsec;
* eleven bins of magnitude from 14 to 25.3, of which the published figures are;
* about 78,000 galaxies of S/N > 5 in a field of 0.48 square degrees, 45 in a
  square arcmin;
* sizes, indices and shapes as the challenge's SourceXtractor++ team set their
  priors for these images: n from 0.3 to 5.5, most below 1.5; ellipticities with a
  scatter of 0.3 a component; sizes about 2.7 pixels for the typical, faint galaxy.

What is assumed: depth 24.5 (10 sigma, an aperture of 2 arcsec) as the survey
requires, by which S/N 5 is reached at 25.25, where the challenge's catalogue ends;
Poisson noise of four exposures of 565 s; number counts of slope 0.33 a magnitude,
on to magnitude 27 with 0.30; median sizes that grow by 0.13 dex a magnitude up to
20 and by 0.17 dex beyond, with a scatter of 0.2 dex; a fifth of the galaxies (two
fifths up to magnitude 20) with an index about 3. The PSF is the Airy pattern of
Euclid's aperture over the band, blurred to 0.17 arcsec before the pixel's response.

Targets lie on a grid, as far apart as 16 of their effective radii, in a field of
neighbours. Their centres are drawn on pixels three times finer, where the PSF is
well sampled, so that the images hold what a sampled PSF cannot tell.
"""

from typing import NamedTuple

import numpy as np
from scipy.ndimage import gaussian_filter

from astro_cnnfit.parameters import amplitude_from_flux, sersic_b
from astro_cnnfit.psf.models import airy
from astro_cnnfit.rendering import render_sersic_numpy

__all__ = ["EDGES", "GAIN", "Scene", "draw_galaxies", "scenes", "vis_psfs"]

EDGES = np.linspace(14.0, 25.3, 12)
"""Edges of the challenge's bins of magnitude."""
PIXEL_SCALE = 0.1
DEPTH, DEPTH_SIGMA, APERTURE = 24.5, 10.0, 2.0
# Flux of a galaxy of magnitude 24.5 in sky noises of a pixel: 177.
FLUX = DEPTH_SIGMA * np.sqrt(np.pi * (APERTURE / 2 / PIXEL_SCALE) ** 2)
# Electrons of a sky noise: four exposures of 565 s, 25.72 mag for one a second.
GAIN = 10 ** (0.4 * (25.72 - DEPTH)) * 4 * 565 / FLUX
DENSITY, DEEPEST = 45.0, 27.0  # a square arcmin, to the last edge

# Aperture of 1.2 m, a third of its diameter obscured, 0.55 to 0.90 micron.
WAVELENGTHS, MIRROR, HOLE = np.linspace(0.575, 0.875, 5), 1.2, 0.33
BLUR = 0.53  # pixels, standard deviation: 0.17 arcsec in all
FINE, PSF_SIZE, CORE = 3, 25, 31

# Sides of the cells that targets lie in, for R_eff up to a sixteenth of them.
SIDES = (121, 241, 481, 961, 2001)
# No galaxy is drawn with its PSF on more pixels: farther out no PSF matters.
LARGEST_CONVOLVED = 241


class Scene(NamedTuple):
    """An image and the targets in it."""

    image: np.ndarray
    """(ny, nx) float32, in sky noises."""
    error: np.ndarray
    """(ny, nx) float32."""
    params: np.ndarray
    """(N, 7) true parameters, the centre in pixels of the image."""
    rows: np.ndarray
    """(N,) which of the galaxies these are."""


def draw_galaxies(rng, n, low, high, slope=0.33):
    """
    Draw magnitudes between two limits, and galaxies of these magnitudes.

    Returns
    -------
    `~numpy.ndarray`
        (n, 7) Sersic parameters; centres are 0, fluxes in sky noises.
    """
    rise = slope * np.log(10)
    share = rng.random(n) * np.expm1(rise * (high - low))
    magnitude = low + np.log1p(share) / rise
    faint, bright = np.maximum(magnitude, 20.0), np.minimum(magnitude, 20.0)
    median = np.log10(0.30) - 0.13 * (faint - DEPTH) - 0.17 * (bright - 20.0)
    r_eff = 10 ** (median + rng.normal(0, 0.2, n)) / PIXEL_SCALE
    r_eff = np.clip(r_eff, 0.5, 300.0)
    early = rng.random(n) < np.where(magnitude < 20, 0.4, 0.2)
    late = 0.25 + 29.75 / (1 + np.exp(3.9 + rng.normal(0, 0.6, n)))
    index = np.where(early, 10 ** rng.normal(0.48, 0.15, n), late)
    e = np.minimum(np.hypot(*rng.normal(0, 0.3, (2, n))), 0.75)
    return np.column_stack(
        [
            np.zeros((n, 2)),
            FLUX * 10 ** (0.4 * (DEPTH - magnitude)),
            r_eff,
            np.clip(index, 0.3, 5.5),
            2 * e / (1 + e),
            rng.uniform(0, np.pi, n),
        ]
    )


def magnitudes(params):
    """Magnitudes of galaxies whose fluxes are in sky noises."""
    return DEPTH - 2.5 * np.log10(params[:, 2] / FLUX)


def vis_psfs():
    """
    The PSF on pixels and on pixels three times finer.

    Returns
    -------
    psf : `~numpy.ndarray`
        (25, 25) effective PSF of unit sum.
    fine : `~numpy.ndarray`
        (75, 75), of which ``psf`` is the sum over 3 x 3 pixels.
    """
    arcsec = np.degrees(1.029 * WAVELENGTHS * 1e-6 / MIRROR) * 3600
    patterns = airy(FINE * arcsec / PIXEL_SCALE, HOLE, size=FINE * PSF_SIZE)
    fine = gaussian_filter(patterns.mean(axis=0).astype(float), FINE * BLUR)
    fine /= fine.sum()
    return fine.reshape(PSF_SIZE, FINE, PSF_SIZE, FINE).sum(axis=(1, 3)), fine


def scenes(rng, galaxies, largest=SIDES[-1]):
    """
    Images with these galaxies in a field of others.

    Parameters
    ----------
    rng : `numpy.random.Generator`
        Source of random numbers.
    galaxies : `~numpy.ndarray`
        (N, 7) Sersic parameters; centres do not matter.
    largest : int
        Largest side of an image in pixels.

    Yields
    ------
    `Scene`
    """
    psf, fine = vis_psfs()
    sides = [side for side in SIDES if side <= largest]
    field = draw_field(rng, largest + largest // 2, psf)
    place = np.searchsorted(sides, 16 * galaxies[:, 3])
    cells = np.array(sides)[np.minimum(place, len(sides) - 1)]
    for side in sides:
        rows = rng.permutation(np.flatnonzero(cells == side))
        across = max(1, largest // side) if side < 900 else 1
        for start in range(0, len(rows), across**2):
            some = rows[start : start + across**2]
            yield make_scene(
                rng, galaxies[some], some, (side, across), field, psf, fine
            )


def draw_field(rng, side, psf):
    """Draw galaxies of the challenge's density and number counts, on a square."""
    area = (side * PIXEL_SCALE / 60) ** 2
    n = rng.poisson(DENSITY * area)
    n_faint = rng.poisson(DENSITY * area * (10 ** (0.3 * (DEEPEST - EDGES[-1])) - 1))
    params = np.concatenate(
        [
            draw_galaxies(rng, n, 18.0, EDGES[-1]),
            draw_galaxies(rng, n_faint, EDGES[-1], DEEPEST, slope=0.30),
        ]
    )
    # A stamp more than 7 effective radii from centre to border holds what matters.
    sides = np.array([61, 121, 241])
    place = np.minimum(np.searchsorted(sides, 15 * params[:, 3]), len(sides) - 1)
    field = np.zeros((side, side), np.float32)
    for number, width in enumerate(sides.tolist()):
        some = params[place == number]
        if width >= side or not len(some):
            continue
        stamps = render_sersic_numpy(some, psf[np.newaxis], (width, width))
        corners = rng.integers(0, side - width, (len(some), 2))
        for stamp, (y, x) in zip(stamps, corners, strict=True):
            field[y : y + width, x : x + width] += stamp
    return field


def make_scene(rng, galaxies, rows, cells, field, psf, fine):
    """Draw galaxies in the cells of a grid, over a part of the field, with noise."""
    side, across = cells
    total = side * across
    top, left = rng.integers(0, len(field) - total + 1, 2)
    light = field[top : top + total, left : left + total]
    light = np.rot90(light[:: rng.choice([-1, 1])], rng.integers(4)).copy()
    params = galaxies.copy()
    params[:, :2] = rng.uniform(-2.5, 2.5, (len(rows), 2))
    corners = side * np.column_stack(np.divmod(np.arange(len(rows)), across))[:, ::-1]
    for image, (x, y) in zip(draw_cells(params, side, psf, fine), corners, strict=True):
        light[y : y + side, x : x + side] += image
    error = np.sqrt(1 + np.maximum(light, 0) / GAIN)
    image = light + error * rng.standard_normal(light.shape, dtype=np.float32)
    params[:, :2] += corners + side // 2
    return Scene(image, error, params, rows)


def draw_cells(params, side, psf, fine):
    """Yield noise-free images of galaxies in the centres of square cells."""
    box = min(side, LARGEST_CONVOLVED)
    near = render_sersic_numpy(params, psf[np.newaxis], (box, box), batch_size=8)
    core = params.copy()
    core[:, [0, 1, 3]] *= FINE
    core = render_sersic_numpy(
        core, fine[np.newaxis], (FINE * CORE, FINE * CORE), batch_size=8
    )
    core = core.reshape(-1, CORE, FINE, CORE, FINE).sum(axis=(2, 4))
    for galaxy, middle, centre in zip(params, near, core, strict=True):
        paste(middle, centre)
        if side == box:
            yield middle
            continue
        image = sersic(galaxy, side)
        paste(image, middle)
        yield image


def paste(image, part):
    """Put a smaller square into the middle of a larger one."""
    start = (len(image) - len(part)) // 2
    image[start : start + len(part), start : start + len(part)] = part


def sersic(galaxy, side):
    """Draw a Sersic profile without PSF, where it varies slowly."""
    x_0, y_0, flux, r_eff, n, ellip, theta = galaxy
    axis = np.arange(side, dtype=np.float32) - side // 2
    x, y = axis - np.float32(x_0), (axis - np.float32(y_0))[:, np.newaxis]
    along = x * np.float32(np.cos(theta)) + y * np.float32(np.sin(theta))
    across = y * np.float32(np.cos(theta)) - x * np.float32(np.sin(theta))
    squared = along**2 + (across * np.float32(1 / (1 - ellip))) ** 2
    b = sersic_b(n)
    power = (squared / np.float32(r_eff**2)) ** np.float32(0.5 / n)
    peak = amplitude_from_flux(flux, r_eff, n, ellip)
    return np.float32(peak) * np.exp(np.float32(-b) * (power - 1))
