# Licensed under a 3-clause BSD style license - see LICENSE
"""
A classical fit of one stamp, to compare the networks with.

It minimises chi squared with the package's own renderer: the same model,
parameters and PSF convention as the networks, so that a difference between the
two is one of method.
"""

from typing import NamedTuple

import numpy as np
from astropy.stats import mad_std
from scipy.optimize import least_squares

from astro_cnnfit.parameters import LATENT_NAMES, decode, decode_covariance, encode
from astro_cnnfit.rendering import render_sersic_numpy

__all__ = ["LeastSquaresResult", "least_squares_fit"]

_N_LATENT = len(LATENT_NAMES)
# Steps of the central differences: large enough for float32 images. The flux needs
# none, as the image is proportional to it.
_STEPS = np.array([0.05, 0.05, np.nan, 0.01, 0.01, 0.01, 0.01])
_MOVED = np.flatnonzero(~np.isnan(_STEPS))
# Typical changes from one iteration to the next.
_SCALE = np.array([0.3, 0.3, 0.1, 0.1, 0.1, 0.1, 0.1])
_BATCH = 16
_E_MAX = 0.88  # q of 0.064, per component


class LeastSquaresResult(NamedTuple):
    """What `least_squares_fit` found."""

    params: np.ndarray
    """(7,) physical parameters, the centre relative to that of the stamp."""
    covariance: np.ndarray
    """(7, 7) covariance of ``params``, propagated from the latent one."""
    latent: np.ndarray
    """(7,) latent parameters."""
    latent_covariance: np.ndarray
    """(7, 7) covariance of ``latent``, marginalised over the sky."""
    sky: float
    """Sky pedestal, in the unit of the stamp (0 when it was held)."""
    sky_err: float
    """Its error (0 when it was held)."""
    reduced_chi2: float
    """Chi squared per degree of freedom, over all pixels that were used."""
    model: np.ndarray
    """(ny, nx) best model, the sky included."""
    success: bool
    """Whether the minimiser converged."""
    n_evaluations: int
    """Evaluations of the model, without those for its derivatives."""


def least_squares_fit(
    stamp, psf, *, error=None, mask=None, initial=None, fit_sky=True, max_nfev=100
):
    """
    Fit a PSF-convolved Sersic profile and a sky pedestal to one stamp.

    Parameters
    ----------
    stamp : array_like, shape (ny, nx)
        The galaxy near its centre.
    psf : array_like, shape (k, k)
        Effective PSF at the sampling of the stamp, k odd.
    error : array_like, shape (ny, nx), or float, optional
        Standard deviation of the pixels. Without it, one number for all, from
        the scatter along the border of the stamp.
    mask : array_like of bool, shape (ny, nx), optional
        True for pixels to leave out; pixels that are not finite are left out.
    initial : array_like, shape (7,), optional
        Physical parameters to start from, in the order of
        `astro_cnnfit.parameters.NAMES`, the centre relative to that of the
        stamp. Without them, moments of the stamp, and the better of the fits
        from n = 1 and from n = 4.
    fit_sky : bool
        Whether to fit the pedestal, or to hold it at 0.
    max_nfev : int
        Largest number of model evaluations for each start.

    Returns
    -------
    `LeastSquaresResult`

    Raises
    ------
    ValueError
        If ``stamp`` is not 2-D, shapes differ, or no pixel is left.
    """
    problem = _Problem(stamp, psf, error, mask, fit_sky)
    starts = _starts(problem) if initial is None else [encode(initial)]
    fits = [problem.minimise(start, max_nfev) for start in starts]
    return problem.result(min(fits, key=lambda fit: fit.cost))


class _Problem:
    """Residuals of one stamp and their derivatives."""

    def __init__(self, stamp, psf, error, mask, fit_sky):
        self.stamp = np.asarray(stamp, dtype=float)
        if self.stamp.ndim != 2:
            raise ValueError(f"stamp must be 2-D, got shape {self.stamp.shape}")
        self.psf = np.asarray(psf, dtype=float)[np.newaxis]
        self.used = np.isfinite(self.stamp)
        if mask is not None:
            mask = np.asarray(mask, dtype=bool)
            if mask.shape != self.stamp.shape:
                raise ValueError(
                    f"mask must have the stamp's shape {self.stamp.shape}, "
                    f"got {mask.shape}"
                )
            self.used &= ~mask
        if error is None:
            error = mad_std(self.border())
        error = np.broadcast_to(np.asarray(error, dtype=float), self.stamp.shape)
        self.used &= np.isfinite(error) & (error > 0)
        if not self.used.any():
            raise ValueError("stamp has no pixel that is finite and not masked")
        self.weight = 1 / error[self.used]
        self.n_free = _N_LATENT + bool(fit_sky)

    def border(self):
        """Return used pixels along the edges, four pixels deep."""
        inner = np.zeros(self.stamp.shape, dtype=bool)
        inner[4:-4, 4:-4] = True
        border = self.stamp[self.used & ~inner]
        return border if border.size > 20 else self.stamp[self.used]

    def render(self, latent):
        """Return stamps (M, ny, nx) for latent parameters (M, 7)."""
        images = render_sersic_numpy(
            decode(latent), self.psf, self.stamp.shape, batch_size=_BATCH
        )
        return images.astype(float)

    def residuals(self, values):
        model = self.render(values[np.newaxis, :_N_LATENT])[0]
        if self.n_free > _N_LATENT:
            model = model + values[_N_LATENT]
        return (model - self.stamp)[self.used] * self.weight

    def jacobian(self, values):
        latent = np.tile(values[:_N_LATENT], (2 * len(_MOVED) + 1, 1))
        for row, index in enumerate(_MOVED):
            latent[2 * row, index] += _STEPS[index]
            latent[2 * row + 1, index] -= _STEPS[index]
        images = self.render(latent)[:, self.used] * self.weight
        columns = np.empty((self.weight.size, self.n_free))
        columns[:, LATENT_NAMES.index("log_flux")] = np.log(10) * images[-1]
        for row, index in enumerate(_MOVED):
            difference = images[2 * row] - images[2 * row + 1]
            columns[:, index] = difference / (2 * _STEPS[index])
        if self.n_free > _N_LATENT:
            columns[:, _N_LATENT] = self.weight
        return columns

    def minimise(self, start, max_nfev):
        size = max(self.stamp.shape) / 2
        flux = start[2]
        low = [-size, -size, flux - 3, -1.3, np.log10(0.31), -_E_MAX, -_E_MAX]
        high = [size, size, flux + 3, 1.8, np.log10(7.8), _E_MAX, _E_MAX]
        scale, values = list(_SCALE), list(np.clip(start, low, high))
        if self.n_free > _N_LATENT:
            low, high = [*low, -np.inf], [*high, np.inf]
            scale.append(1 / np.median(self.weight))
            values.append(np.median(self.border()))
        return least_squares(
            self.residuals, values, self.jacobian, bounds=(low, high),
            x_scale=scale, max_nfev=max_nfev, ftol=1e-7, xtol=1e-7, gtol=1e-7,
        )  # fmt: skip

    def result(self, fit):
        latent = fit.x[:_N_LATENT]
        covariance = np.linalg.pinv(fit.jac.T @ fit.jac)
        sky = fit.x[_N_LATENT] if self.n_free > _N_LATENT else 0.0
        sky_err = np.sqrt(covariance[-1, -1]) if self.n_free > _N_LATENT else 0.0
        latent_covariance = covariance[:_N_LATENT, :_N_LATENT]
        return LeastSquaresResult(
            params=decode(latent),
            covariance=decode_covariance(latent, latent_covariance),
            latent=latent,
            latent_covariance=latent_covariance,
            sky=float(sky),
            sky_err=float(sky_err),
            reduced_chi2=float(2 * fit.cost / max(self.weight.size - self.n_free, 1)),
            model=self.render(latent[np.newaxis])[0] + sky,
            success=bool(fit.success),
            n_evaluations=int(fit.nfev),
        )


def _starts(problem):
    """Latent parameters to start from, by moments of the stamp."""
    ny, nx = problem.stamp.shape
    y, x = np.indices((ny, nx)) - np.array([ny - 1, nx - 1])[:, None, None] / 2
    sky = np.median(problem.border())
    light = np.where(problem.used, problem.stamp - sky, 0.0)
    # Only what stands out counts, or the noise far out rules the moments.
    light = np.where(light > 2 * np.median(1 / problem.weight), light, 0.0)
    # Twice: neighbours beyond the galaxy itself pull on the first moments.
    x_0 = y_0 = 0.0
    radius = min(ny, nx) / 2
    for _ in range(3):
        near = light * (np.hypot(x - x_0, y - y_0) < radius)
        flux = max(near.sum(), 1e-30)
        x_0, y_0 = (near * x).sum() / flux, (near * y).sum() / flux
        q_xx = (near * (x - x_0) ** 2).sum() / flux
        q_yy = (near * (y - y_0) ** 2).sum() / flux
        radius = max(3 * np.sqrt(q_xx + q_yy), 4.0)
    q_xy = (near * (x - x_0) * (y - y_0)).sum() / flux
    trace = max(q_xx + q_yy, 0.5)
    # (1 - q^2) / (1 + q^2) from second moments, shrunk towards a round galaxy.
    e1, e2 = 0.5 * (q_xx - q_yy) / trace, q_xy / trace
    log_flux, log_r_eff = np.log10(1.1 * flux), 0.5 * np.log10(trace / 2)
    return [
        np.array([x_0, y_0, log_flux, log_r_eff, np.log10(n), e1, e2]) for n in (1, 4)
    ]
