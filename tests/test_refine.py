# Licensed under a 3-clause BSD style license - see LICENSE
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from astro_cnnfit.evaluation.cramer_rao import cramer_rao_covariance
from astro_cnnfit.parameters import decode, encode
from astro_cnnfit.psf.models import moffat
from astro_cnnfit.rendering import render_sersic_numpy
from astro_cnnfit.sersic.circularised import (
    circularise,
    covariance_to,
    uncircularise,
    within_bounds,
)
from astro_cnnfit.sersic.least_squares import least_squares_fit
from astro_cnnfit.sersic.refine import refine_stamps

PARAMS = np.array(
    [
        [0.3, -0.4, 2.0e4, 4.0, 1.2, 0.3, 0.5],
        [-2.2, 1.1, 5.0e4, 3.0, 4.0, 0.6, 2.2],
        [0.0, 0.6, 4.0e4, 8.0, 0.6, 0.75, 1.4],
        [0.1, 0.2, 6.0e4, 5.0, 2.5, 0.0, 0.0],
    ]
)
LATENT = encode(PARAMS)
PSF = moffat(3.5, 3.0)
# What a network may be off, and says of it.
SPREAD = np.square([0.05, 0.05, 0.01, 0.02, 0.03, 0.02, 0.02])
COVARIANCE = np.tile(np.diag(SPREAD), (len(PARAMS), 1, 1))


@pytest.fixture(scope="module")
def clean():
    return render_sersic_numpy(PARAMS, PSF, batch_size=16)


@pytest.fixture(scope="module")
def noisy(clean):
    return clean + np.random.default_rng(5).normal(0, 1, clean.shape)


@pytest.fixture
def start():
    return LATENT + np.random.default_rng(2).normal(0, np.sqrt(SPREAD), LATENT.shape)


def test_finds_the_truth_without_noise(clean, start):
    found = refine_stamps(clean + 2.5, PSF, 1.0, None, start, COVARIANCE)
    assert found.converged.all()
    assert not found.at_bound.any()
    assert_allclose(found.sky, 2.5, atol=0.01)
    assert_allclose(found.latent[:3], LATENT[:3], atol=2e-3)
    assert np.all(found.reduced_chi2 < 1e-3)
    assert np.all(found.n_iterations <= 5)


def test_agrees_with_a_classical_fit(noisy, start):
    found = refine_stamps(noisy, PSF, 1.0, None, start, COVARIANCE)
    assert_allclose(found.reduced_chi2, 1, atol=0.1)
    for row in range(2):
        fit = least_squares_fit(noisy[row], PSF[0], error=1.0, initial=PARAMS[row])
        errors = np.sqrt(np.diagonal(fit.latent_covariance))
        assert_allclose((found.latent[row] - fit.latent) / errors, 0, atol=0.05)
        assert_allclose(np.sqrt(np.diagonal(found.covariance[row])), errors, rtol=0.05)
        assert_allclose(found.reduced_chi2[row], fit.reduced_chi2, rtol=1e-3)
        assert_allclose(found.sky[row], fit.sky, atol=0.2 * fit.sky_err)


def test_covariance_is_that_of_the_limit(noisy, start):
    error = np.full(noisy.shape, 1.7)
    mask = np.zeros(noisy.shape, bool)
    mask[:, 20:30, 40:] = True
    found = refine_stamps(noisy, PSF, error, mask, start, COVARIANCE)
    limit = cramer_rao_covariance(PARAMS, PSF, error=error, mask=mask)
    ratio = np.diagonal(found.covariance, axis1=1, axis2=2)
    ratio = ratio / np.diagonal(limit, axis1=1, axis2=2)
    assert_allclose(ratio[:3], 1, rtol=0.1)


def test_masked_and_useless_pixels_do_not_count(noisy, start):
    mask = np.zeros(noisy.shape, bool)
    mask[:, 40:50, 10:25] = True
    expected = refine_stamps(noisy, PSF, 1.0, mask, start, COVARIANCE)
    pixels, error = noisy.copy(), np.ones(noisy.shape)
    pixels[:, 40:45, 10:25] = np.nan
    error[:, 45:47, 10:25] = 0
    error[:, 47:50, 10:25] = np.inf
    found = refine_stamps(pixels, PSF, error, None, start, COVARIANCE)
    for mine, other in zip(found, expected, strict=True):
        assert_allclose(mine, other)


def test_result_does_not_depend_on_the_company(noisy, start):
    together = refine_stamps(noisy, PSF, 1.0, None, start, COVARIANCE)
    again = refine_stamps(
        np.tile(noisy, (5, 1, 1)), np.tile(PSF, (20, 1, 1)), 1.0, None,
        np.tile(start, (5, 1)), np.tile(COVARIANCE, (5, 1, 1)),
    )  # fmt: skip
    for row in (0, 16):
        assert_allclose(again.latent[row : row + 4], together.latent, atol=1e-4)
        assert_array_equal(again.n_iterations[row : row + 4], together.n_iterations)


def test_prior_counts_only_what_the_pixels_do_not_know(noisy):
    # Narrow in the index, of which the network claims to know more than there is
    # to be known, and wide in everything else.
    wide = np.array([1.0, 1.0, 0.5, 0.5, 1e-4, 0.5, 0.5]) ** 2
    covariance = np.tile(np.diag(wide), (len(PARAMS), 1, 1))
    start = LATENT.copy()
    start[:, 4] += 0.02
    found = refine_stamps(noisy, PSF, 1.0, None, start, covariance, use_prior=True)
    free = refine_stamps(noisy, PSF, 1.0, None, start, covariance)
    assert found.converged.all()
    assert_allclose(found.latent[:, 4], start[:, 4], atol=1e-3)
    assert_allclose(np.sqrt(found.covariance[:, 4, 4]), 1e-4, rtol=0.1)
    assert np.all(found.reduced_chi2 >= free.reduced_chi2)
    # A network that knows less than the pixels changes nothing.
    vague = np.tile(np.diag(np.full(7, 4.0)), (len(PARAMS), 1, 1))
    same = refine_stamps(noisy, PSF, 1.0, None, start, vague, use_prior=True)
    errors = np.sqrt(np.diagonal(free.covariance, axis1=1, axis2=2))
    assert_allclose((same.latent - free.latent) / errors, 0, atol=0.05)


def test_prior_rescues_what_is_hardly_seen():
    rng = np.random.default_rng(3)
    params = np.tile([0.0, 0.0, 60.0, 2.0, 1.0, 0.2, 0.5], (16, 1))
    stamps = render_sersic_numpy(params, PSF, batch_size=16)
    stamps = stamps + rng.normal(0, 1, stamps.shape)
    spread = np.diag(np.square([0.3, 0.3, 0.08, 0.1, 0.2, 0.15, 0.15]))
    truth = encode(params)
    start = truth + rng.normal(0, np.sqrt(np.diagonal(spread)), truth.shape)
    covariance = np.tile(spread, (16, 1, 1))
    found = refine_stamps(stamps, PSF, 1.0, None, start, covariance, use_prior=True)
    assert found.converged.mean() > 0.9
    errors = np.sqrt(np.diagonal(found.covariance, axis1=1, axis2=2))
    # Those of the network, but for what the pixels seem to know elsewhere.
    ratio = errors[found.converged] / np.sqrt(np.diagonal(spread))
    assert np.median(ratio) < 1.05
    assert ratio.max() < 2
    pull = ((found.latent - truth) / errors)[found.converged]
    assert np.mean(np.abs(pull) < 2) > 0.85


def test_bounds_hold(start):
    # Steeper than any index that is drawn: a point source beside its own wings.
    pixels = 3e4 * np.pad(PSF, ((0, 0), (18, 18), (18, 18)))
    pixels += 4 * render_sersic_numpy([[0, 0, 5e4, 9.0, 8.0, 0.0, 0.0]], PSF)
    latent = encode([[0, 0, 1e5, 4.0, 7.0, 0.05, 0.3]])
    found = refine_stamps(pixels, PSF, 1.0, None, latent, 25 * COVARIANCE[:1])
    assert found.at_bound[0]
    assert np.isfinite(found.latent).all()
    n = 10 ** found.latent[0, 4]
    assert 0.3 <= n <= 8 + 1e-9


@pytest.mark.parametrize("what", ["nan start", "nan covariance", "all masked", "nan"])
def test_hopeless_galaxies_do_not_spoil_the_others(noisy, start, what):
    pixels, latent, covariance = noisy.copy(), start.copy(), COVARIANCE.copy()
    mask = np.zeros(noisy.shape, bool)
    if what == "nan start":
        latent[1] = np.nan
    elif what == "nan covariance":
        covariance[1, 2, 3] = np.nan
    elif what == "all masked":
        mask[1] = True
    else:
        pixels[1] = np.nan
    expected = refine_stamps(noisy, PSF, 1.0, None, start, COVARIANCE)
    for use_prior in (False, True):
        found = refine_stamps(
            pixels, PSF, 1.0, mask, latent, covariance, use_prior=use_prior
        )
        assert_array_equal(found.converged, [True, False, True, True])
        assert_allclose(found.latent[2], expected.latent[2], atol=5e-3)


def test_another_galaxy_is_not_the_same(noisy, start):
    # The start says, within small errors, that it is somewhere else.
    start[0, 0] += 1.5
    start[1, 2] += 0.5
    found = refine_stamps(noisy, PSF, 1.0, None, start, COVARIANCE)
    assert_array_equal(found.converged, [False, False, True, True])
    found = refine_stamps(noisy, PSF, 1.0, None, start, COVARIANCE, max_iterations=2)
    assert_array_equal(found.n_iterations <= 2, True)
    assert not found.converged[:2].any()


def test_no_galaxies():
    found = refine_stamps(
        np.empty((0, 61, 61)), PSF, 1.0, None, np.empty((0, 7)), np.empty((0, 7, 7))
    )
    assert found.latent.shape == (0, 7)
    assert found.covariance.shape == (0, 7, 7)
    assert found.converged.shape == (0,)


def test_circularised_parameters():
    values = circularise(LATENT)
    assert_allclose(uncircularise(values), LATENT)
    axes = PARAMS[:, 3] * np.sqrt(1 - PARAMS[:, 5])
    assert_allclose(10 ** values[:, 3], axes)
    there = covariance_to("circularised", values, COVARIANCE)
    assert_allclose(covariance_to("latent", values, there), COVARIANCE, atol=1e-12)
    # By differences: the size at fixed area grows with the ellipticity.
    moved = values.copy()
    moved[:, 5] += 1e-5
    slope = (uncircularise(moved) - LATENT)[:3, 3] / 1e-5
    unit = np.zeros((4, 7, 7))
    unit[:, 5, 5] = 1
    assert_allclose(covariance_to("latent", values, unit)[:3, 3, 5], slope, rtol=1e-3)


def test_values_within_bounds():
    values = circularise(LATENT[:2])
    same, at_bound = within_bounds(values)
    assert_allclose(same, values)
    assert not at_bound.any()
    values[0, 4], values[1, 5:7] = 2.0, (3.0, 4.0)
    inside, at_bound = within_bounds(values)
    assert at_bound.all()
    assert_allclose(inside[0, 4], np.log10(8))
    assert_allclose(decode(uncircularise(inside))[1, 5], 0.95)
    assert_allclose(inside[1, 5] / inside[1, 6], 0.75)
    assert within_bounds(inside)[1].all()
