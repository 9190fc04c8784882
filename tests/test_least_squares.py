# Licensed under a 3-clause BSD style license - see LICENSE
import numpy as np
import pytest
from numpy.testing import assert_allclose

from astro_cnnfit.evaluation.cramer_rao import cramer_rao_covariance
from astro_cnnfit.rendering import render_sersic_numpy
from astro_cnnfit.sersic.least_squares import least_squares_fit

PARAMS = np.array(
    [
        [0.3, -0.4, 2.0e4, 4.0, 1.2, 0.3, 0.5],
        [-2.2, 1.1, 5.0e4, 3.0, 4.0, 0.6, 2.2],
        [0.0, 0.6, 4.0e4, 8.0, 0.6, 0.75, 1.4],
    ]
)


def gaussian_psf(width=1.6):
    x = np.arange(-12, 13)
    psf = np.exp(-0.5 * (x**2 + x[:, None] ** 2) / width**2)
    return psf / psf.sum()


@pytest.mark.parametrize("params", PARAMS)
def test_finds_the_truth_without_noise(params):
    stamp = render_sersic_numpy(params[None], gaussian_psf()[None])[0] + 7.0
    fit = least_squares_fit(stamp, gaussian_psf(), error=1.0)
    assert fit.success
    assert_allclose(fit.params, params, rtol=2e-3, atol=2e-3)
    assert_allclose(fit.sky, 7.0, atol=0.01)
    assert_allclose(fit.model, stamp, atol=0.01 * stamp.max())
    assert fit.reduced_chi2 < 0.01


def test_errors_are_those_of_the_limit():
    psf, rng = gaussian_psf(), np.random.default_rng(4)
    clean = render_sersic_numpy(PARAMS[:1], psf[None])[0]
    fits = [
        least_squares_fit(
            clean + rng.normal(0, 5.0, clean.shape), psf, error=5.0, initial=PARAMS[0]
        )
        for _ in range(12)
    ]
    limit = cramer_rao_covariance(PARAMS[:1], psf[None], sky_sigma=5.0)[0]
    stated = np.sqrt(np.diagonal(fits[0].latent_covariance))
    assert_allclose(stated, np.sqrt(np.diagonal(limit)), rtol=0.1)
    scatter = np.std([fit.latent for fit in fits], axis=0)
    assert_allclose(scatter, stated, rtol=0.5)
    assert_allclose(np.mean([fit.reduced_chi2 for fit in fits]), 1, atol=0.02)


def test_mask_and_not_finite_pixels():
    psf = gaussian_psf()
    stamp = render_sersic_numpy(PARAMS[:1], psf[None])[0]
    mask = np.zeros(stamp.shape, dtype=bool)
    mask[50:, 45:] = True
    stamp[55, 50] = 1e6
    stamp[20, 28] = np.nan
    kept = stamp.copy()
    fit = least_squares_fit(stamp, psf, error=1.0, mask=mask, fit_sky=False)
    assert_allclose(fit.params, PARAMS[0], rtol=2e-3, atol=2e-3)
    assert fit.sky == 0
    assert_allclose(stamp, kept)


def test_error_from_the_border():
    psf = gaussian_psf()
    stamp = render_sersic_numpy(PARAMS[:1], psf[None])[0]
    stamp = stamp + np.random.default_rng(0).normal(0, 3.0, stamp.shape)
    assert_allclose(least_squares_fit(stamp, psf).reduced_chi2, 1, atol=0.15)


def test_bad_input():
    psf, stamp = gaussian_psf(), np.zeros((61, 61))
    with pytest.raises(ValueError, match="2-D"):
        least_squares_fit(stamp[None], psf)
    with pytest.raises(ValueError, match="mask"):
        least_squares_fit(stamp, psf, mask=np.zeros((3, 3), dtype=bool))
    with pytest.raises(ValueError, match="no pixel"):
        least_squares_fit(np.full((61, 61), np.nan), psf, error=1.0)
