# Licensed under a 3-clause BSD style license - see LICENSE
"""What a network says about stamps, and what the stamps say about that."""

import numpy as np

from astro_cnnfit import flags
from astro_cnnfit.parameters import LATENT_NAMES, NAMES, decode, decode_covariance
from astro_cnnfit.psf import soften

from .averaging import averaged_psfs, finer_psfs
from .border import Border
from .images import psfs_or_typical, stamps_of_galaxies
from .neighbours import find_neighbours
from .pixels import masked_pixels, prepare, sky_noise
from .quality import UNMEASURABLE, point_like, quality_flags
from .results import Measurement
from .shot_noise import error_with_shot_noise
from .statistics import light_at, within_r_eff
from .surroundings import has_bad_pixel, is_saturated, neighbour_light

__all__ = ["measure_stamps"]

# Sky pedestals, in sky noises, up to which networks were trained, with an
# allowance for the error of the galaxy's light at the border.
_PEDESTAL, _LIGHT_ERROR = 4.0, 0.1
# Significance and size of the error of the PSF's width that get a flag.
_PSF_SIGMAS, _PSF_ERROR = 5.0, 0.03
# By how many sky noises the border may contradict what the sky is said to be.
_BELIEVED = 1.0
# How often a galaxy is looked at again because its sky was not what was thought.
_SKY_LOOKS = 2
# Light of neighbours, relative to the galaxy's flux, that gets a flag, and another. On
# simulated scenes errors are honest beyond the second, too; real galaxies of which a
# position is only a part (HSC's spiral) are magnitudes off, and all are beyond.
_NEIGHBOUR, _BLENDED = 0.03, 0.3
# Share of masked pixels above which they are filled from the model, and how often;
# 0 times leaves them as they are.
_PATCHY, _REFILLS = 0.02, 4
# Stamps that fit into a processor's cache.
_PIECE = 32
_PLACE = [LATENT_NAMES.index(name) for name in ("x", "y")]
_LOG_FLUX = LATENT_NAMES.index("log_flux")


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
        found = looks.describe(statistics, refine)
    for name, values in found.items():
        getattr(result, name)[good] = values
    return result


def _look(network, stamps, psfs, sky, batch_size):
    """Have a network look at stamps until it has seen them as it should."""
    looks = _Looks(network, stamps, psfs, batch_size)
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


def _only(found, rows):
    return found._replace(**{k: v[rows] for k, v in found._asdict().items()})


class _Looks:
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

    def describe(self, statistics, refine):
        """All that is known of each galaxy, by the names of `Measurement`."""
        failed, others = np.zeros(len(self.latent), dtype=bool), self.stamps.mask
        seen = self.psfs if self.network.needs_psf else None
        stars = point_like(self.network, self.latent, self.covariance, seen)
        if refine:
            failed, others = self._refine(refine)
        values = {"sky_sigma": self.sigma, "local_bkg": self.local_bkg}
        values["point_like_prob"] = stars
        values["border_level"] = self.local_bkg + self.unit * self.light
        values["refined"] = ~failed & bool(refine)
        bits, values["snr"], widths = self._quality()
        bits |= np.where(failed, flags.REFINE_FAILED, 0)
        if statistics or refine:
            more, values["qfit"], values["reduced_chi2"] = self._compare(widths, others)
            bits |= more
        values["latent"], values["latent_covariance"] = self._at_image_scale()
        values["params"] = decode(values["latent"])
        values["covariance"] = decode_covariance(
            values["latent"], values["latent_covariance"]
        )
        lost = ~(
            np.isfinite(values["params"]).all(axis=1)
            & np.isfinite(values["covariance"]).all(axis=(1, 2))
            & (values["params"][:, NAMES.index("flux")] > 0)
        )
        if lost.any():
            for array in values.values():
                array[lost] = False if array.dtype == bool else np.nan
            bits[lost] = flags.NON_FINITE
        return values | {"flags": self.stamps.flags | bits}

    def _quality(self):
        """Bits that cost little, S/N, and widths of the PSFs."""
        params, mask = decode(self.latent), self.stamps.mask
        psfs = self.psfs if self.network.needs_psf else None
        bits, snr, widths = quality_flags(params, psfs, self.network.trained_ranges)
        others = neighbour_light(self.seen, self.level, mask, params, widths)
        bits[others > _NEIGHBOUR] |= flags.NEIGHBOUR
        bits[others > _BLENDED] |= flags.BLENDED
        bits[~self.border.is_seen] |= flags.NO_BACKGROUND
        recorded = self.stamps.data, mask, self.local_bkg, self.sigma
        bits[is_saturated(*recorded)] |= flags.SATURATED
        psfs = psfs_or_typical(self.network, self.true_psfs)
        bits[has_bad_pixel(*recorded, psfs)] |= flags.BAD_PIXEL
        return bits, snr, widths

    def _in_sky_noises(self):
        """
        Recorded pixels without sky, and latent parameters, in units of ``sigma``.

        They are those that were averaged, but neither filled nor smoothed.
        """
        light = self.stamps.data - self.local_bkg[:, None, None]
        light /= self.sigma[:, None, None]
        light[self.stamps.mask] = 0
        latent = self.latent.copy()
        latent[:, _LOG_FLUX] += np.log10(self.unit / self.sigma)
        return light.astype(np.float32), latent

    def _refine(self, how):
        """Refine in place; which rows failed, and pixels of other objects."""
        from .refine import refine_stamps

        light, latent = self._in_sky_noises()
        good = np.isfinite(latent).all(axis=1)
        good &= np.isfinite(self.covariance).all(axis=(1, 2))
        rows, mask = np.flatnonzero(good), self.stamps.mask.copy()
        failed = np.zeros(len(latent), dtype=bool)
        if rows.size == 0:
            return failed, mask
        psfs = self.true_psfs if len(self.true_psfs) == 1 else self.true_psfs[rows]
        error = 1.0 if np.ndim(self.error) == 0 else self.error[rows]
        params, shape = decode(latent[rows]), light.shape[1:]
        models = stamps_of_galaxies(params, psfs, shape)
        others = find_neighbours(light[rows], models, error, mask[rows]).mask
        # A model that is off leaves residuals of the galaxy itself.
        mask[rows] |= others & ~within_r_eff(params, shape)
        if np.ndim(error) == 0:
            error = error_with_shot_noise(light[rows], models, mask[rows])
            self.error = np.ones(light.shape, np.float32)
            self.error[rows] = error
        psfs = self.image_psfs if len(psfs) == 1 else self.image_psfs[rows]
        psfs, block = finer_psfs(psfs, self.stamps.factor)
        found = refine_stamps(
            light[rows], psfs, error, mask[rows], latent[rows], self.covariance[rows],
            use_prior=how == "map", block=block, batch_size=16 if block == 1 else 8,
        )  # fmt: skip
        failed[rows[~found.converged]] = True
        done, found = rows[found.converged], _only(found, found.converged)
        self.latent[done], self.covariance[done] = found.latent, found.covariance
        ratio = self.sigma[done] / self.unit[done]
        self.latent[done, _LOG_FLUX] += np.log10(ratio)
        self.level[done] += found.sky * ratio
        return failed, mask

    def _compare(self, widths, mask):
        """Bits, qfit and reduced chi-squared from an image of each model."""
        # It needs Keras, which is loaded when a network is.
        from .residuals import examine

        light, latent = self._in_sky_noises()
        found = examine(
            light,
            mask,
            self.error,
            latent,
            psfs_or_typical(self.network, self.true_psfs),
            widths,
        )
        bits = np.where(found.is_poor, flags.POOR_MODEL, 0)
        wrong = np.abs(found.psf_sigmas) > _PSF_SIGMAS
        wrong &= np.abs(found.psf_error) > _PSF_ERROR
        if self.network.needs_psf:
            bits[wrong] |= flags.PSF_MISMATCH
        return bits, found.qfit, found.reduced_chi2

    def _at_image_scale(self):
        """Latent parameters and covariance in pixels and flux of the image."""
        factor, latent = self.stamps.factor, self.latent.copy()
        latent[:, _PLACE] *= factor
        latent[:, _PLACE] += np.column_stack(
            [self.stamps.x_origin, self.stamps.y_origin]
        )
        latent[:, LATENT_NAMES.index("log_r_eff")] += np.log10(factor)
        # Blocks hold the mean of their pixels, not the sum.
        latent[:, _LOG_FLUX] += np.log10(self.unit * factor**2)
        scale = np.ones(len(LATENT_NAMES))
        scale[_PLACE] = factor
        return latent, self.covariance * scale[:, None] * scale
