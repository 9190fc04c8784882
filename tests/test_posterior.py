# Licensed under a 3-clause BSD style license - see LICENSE
"""Tests of draws from the posterior of measured galaxies."""

import astropy.units as u
import numpy as np
import pytest
from astropy.nddata import NDData
from astropy.utils.exceptions import AstropyUserWarning
from astropy.wcs import WCS

from astro_cnnfit import CNNSersicFitter
from astro_cnnfit.parameters import LATENT_NAMES, decode, decode_covariance, encode
from astro_cnnfit.psf import moffat
from astro_cnnfit.sersic.images import image_of_galaxies
from astro_cnnfit.sersic.posterior import draw_parameters

PSF = moffat([3.0], 3.0)[0]
TRUE = np.array([[30.2, 29.7, 2e4, 4.0, 1.0, 0.3, 0.7]])


@pytest.fixture(scope="module")
def stamps():
    rng = np.random.default_rng(3)
    light = image_of_galaxies(TRUE, PSF[np.newaxis], (61, 61))
    return light + rng.normal(2.0, 1.0, (4, 61, 61))


def posterior(n=1.0, ellip=0.3, sigma=0.02):
    latent = encode(np.array([[30.2, 29.7, 2e4, 4.0, n, ellip, 0.7]]))
    root = sigma * (np.eye(7) + 0.3 * np.tril(np.ones((7, 7))))
    return latent, (root @ root.T)[np.newaxis]


def test_draws_have_the_mean_and_covariance():
    latent, covariance = posterior()
    params = draw_parameters(latent, covariance, 40_000, np.random.default_rng(0))
    assert params.shape == (1, 40_000, 7)
    drawn = encode(params[0])
    np.testing.assert_allclose(drawn.mean(axis=0), latent[0], atol=1e-3)
    np.testing.assert_allclose(np.cov(drawn.T), covariance[0], atol=1e-4)


@pytest.mark.parametrize(
    ("n", "ellip", "sigma"),
    [(7.5, 0.3, 0.1), (0.32, 0.9, 0.1), (1.0, 0.94, 0.3), (40.0, 0.3, 0.01)],
)
def test_draws_stay_in_the_physical_range(n, ellip, sigma):
    latent, covariance = posterior(n, ellip, sigma)
    params = draw_parameters(latent, covariance, 2000, np.random.default_rng(0))
    assert np.isfinite(params).all()
    tiny = 1e-9
    assert params[..., 4].min() >= 0.3 - tiny
    assert params[..., 4].max() <= 8 + tiny
    assert params[..., 5].min() >= 0
    assert params[..., 5].max() <= 0.95 + tiny


def test_cut_off_posterior_has_no_pile_at_the_bound():
    latent, covariance = posterior(7.5, 0.3, 0.1)
    params = draw_parameters(latent, covariance, 2000, np.random.default_rng(0))
    assert np.mean(params[..., 4] > 7.999) < 0.01


def test_covariance_that_is_not_positive():
    latent, covariance = posterior()
    covariance[0, 3, :] = covariance[0, :, 3] = 0.0
    params = draw_parameters(latent, covariance, 100, np.random.default_rng(0))
    np.testing.assert_allclose(params[..., 3], 4.0)


def test_lost_rows_are_nan():
    latent, covariance = posterior()
    latent = np.vstack([latent, latent * np.nan])
    covariance = np.vstack([covariance, covariance])
    params = draw_parameters(latent, covariance, 3, np.random.default_rng(0))
    assert np.isfinite(params[0]).all()
    assert np.isnan(params[1]).all()
    nothing = draw_parameters(latent[1:], covariance[1:], 3, np.random.default_rng(0))
    assert np.isnan(nothing).all()


def test_latent_of_the_fitter_makes_its_parameters(stamps, network):
    fitter = CNNSersicFitter(network)
    table = fitter(stamps * 3, PSF)
    info = fitter.fit_info[1]
    assert info["latent_names"] == LATENT_NAMES
    latent, covariance = info["latent_values"], info["latent_cov"]
    np.testing.assert_allclose(decode(latent), info["param_values"])
    np.testing.assert_allclose(decode_covariance(latent, covariance), info["param_cov"])
    assert 10 ** latent[2] == pytest.approx(table["flux_fit"][1])


def test_latent_of_an_averaged_galaxy(network):
    true = np.array([[150.4, 151.3, 1e6, 30.0, 1.0, 0.3, 0.7]])
    rng = np.random.default_rng(1)
    image = image_of_galaxies(true, PSF[np.newaxis], (301, 301))
    image += rng.normal(0, 1, image.shape)
    fitter = CNNSersicFitter(network)
    fitter(image, PSF)
    info = fitter.fit_info[0]
    factor = info["block_factor"]
    assert factor > 1
    np.testing.assert_allclose(decode(info["latent_values"]), info["param_values"])
    errors = np.sqrt(np.diag(info["latent_cov"]))
    # The stand-in's errors are 0.05 pixels and 0.02 dex at its own scale.
    np.testing.assert_allclose(errors[[0, 3]], [0.05 * factor, 0.02])


def test_samples_of_the_fitter(stamps, network):
    fitter = CNNSersicFitter(network, zeropoint=30.0, pixel_scale=0.2)
    table = fitter(stamps * u.nJy, PSF)
    draws = fitter.sample(500, seed=1)
    names = "id x_fit y_fit flux_fit r_eff_fit n_fit ellip_fit theta_fit".split()
    assert draws.colnames == [*names, "mag_fit", "r_eff_sky_fit"]
    for name in draws.colnames[1:]:
        assert draws[name].shape == (4, 500)
        assert draws[name].unit == table[name].unit
        error = table[name.replace("_fit", "_err")]
        offset = np.mean(draws[name], axis=1) - table[name]
        assert np.all(np.abs(offset) < 0.3 * error)
        np.testing.assert_allclose(np.std(draws[name], axis=1) / error, 1, atol=0.25)
    assert list(draws["id"]) == [1, 2, 3, 4]
    again = fitter.sample(500, seed=np.random.default_rng(1))
    np.testing.assert_array_equal(again["n_fit"], draws["n_fit"])
    assert np.any(fitter.sample(500)["n_fit"] != draws["n_fit"])


def test_samples_on_the_sky(stamps, network):
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.cd = np.array([[-0.3, 0], [0, 0.3]]) / 3600
    fitter = CNNSersicFitter(network)
    table = fitter(NDData(stamps[0], wcs=wcs), PSF)
    draws = fitter.sample(50, seed=0)
    assert draws["pa_fit"].unit == u.deg
    offset = np.mean(draws["pa_fit"], axis=1) - table["pa_fit"]
    assert abs(offset[0]) < table["pa_err"][0]
    np.testing.assert_allclose(
        draws["r_eff_sky_fit"].to_value("arcsec"), 0.3 * draws["r_eff_fit"], rtol=1e-3
    )


def test_samples_of_lost_galaxies(stamps, network):
    stamps = stamps.copy()
    stamps[1] = np.nan
    fitter = CNNSersicFitter(network)
    with pytest.warns(AstropyUserWarning):
        fitter(stamps, PSF)
    draws = fitter.sample(5, seed=0)
    assert np.isnan(draws["x_fit"][1]).all()
    assert np.isfinite(draws["x_fit"][[0, 2, 3]]).all()


@pytest.mark.parametrize("n", [0, -1, 2.5, True, "many", None])
def test_bad_number_of_samples(stamps, network, n):
    fitter = CNNSersicFitter(network)
    with pytest.raises(ValueError, match="call the fitter with data first"):
        fitter.sample(3)
    fitter(stamps, PSF)
    with pytest.raises(ValueError, match="n must be a positive integer"):
        fitter.sample(n)
