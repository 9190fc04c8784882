# Licensed under a 3-clause BSD style license - see LICENSE
"""What is known of the galaxies of an image while they are measured together."""

import logging
from dataclasses import fields as dataclass_fields
from dataclasses import replace

import numpy as np
from scipy.spatial import cKDTree

from astro_cnnfit import flags
from astro_cnnfit.parameters import NAMES, decode, decode_covariance
from astro_cnnfit.psf import fwhm

from .border import image_sky
from .images import patches_of_galaxies, psfs_or_typical
from .measure import measure
from .overlaps import find_overlaps, reach_of
from .point_sources import is_point_source, patches_of_point_sources
from .results import Measurement

__all__ = ["FieldState"]

log = logging.getLogger(__name__)

# In standard deviations of its latent parameters: a galaxy that changed by less is
# taken to be the same as before.
_SAME = 0.2
# By how much the step of a model that is subtracted is longer than that of the
# measurement, after this pass.
_LONGER, _LONGER_FROM = 0.5, 2
# Light per pixel, in sky noises, down to which a galaxy matters to the measurement of
# another, and down to which it is subtracted.
_MATTERS, _DRAWN = 0.2, 0.03


class FieldState:
    """
    What is known of an image's galaxies, and the image without their models.

    Parameters
    ----------
    network, image, place, psfs, settings
        As for `~astro_cnnfit.sersic.field.find_and_measure_field`; ``place`` is
        (x, y), ``psfs`` both kinds.
    """

    def __init__(self, network, image, place, psfs, settings):
        self.network, (self.psfs, self.star_psfs) = network, psfs
        self.whole = image
        if self.star_psfs is None:
            self.star_psfs = self.psfs
        self.place = np.asarray(place)
        self.settings = {"sky": image_sky(image, network.stamp_size), **settings}
        self.r_eff = self.settings.pop("r_eff", None)
        self.result = Measurement.empty(len(self.place[0]))
        # The mask and the errors are those of the image throughout.
        self.image = replace(image, data=image.data.astype(np.float64))
        self.patches = {}
        self.drawn = self.result.latent.copy()

    def all(self):
        """All rows, as (N,) bool."""
        return np.ones(len(self.result.params), dtype=bool)

    def measure_alone(self, **settings):
        """Measure all as they are, and subtract those that nobody waits for."""
        found = measure(
            self.network, self.image, *self.place, self.psfs, r_eff=self.r_eff,
            **self.settings, **settings,
        )  # fmt: skip
        self.keep(np.arange(len(found.params)), found)
        self.subtract(np.flatnonzero(~self.overlaps().beside(self.all())))

    def add_missed(self, finder):
        """Add what a finder sees in the residual, and measure it; how many."""
        # photutils takes a second to import.
        from .missed import find_missed

        place = find_missed(finder, self.whole, self.image.data, self.result.latent)
        place = np.stack(place)
        n, more = len(self.result.params), place.shape[1]
        log.info("found without the others: %d", more)
        known = np.flatnonzero(np.isfinite(self.place).all(axis=0))
        if not more or not known.size:
            return 0
        nearest = known[cKDTree(self.place[:, known].T).query(place.T)[1]]
        empty = Measurement.empty(more)
        self.result = _joined(self.result, empty)
        self.psfs, self.star_psfs = (
            given if given is None or len(given) == 1
            else np.concatenate([given, given[nearest]])
            for given in (self.psfs, self.star_psfs)
        )  # fmt: skip
        if self.r_eff is not None:
            self.r_eff = np.append(self.r_eff, np.full(more, np.nan))
        self.place = np.hstack([self.place, place])
        self.drawn = np.concatenate([self.drawn, empty.latent])
        # As they are seen now, without all others.
        new = np.arange(n + more) >= n
        self.measure_again(new, self.overlaps())
        return more

    def overlaps(self):
        """Who stands in whose light, by what is known."""
        reach = self._reach(np.arange(len(self.result.params)), _MATTERS)
        half = self.network.stamp_size / 2 * self.result.factor
        return find_overlaps(*self.place, reach, half)

    def measure_again(self, pending, overlaps, **settings):
        """
        Measure galaxies once more, the brightest first; which of them changed.

        Parameters
        ----------
        pending : `~numpy.ndarray` of bool
            (N,) which ones.
        overlaps : `~astro_cnnfit.sersic.overlaps.Overlaps`
            Who must not be measured at the same time as whom.
        **settings
            For `~astro_cnnfit.sersic.measure.measure`.

        Returns
        -------
        `~numpy.ndarray` of bool
            (N,).
        """
        flux = self.result.params[:, NAMES.index("flux")]
        order = np.argsort(-np.nan_to_num(flux), kind="stable")
        before = self.result.latent.copy()
        for rows in overlaps.tiers(order[pending[order]]):
            self.restore(rows)
            own = None if self.r_eff is None else self.r_eff[rows]
            one = self.psfs is None or len(self.psfs) == 1
            found = measure(
                self.network, self.image, *self.place[:, rows],
                self.psfs if one else self.psfs[rows],
                r_eff=own, **self.settings, **settings,
            )  # fmt: skip
            self.keep(rows, found)
            self.subtract(rows)
        return self._differs_from(before)

    def refine_together(self):
        """Refine all galaxies at once; stars stay as they are."""
        # It needs Keras, which is loaded when a network is.
        from .joint import refine_field

        now = self.result
        is_star = is_point_source(now.point_like_prob)
        reach = self._reach(np.arange(len(is_star)), _MATTERS)
        found = refine_field(
            self.whole, self.image.data, psfs_or_typical(self.network, self.psfs),
            now.latent, now.latent_covariance, reach=reach,
            snr=now.snr, drawn=self.drawn, fixed=is_star, use_prior=True,
        )  # fmt: skip
        galaxies = np.flatnonzero(~is_star)
        self.restore(galaxies)
        done = found.converged
        now.latent[done] = self.drawn[done] = found.latent[done]
        now.latent_covariance[done] = found.covariance[done]
        now.params[done] = decode(now.latent[done])
        now.covariance[done] = decode_covariance(
            now.latent[done], now.latent_covariance[done]
        )
        now.local_bkg[done], now.refined[done] = found.sky[done], True
        known = np.isfinite(now.params).all(axis=1)
        now.flags[known & ~is_star & ~done] |= flags.REFINE_FAILED
        self.subtract(galaxies)

    def excess(self):
        """What the residuals show of light that was not found."""
        from .confusion import variance_excess

        return variance_excess(self.whole, self.image.data, self.result.latent)

    def widen_errors(self, excess, together):
        """Errors of galaxies in others' light: what else was not found is about."""
        from .confusion import widened

        now = self.result
        crowded = self.overlaps().beside(self.all())
        rows = np.flatnonzero(crowded & np.isfinite(now.latent).all(axis=1))
        now.latent_covariance[rows] = widened(
            now.latent_covariance[rows], now.params[rows],
            now.refined[rows] & together, excess,
        )  # fmt: skip
        now.covariance[rows] = decode_covariance(
            now.latent[rows], now.latent_covariance[rows]
        )

    def keep(self, rows, found):
        """Take over what was found of these galaxies."""
        passes = self.result.passes[rows] + 1
        for item in dataclass_fields(Measurement):
            getattr(self.result, item.name)[rows] = getattr(found, item.name)
        self.result.passes[rows] = passes
        self.drawn[rows] = self.result.latent[rows] + self._further(rows)

    def _further(self, rows):
        """
        What is added to the parameters of models that are subtracted.

        What is left of one galaxy is taken for part of the next, so that blends come
        apart slowly, always in one direction: steps are made longer, by less than the
        error.
        """
        latent, covariance = self.result.latent, self.result.latent_covariance
        step = _LONGER * (latent[rows] - self.drawn[rows])
        error = np.sqrt(np.diagonal(covariance[rows], axis1=1, axis2=2))
        step[self.result.passes[rows] <= _LONGER_FROM] = 0
        return np.nan_to_num(np.clip(step, -error, error))

    def restore(self, rows):
        """Put these galaxies back into the image."""
        for row in rows.tolist():
            if row in self.patches:
                self.patches.pop(row).add_to(self.image.data)

    def subtract(self, rows):
        """Take the models of these galaxies out of the image."""
        for row, patch in self._drawn(rows):
            patch.add_to(self.image.data, -1)
            self.patches[row] = patch

    def _drawn(self, rows):
        """Rows and models: of galaxies, and of stars as the image has them."""
        rows = rows[np.isfinite(self.result.params[rows]).all(axis=1)]
        is_star = is_point_source(self.result.point_like_prob[rows])
        galaxies, stars = rows[~is_star], rows[is_star]
        psfs, shape = self._psfs_of(self.psfs, galaxies), self.image.data.shape
        params = decode(self.drawn[galaxies])
        reach = self._reach(galaxies, _DRAWN)
        for place, patch in patches_of_galaxies(params, psfs, shape, reach):
            yield galaxies[place], patch
        x, y = self.result.params[stars, :2].T
        background = self.result.local_bkg[stars]
        psfs = self._psfs_of(self.star_psfs, stars)
        found = patches_of_point_sources(self.image, x, y, background, psfs)
        for row, (flux, patch) in zip(stars.tolist(), found, strict=True):
            self.result.point_flux[row] = flux
            yield row, patch

    def _reach(self, rows, faintest):
        width = fwhm(self._psfs_of(self.psfs, rows))
        sigma = faintest * self.result.sky_sigma[rows]
        return reach_of(self.result.params[rows], sigma, width)

    def _psfs_of(self, psfs, rows):
        psfs = psfs_or_typical(self.network, psfs)
        return psfs if len(psfs) == 1 else psfs[rows]

    def _differs_from(self, before):
        """Which galaxies changed by more than a part of their error."""
        variance = np.diagonal(self.result.latent_covariance, axis1=1, axis2=2)
        with np.errstate(invalid="ignore", divide="ignore"):
            change = np.abs(self.result.latent - before) / np.sqrt(variance)
        # Where nothing could be measured, neither before nor now, nothing changed.
        was, now = (
            np.isfinite(latent).all(axis=1) for latent in (before, self.result.latent)
        )
        return (was != now) | (np.nan_to_num(change).max(axis=1) > _SAME)


def _joined(*measurements):
    """Rows of several measurements, one after the other."""
    return Measurement(
        **{
            item.name: np.concatenate(
                [getattr(each, item.name) for each in measurements]
            )
            for item in dataclass_fields(Measurement)
        }
    )
