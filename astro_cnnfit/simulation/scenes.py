# Licensed under a 3-clause BSD style license - see LICENSE
"""
Scenes: galaxies with neighbours, before a camera sees them.

`draw_scenes` makes noise-free galaxies, their PSFs and a layer of neighbours
for each; it is the slow part, and its result may be used several times.
`~astro_cnnfit.simulation.exposure.observe` adds what differs each time.
"""

from dataclasses import dataclass, fields

import numpy as np

from astro_cnnfit.parameters import NAMES
from astro_cnnfit.psf import block_average, fwhm, soften
from astro_cnnfit.rendering import render_sersic_numpy

from .priors import draw_galaxies, draw_psfs

__all__ = ["Scenes", "aperture_snr", "draw_scenes"]

PSFS_SHARED_BY = 4
_PSF_SIZE = 25
_STAR_SIZE = 0.05
_RIM = 3
_LENGTHS = [NAMES.index(name) for name in ("x_0", "y_0", "r_eff")]


@dataclass(frozen=True)
class Scenes:
    """
    Noise-free scenes; the first axis of every array is the galaxy.

    Attributes
    ----------
    params : `~numpy.ndarray`
        (N, 7) in the order of `astro_cnnfit.parameters.NAMES`.
    galaxies, neighbours : `~numpy.ndarray`
        (N, ny, nx) float32 in units of the sky noise.
    psfs : `~numpy.ndarray`
        (N, 25, 25) float32. Groups of four galaxies share one, so that the
        neighbours of a group can be exchanged. They are what an observer takes
        for the PSFs, see ``psf_error`` of the prior.
    poisson, pedestal, correlation, noise_error, masked : `~numpy.ndarray`
        (N,), see `~astro_cnnfit.simulation.priors.Prior`.
    """

    params: np.ndarray
    galaxies: np.ndarray
    neighbours: np.ndarray
    psfs: np.ndarray
    poisson: np.ndarray
    pedestal: np.ndarray
    correlation: np.ndarray
    noise_error: np.ndarray
    masked: np.ndarray

    def __len__(self):
        return len(self.params)

    def take(self, rows, shift=0):
        """
        Take some of the scenes.

        Parameters
        ----------
        rows : `~numpy.ndarray` of int
            Their numbers, (M,).
        shift : int
            With 1 to 3 each galaxy gets the neighbours of another one that has the
            same PSF.

        Returns
        -------
        `Scenes`
            M new ones.
        """
        values = {f.name: getattr(self, f.name)[rows] for f in fields(self)}
        group = rows // PSFS_SHARED_BY * PSFS_SHARED_BY
        partner = group + (rows - group + shift) % PSFS_SHARED_BY
        values["neighbours"] = self.neighbours[np.minimum(partner, len(self) - 1)]
        return Scenes(**values)

    @classmethod
    def join(cls, parts):
        """All scenes of several `Scenes`, one after the other."""
        columns = {
            f.name: np.concatenate([getattr(part, f.name) for part in parts])
            for f in fields(cls)
        }
        return cls(**columns)


def draw_scenes(prior, rng, n, size=61):
    """
    Draw noise-free scenes from a prior.

    Galaxies fainter than the prior's ``min_snr`` are drawn again.

    Parameters
    ----------
    prior : `~astro_cnnfit.simulation.priors.Prior`
        What to draw.
    rng : `numpy.random.Generator`
        Source of random numbers.
    n : int
        Number of scenes.
    size : int
        Pixels on a side.

    Returns
    -------
    `Scenes`
    """
    true, given = draw_psfs(
        prior, rng, -(-n // PSFS_SHARED_BY), size=_PSF_SIZE * prior.block | 1
    )
    true, given = (np.repeat(psf, PSFS_SHARED_BY, axis=0)[:n] for psf in (true, given))
    poisson = prior.poisson(rng, n)
    render = _Camera(prior.block, size)
    given = render.seen_psf(given)
    widths = fwhm(given[::PSFS_SHARED_BY])
    widths = np.repeat(widths, PSFS_SHARED_BY)[:n]
    params = _draw_galaxies(prior, rng, widths, poisson)
    galaxies = render(params, true)
    faint = _too_faint(galaxies, poisson, prior)
    while faint.any():
        params[faint] = _draw_galaxies(prior, rng, widths[faint], poisson[faint])
        galaxies[faint] = render(params[faint], true[faint])
        faint[faint] = _too_faint(galaxies[faint], poisson[faint], prior)
    return Scenes(
        params=params,
        galaxies=galaxies,
        neighbours=_draw_neighbours(prior, rng, params, galaxies, true, render),
        psfs=given,
        poisson=poisson.astype(np.float32),
        pedestal=prior.pedestal(rng, n).astype(np.float32),
        correlation=prior.correlation(rng, n).astype(np.float32),
        noise_error=prior.noise_error(rng, n).astype(np.float32),
        masked=prior.masked(rng, n).astype(np.float32),
    )


class _Camera:
    """Noise-free stamps, drawn on finer pixels where these are averaged."""

    def __init__(self, block, size):
        self.block, self.size = block, size

    def __call__(self, params, psfs):
        """Stamps (N, size, size) of galaxies."""
        if self.block == 1:
            return render_sersic_numpy(params, psfs, (self.size, self.size))
        fine = params.copy()
        fine[:, _LENGTHS] *= self.block
        # A block holds the mean of its pixels.
        fine[:, 2] *= self.block**2
        side = self.size * self.block
        images = render_sersic_numpy(fine, psfs, (side, side), batch_size=16)
        blocks = (-1, self.size, self.block, self.size, self.block)
        return soften(images.reshape(blocks).mean(axis=(2, 4)))

    def seen_psf(self, psfs):
        """PSFs (N, 25, 25) of the stamps."""
        if self.block == 1:
            return psfs
        return soften(block_average(psfs, self.block, size=_PSF_SIZE))


def _draw_galaxies(prior, rng, psf_fwhm, poisson):
    """Galaxies, with the fluxes that their S/N asks for where the prior has one."""
    params = draw_galaxies(prior, rng, len(poisson))
    if prior.snr is None:
        return params
    squared = prior.snr(rng, len(params)) ** 2
    area = np.pi * ((1 - params[:, 5]) * params[:, 3] ** 2 + psf_fwhm**2 / 4)
    # S/N^2 (area + poisson signal) = signal^2, as in `effective_snr`.
    half = squared * poisson / 2
    params[:, 2] = 2 * (half + np.sqrt(half**2 + squared * area))
    return params


def aperture_snr(galaxies, poisson, radius):
    """
    S/N of noise-free galaxies in a central circular aperture.

    Parameters
    ----------
    galaxies : `~numpy.ndarray`
        (N, ny, nx) in units of the sky noise.
    poisson : `~numpy.ndarray`
        (N,) Poisson variance per unit of flux.
    radius : float
        Radius of the aperture in pixels (1.5 arcsec in Li et al. 2022).

    Returns
    -------
    `~numpy.ndarray`
        (N,)
    """
    ny, nx = galaxies.shape[1:]
    y, x = np.mgrid[:ny, :nx]
    aperture = np.hypot(x - (nx - 1) / 2, y - (ny - 1) / 2) <= radius
    flux = galaxies[:, aperture].sum(axis=1)
    return flux / np.sqrt(aperture.sum() + poisson * np.maximum(flux, 0))


def _too_faint(galaxies, poisson, prior):
    return aperture_snr(galaxies, poisson, prior.snr_radius) < prior.min_snr


def _draw_neighbours(prior, rng, params, galaxies, psfs, render):
    """The light of each galaxy's neighbours, (N, size, size)."""
    owner = np.repeat(
        np.arange(len(params)), rng.poisson(prior.n_neighbours, len(params))
    )
    layers = np.zeros_like(galaxies)
    n = len(owner)
    if n == 0:
        return layers
    others = draw_galaxies(prior, rng, n)
    reach = render.size / 2 + _RIM
    x, y = rng.uniform(-reach, reach, (2, n))
    near = np.hypot(x, y) < prior.clear_radius
    x[near] = np.copysign(np.abs(x[near]) + prior.clear_radius, x[near])
    others[:, NAMES.index("x_0")], others[:, NAMES.index("y_0")] = x, y
    counts = rng.random(n) < 0.5
    relative = params[owner, 2] * prior.neighbour_contrast(rng, n)
    others[:, 2] = np.where(counts, prior.neighbour_flux(rng, n), relative)
    stars = rng.random(n) < 0.25
    others[stars, 3:6] = _STAR_SIZE, 0.5, 0.0
    images = render(others, psfs[owner])
    centre = (slice(None), render.size // 2, render.size // 2)
    shown = images[centre] <= prior.outshone * galaxies[owner][centre]
    np.add.at(layers, owner[shown], images[shown])
    return layers
