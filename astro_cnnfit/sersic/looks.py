# Licensed under a 3-clause BSD style license - see LICENSE
"""What a network says about stamps, and what the stamps say about that."""

import numpy as np

from astro_cnnfit.flags import NON_FINITE
from astro_cnnfit.parameters import LATENT_NAMES, NAMES, decode, decode_covariance

from .border import Border
from .images import psfs_or_typical, stamps_of_galaxies
from .pixels import prepare, sky_noise, soften
from .quality import UNMEASURABLE, quality_flags
from .results import Measurement
from .statistics import aperture_snr, goodness, light_at

__all__ = ["measure_stamps"]

# Sky pedestals, in sky noises, up to which networks were trained, with an
# allowance for the error of the galaxy's light at the border.
_PEDESTAL, _LIGHT_ERROR = 4.0, 0.1
# Share of masked pixels above which they are filled from the model, and how often.
_PATCHY, _REFILLS = 0.02, 4
_PLACE = [LATENT_NAMES.index(name) for name in ("x", "y")]


def measure_stamps(network, stamps, psfs, sky, *, batch_size=512, statistics=False):
    """
    Measure the galaxies in the centres of stamps.

    Parameters
    ----------
    network : `~astro_cnnfit.weights.Network`
        What measures.
    stamps : `~astro_cnnfit.cutouts.Stamps`
        N stamps of one block-averaging factor.
    psfs : `~numpy.ndarray` or None
        (N or 1, k, k) at the stamps' sampling.
    sky : float
        What the sky's level is thought to be.
    batch_size : int
        Stamps that the network sees together.
    statistics : bool
        Whether to render the models and compare them with the data.

    Returns
    -------
    `~astro_cnnfit.sersic.results.Measurement`
        Positions, lengths and fluxes at the sampling of the image.
    """
    result = Measurement.empty(len(stamps.data))
    result.flags[:] = stamps.flags
    result.factor[:] = stamps.factor
    result.n_pixels_fit[:] = np.count_nonzero(~stamps.mask, axis=(1, 2))
    good = np.flatnonzero(stamps.flags & UNMEASURABLE == 0)
    if good.size == 0:
        return result
    if good.size < len(stamps.data):
        stamps = _take(stamps, good)
        psfs = psfs if psfs is None or len(psfs) == 1 else psfs[good]
    # A network may say anything; what is not finite gets a flag, not a warning.
    with np.errstate(all="ignore"):
        found = _measure(network, stamps, psfs, sky, batch_size, statistics)
    for name, values in found.items():
        getattr(result, name)[good] = values
    return result


def _measure(network, stamps, psfs, sky, batch_size, statistics):
    """What is known of each galaxy, by the names of `Measurement`."""
    looks = _Looks(network, stamps, psfs, batch_size)
    everything = np.arange(len(stamps.data))
    looks.look(everything, np.full(len(everything), sky))
    doubtful = looks.doubtful()
    if doubtful.size:
        # The sky is not what was thought. It is first taken to be all of the light
        # at the border, then what the galaxy leaves of it.
        looks.look(doubtful, looks.border_level(doubtful))
        looks.look(doubtful, looks.local_bkg[doubtful])
    patchy = looks.patchy()
    for _ in range(_REFILLS if patchy.size else 0):
        # Networks are trained on whole stamps: what is missing is taken from the
        # model, which the next look mends, and so on.
        looks.refill(patchy)
        looks.look(patchy, looks.pedestal[patchy].copy())
    return looks.describe(statistics)


def _take(stamps, rows):
    values = stamps._asdict()
    arrays = {k: v[rows] for k, v in values.items() if isinstance(v, np.ndarray)}
    return stamps._replace(**arrays)


class _Looks:
    """
    Stamps, and what a network last said about each.

    Attributes have one row for each stamp. ``params``, ``latent`` and
    ``latent_covariance`` are in pixels of the stamp, the flux in units of
    ``sigma``. ``pixels`` are relative to ``reference``, so that float32 holds
    them whatever the pedestal.
    """

    def __init__(self, network, stamps, psfs, batch_size):
        self.network, self.batch_size = network, batch_size
        self.stamps = stamps
        self.pixels, self.reference, self.sigma, self.error = prepare(stamps)
        softened = psfs is not None and stamps.factor > 1
        self.psfs = soften(psfs) if softened else psfs
        self.border = Border(stamps.mask)
        n, n_params = len(self.pixels), len(NAMES)
        self.seen = None
        self.params, self.latent = np.empty((2, n, n_params))
        self.latent_covariance = np.empty((n, n_params, n_params))
        self.pedestal, self.level, self.light = np.empty((3, n))

    @property
    def local_bkg(self):
        """Sky per pixel, in the unit of the image."""
        return self.pedestal + self.sigma * self.level

    def look(self, rows, pedestal):
        """Have the network look at these rows, less a pedestal each."""
        numbers, rows = rows, slice(None) if len(rows) == len(self.pixels) else rows
        offset = (self.reference[rows] - pedestal).astype(np.float32)
        seen = self.pixels[rows] + offset[:, None, None]
        seen *= (1 / self.sigma[rows]).astype(np.float32)[:, None, None]
        psfs = None
        if self.network.needs_psf:
            psfs = self.psfs if len(self.psfs) == 1 else self.psfs[rows]
        latent, covariance = self.network.predict(
            seen, psfs, batch_size=self.batch_size
        )
        params = decode(latent)
        self.params[rows], self.latent[rows] = params, latent
        self.latent_covariance[rows] = covariance
        self.level[rows], self.light[rows] = self.border.levels(
            seen, numbers, lambda places, x, y: light_at(params[places], x, y)
        )
        self.pedestal[rows] = pedestal
        if self.seen is None:
            self.seen = seen
        else:
            self.seen[rows] = seen

    def border_level(self, rows):
        """Median along the border, in the unit of the image."""
        level, _ = self.border.levels(self.pixels[rows], rows, lambda *_: 0.0)
        return self.reference[rows] + level

    def doubtful(self):
        """Rows whose sky differs from the pedestal by more than in training."""
        allowed = _PEDESTAL + _LIGHT_ERROR * np.abs(self.light)
        # Written so that NaN is doubtful, too.
        return np.flatnonzero(~(np.abs(self.level) <= allowed))

    def patchy(self):
        """Rows that miss many of their pixels."""
        return np.flatnonzero(self.stamps.mask.mean(axis=(1, 2)) > _PATCHY)

    def refill(self, rows):
        """Put each galaxy's model, its sky and noise in the place of masked pixels."""
        rows = rows[np.isfinite(self.params[rows]).all(axis=1)]
        psfs = psfs_or_typical(self.network, self.psfs)
        own = psfs if len(psfs) == 1 else psfs[rows]
        model = stamps_of_galaxies(self.params[rows], own, self.pixels.shape[1:])
        model += sky_noise(model.shape[1])
        model *= self.sigma[rows, None, None]
        model += (self.local_bkg - self.reference)[rows, None, None]
        self.pixels[rows] = np.where(self.stamps.mask[rows], model, self.pixels[rows])

    def describe(self, statistics):
        """All that is known of each galaxy, at the sampling of the image."""
        snr = aperture_snr(self.seen, self.level)
        psfs = self.psfs if self.network.needs_psf else None
        ranges = self.network.trained_ranges
        bits = quality_flags(self.params, snr, psfs, ranges)
        latent, latent_covariance = self._at_image_scale()
        params = decode(latent)
        covariance = decode_covariance(latent, latent_covariance)
        values = {
            "params": params,
            "covariance": covariance,
            "latent": latent,
            "latent_covariance": latent_covariance,
            "sky_sigma": self.sigma,
            "snr": snr,
            "local_bkg": self.local_bkg,
            "border_level": self.local_bkg + self.sigma * self.light,
        }
        if statistics:
            values["qfit"], values["reduced_chi2"] = self._goodness()
        lost = ~(
            np.isfinite(params).all(axis=1)
            & np.isfinite(covariance).all(axis=(1, 2))
            & (params[:, NAMES.index("flux")] > 0)
        )
        if lost.any():
            for array in values.values():
                array[lost] = np.nan
            bits[lost] = NON_FINITE
        return values | {"flags": self.stamps.flags | bits}

    def _at_image_scale(self):
        """Latent parameters and covariance in pixels and flux of the image."""
        factor, latent = self.stamps.factor, self.latent.copy()
        latent[:, _PLACE] *= factor
        latent[:, _PLACE] += np.column_stack(
            [self.stamps.x_origin, self.stamps.y_origin]
        )
        latent[:, LATENT_NAMES.index("log_r_eff")] += np.log10(factor)
        # Blocks hold the mean of their pixels, not the sum.
        flux = np.log10(self.sigma * factor**2)
        latent[:, LATENT_NAMES.index("log_flux")] += flux
        scale = np.ones(len(LATENT_NAMES))
        scale[_PLACE] = factor
        return latent, self.latent_covariance * scale[:, None] * scale

    def _goodness(self):
        psfs = psfs_or_typical(self.network, self.psfs)
        models = stamps_of_galaxies(self.params, psfs, self.seen.shape[1:])
        light = self.seen - self.level[:, None, None]
        return goodness(light, models, self.stamps.mask, self.error, self.params)
