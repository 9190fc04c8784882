# Licensed under a 3-clause BSD style license - see LICENSE
import numpy as np
import pytest
from numpy.testing import assert_allclose

from astro_cnnfit.evaluation.cramer_rao import (
    cramer_rao_covariance,
    cramer_rao_nmad,
    fisher_matrix,
    latent_derivatives,
    prior_covariance_from_draws,
)
from astro_cnnfit.parameters import decode, encode

PARAMS = np.array(
    [
        [0.3, -0.4, 2.0e4, 4.0, 1.2, 0.3, 0.5],
        [-0.2, 0.1, 5.0e4, 3.0, 4.0, 0.6, 2.2],
        [0.0, 0.6, 1.0e4, 6.0, 2.0, 0.1, 1.4],
    ]
)


@pytest.fixture(scope="module")
def psf():
    galsim = pytest.importorskip("galsim")
    profile = galsim.Moffat(beta=3.0, fwhm=3.5)
    stamp = profile.drawImage(nx=25, ny=25, scale=1.0, method="auto").array
    return (stamp / stamp.sum())[np.newaxis]


def galsim_stamp(latent, psf):
    galsim = pytest.importorskip("galsim")
    (x, y, flux, r_eff, n, ellip, theta) = decode(latent)
    settings = galsim.GSParams(folding_threshold=1e-3, maximum_fft_size=16384)
    galaxy = galsim.Sersic(
        n=n, half_light_radius=r_eff * np.sqrt(1 - ellip), flux=flux,
        gsparams=settings,
    )  # fmt: skip
    galaxy = galaxy.shear(q=1 - ellip, beta=theta * galsim.radians)
    smear = galsim.InterpolatedImage(
        galsim.Image(psf.astype(float), scale=1.0), x_interpolant="lanczos7", flux=1
    )
    image = galsim.Image(61, 61, dtype=float)
    scene = galsim.Convolve([galaxy, smear], gsparams=settings)
    scene.drawImage(image=image, scale=1.0, offset=(x, y), method="no_pixel")
    return image.array


def test_derivatives_agree_with_galsim(psf):
    _, derivatives = latent_derivatives(PARAMS, psf)
    assert derivatives.shape == (3, 8, 61, 61)
    expected = np.ones_like(derivatives)
    latent = encode(PARAMS)
    for row in range(3):
        for index, step in enumerate([0.02, 0.02, 0.003, 0.003, 0.003, 0.003, 0.003]):
            ends = []
            for sign in (1, -1):
                moved = latent[row].copy()
                moved[index] += sign * step
                ends.append(galsim_stamp(moved, psf[0]))
            expected[row, index] = (ends[0] - ends[1]) / (2 * step)
    largest = np.abs(expected).max(axis=(2, 3), keepdims=True)
    assert_allclose(derivatives / largest, expected / largest, atol=0.02)
    limits = []
    for values in (derivatives, expected):
        flat = values.reshape(3, 8, -1) / 2.26
        limits.append(np.linalg.inv(flat @ np.swapaxes(flat, 1, 2)))
    variances = [np.diagonal(limit, axis1=1, axis2=2) for limit in limits]
    assert_allclose(*np.sqrt(variances), rtol=0.03)


def test_fisher_matrix_by_hand(psf):
    model, derivatives = latent_derivatives(PARAMS[:1], psf)
    variance = 2.26**2 + model[0] / 12
    expected = np.einsum("iyx,jyx,yx->ij", derivatives[0], derivatives[0], 1 / variance)
    fisher = fisher_matrix(PARAMS[:1], psf, sky_sigma=2.26, gain=12.0)
    assert_allclose(fisher[0], expected, rtol=1e-6)
    by_error = fisher_matrix(PARAMS[:1], psf, error=np.sqrt(variance))
    assert_allclose(by_error, fisher, rtol=1e-6)


def test_noise_given_once(psf):
    with pytest.raises(ValueError, match="either"):
        fisher_matrix(PARAMS, psf)
    with pytest.raises(ValueError, match="either"):
        fisher_matrix(PARAMS, psf, sky_sigma=1.0, error=np.ones((61, 61)))


def test_twice_the_noise_is_twice_the_error(psf):
    one = cramer_rao_covariance(PARAMS, psf, sky_sigma=2.0)
    two = cramer_rao_covariance(PARAMS, psf, sky_sigma=[4.0, 4.0, 4.0])
    assert_allclose(two, 4 * one, rtol=1e-6)
    assert np.all(np.linalg.eigvalsh(one) > 0)


def test_batches_are_joined(psf, monkeypatch):
    psfs = np.concatenate([psf, psf**1.1, psf**0.9])
    noise = {"sky_sigma": [1.0, 2.0, 3.0], "gain": [10.0, 5.0, 2.0]}
    whole = fisher_matrix(PARAMS, psfs, **noise)
    monkeypatch.setattr("astro_cnnfit.evaluation.cramer_rao._BATCH", 2)
    assert_allclose(fisher_matrix(PARAMS, psfs, **noise), whole, rtol=1e-5)
    assert fisher_matrix(PARAMS[:0], psf, sky_sigma=1.0).shape == (0, 8, 8)


def test_masking_and_priors(psf):
    free = cramer_rao_covariance(PARAMS, psf, sky_sigma=2.0)
    mask = np.zeros((61, 61), dtype=bool)
    mask[:, 33:] = True
    masked = cramer_rao_covariance(PARAMS, psf, sky_sigma=2.0, mask=mask)
    errors = [np.sqrt(np.diagonal(c, axis1=1, axis2=2)) for c in (free, masked)]
    assert np.all(errors[1] > errors[0])
    prior = np.diag(np.full(7, 1e-4))
    known = cramer_rao_covariance(
        PARAMS, psf, sky_sigma=2.0, mask=mask, prior_covariance=prior
    )
    assert np.all(np.diagonal(known, axis1=1, axis2=2) <= 1.0001e-4)


def test_prior_covariance_from_draws():
    rng = np.random.default_rng(1)
    latent = rng.normal(size=(4000, 7)) * 0.1
    covariance = prior_covariance_from_draws(decode(latent))
    assert_allclose(covariance, 0.01 * np.eye(7), atol=1e-3)


def test_statistics_of_the_limit(psf):
    kwargs = {"sky_sigma": 2.26, "gain": 12.0, "n_draws": 300}
    table = cramer_rao_nmad(PARAMS, psf, rng=1, **kwargs)
    again = cramer_rao_nmad(PARAMS, psf, rng=1, **kwargs)
    assert np.all(table == again)
    covariance = cramer_rao_covariance(PARAMS, psf, sky_sigma=2.26, gain=12.0)
    errors = 0.2 * np.sqrt(covariance[:, 0, 0]) / (1 + 0.2 * PARAMS[:, 0])
    nmad = table["x"][list(table["metric"]).index("NMAD")]
    assert errors.min() < nmad < errors.max()
