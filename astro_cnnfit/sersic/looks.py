# Licensed under a 3-clause BSD style license - see LICENSE
"""What a network says about stamps, and what the stamps say about that."""

import numpy as np

from astro_cnnfit.parameters import NAMES, decode
from astro_cnnfit.psf import soften

from .averaging import averaged_psfs
from .border import Border
from .description import describe
from .images import psfs_or_typical, stamps_of_galaxies
from .pixels import masked_pixels, prepare, sky_noise
from .quality import UNMEASURABLE
from .results import Measurement
from .statistics import light_at

__all__ = ["measure_stamps"]

# Sky pedestals, in sky noises, up to which networks were trained, with an
# allowance for the error of the galaxy's light at the border.
_PEDESTAL, _LIGHT_ERROR = 4.0, 0.1
# By how many sky noises the border may contradict what the sky is said to be.
_BELIEVED = 1.0
# How often a galaxy is looked at again because its sky was not what was thought.
_SKY_LOOKS = 2
# Share of masked pixels above which they are filled from the model, and how often;
# 0 times leaves them as they are.
_PATCHY, _REFILLS = 0.02, 4
# Stamps that fit into a processor's cache.
_PIECE = 32


def measure_stamps(
    network, stamps, psfs, sky, *, batch_size=512, statistics=False, refine=False
):
    """
    Measure the galaxies in the centres of stamps.

    Parameters
    ----------
    network : `~astro_cnnfit.weights.Network`
        What measures.
    stamps : `~astro_cnnfit.cutouts.Stamps`
        N stamps of one block-averaging factor.
    psfs : `~numpy.ndarray` or None
        (N or 1, k, k) at the image's sampling.
    sky : float
        What the sky's level is thought to be.
    batch_size : int
        Stamps that the network sees together.
    statistics : bool
        Whether to render the models and compare them with the data.
    refine : bool or 'map'
        Whether to refine what the network says, and how; includes statistics.

    Returns
    -------
    `~astro_cnnfit.sersic.results.Measurement`
        Positions, lengths and fluxes at the sampling of the image.
    """
    result = Measurement.empty(len(stamps.data))
    if len(stamps.data) == 0:
        return result
    result.flags[:] = stamps.flags
    result.factor[:] = stamps.factor
    result.n_pixels_fit[:] = stamps.mask[0].size - masked_pixels(stamps.mask)
    good = np.flatnonzero(stamps.flags & UNMEASURABLE == 0)
    if good.size == 0:
        return result
    if good.size < len(stamps.data):
        stamps = _take(stamps, good)
        psfs = psfs if psfs is None or len(psfs) == 1 else psfs[good]
    # A network may say anything; what is not finite gets a flag, not a warning.
    with np.errstate(all="ignore"):
        looks = _look(network, stamps, psfs, sky, batch_size)
        found = describe(looks, statistics, refine)
    for name, values in found.items():
        getattr(result, name)[good] = values
    return result


def _look(network, stamps, psfs, sky, batch_size):
    """Have a network look at stamps until it has seen them as it should."""
    looks = Looks(network, stamps, psfs, batch_size)
    everything = np.arange(len(stamps.data))
    looks.look(everything, looks.first_guess(everything, sky))
    for _ in range(_SKY_LOOKS):
        doubtful = looks.doubtful()
        if doubtful.size == 0:
            break
        # The sky is not what was thought, but what the galaxy leaves of it.
        looks.look(doubtful, looks.local_bkg[doubtful])
    patchy = looks.patchy()
    for _ in range(_REFILLS if patchy.size else 0):
        # Pixels from the other side of the galaxy were a first guess. The model is
        # another, which the next look mends, and so on.
        looks.refill(patchy)
        looks.look(patchy, looks.pedestal[patchy].copy())
    return looks


def _take(stamps, rows):
    values = stamps._asdict()
    arrays = {k: v[rows] for k, v in values.items() if isinstance(v, np.ndarray)}
    return stamps._replace(**arrays)


class Looks:
    """
    Stamps, and what a network last said about each.

    Attributes have one row for each stamp. ``latent`` and ``covariance`` are in
    pixels of the stamp, the flux in units of ``unit``. ``pixels`` are relative
    to ``reference``, so that float32 holds them whatever the pedestal; they may be
    the caller's where nothing is masked.
    """

    def __init__(self, network, stamps, psfs, batch_size):
        self.network, self.batch_size = network, batch_size
        self.stamps = stamps
        self.pixels, self.reference, self.sigma, self.unit, self.error = prepare(stamps)
        self.image_psfs, self.true_psfs = psfs, averaged_psfs(psfs, stamps.factor)
        softened = psfs is not None and stamps.factor > 1
        self.psfs = soften(self.true_psfs) if softened else psfs
        self.border = Border(stamps.mask)
        n, n_params = len(self.pixels), len(NAMES)
        self.seen = None
        self.latent = np.empty((n, n_params))
        self.covariance = np.empty((n, n_params, n_params))
        self.pedestal, self.level, self.light = np.empty((3, n))

    @property
    def local_bkg(self):
        """Sky per pixel, in the unit of the image."""
        return self.pedestal + self.unit * self.level

    def look(self, rows, pedestal):
        """Have the network look at these rows, less a pedestal each."""
        numbers, rows = rows, self._index(rows)
        seen = self._seen(rows, pedestal)
        psfs = None
        if self.network.needs_psf:
            psfs = self.psfs if len(self.psfs) == 1 else self.psfs[rows]
        latent, covariance = self.network.predict(
            seen, psfs, batch_size=self.batch_size
        )
        params = decode(latent)
        self.latent[rows], self.covariance[rows] = latent, covariance
        self.level[rows], self.light[rows] = self.border.levels(
            seen, numbers, lambda places, x, y: light_at(params[places], x, y)
        )
        self.pedestal[rows] = pedestal
        if self.seen is None:
            self.seen = seen
        else:
            self.seen[rows] = seen

    def _index(self, rows):
        """The rows, as a slice where they are all: that needs no copy."""
        return slice(None) if len(rows) == len(self.pixels) else rows

    def _seen(self, rows, pedestal):
        """What the network sees of these rows, less a pedestal each."""
        pixels = self.pixels[rows]
        offset = (self.reference[rows] - pedestal).astype(np.float32)
        scale = (1 / self.unit[rows]).astype(np.float32)
        seen = np.empty(pixels.shape, np.float32)
        # In pieces that stay in a processor's cache from one step to the next.
        for start in range(0, len(seen), _PIECE):
            some = slice(start, start + _PIECE)
            np.add(pixels[some], offset[some, None, None], out=seen[some])
            seen[some] *= scale[some, None, None]
        return seen

    def first_guess(self, rows, sky):
        """Pedestals that fit the border, in the unit of the image."""
        index = self._index(rows)
        reference, allowed = self.reference[index], _BELIEVED * self.unit[index]
        guess = self.border.first_guess(
            self.pixels[index], rows, sky - reference, allowed
        )
        return np.where(np.isfinite(guess), reference + guess, sky)

    def doubtful(self):
        """Rows whose sky differs from the pedestal by more than in training."""
        allowed = _PEDESTAL + _LIGHT_ERROR * np.abs(self.light)
        # Written so that NaN is doubtful, too.
        return np.flatnonzero(~(np.abs(self.level) <= allowed))

    def patchy(self):
        """Rows that miss many of their pixels."""
        mask = self.stamps.mask
        return np.flatnonzero(masked_pixels(mask) > _PATCHY * mask[0].size)

    def refill(self, rows):
        """Put each galaxy's model, its sky and noise in the place of masked pixels."""
        rows = rows[np.isfinite(self.latent[rows]).all(axis=1)]
        psfs = psfs_or_typical(self.network, self.psfs)
        own = psfs if len(psfs) == 1 else psfs[rows]
        params = decode(self.latent[rows])
        model = stamps_of_galaxies(params, own, self.pixels.shape[1:])
        model += sky_noise(model.shape[1])
        model *= self.unit[rows, None, None]
        model += (self.local_bkg - self.reference)[rows, None, None]
        self.pixels[rows] = np.where(self.stamps.mask[rows], model, self.pixels[rows])
