# Licensed under a 3-clause BSD style license - see LICENSE
"""Tests of flags for neighbours, saturation, poor models and wrong PSFs."""

import numpy as np
import pytest

from astro_cnnfit import CNNSersicFitter, flags
from astro_cnnfit.parameters import decode, encode
from astro_cnnfit.psf import moffat
from astro_cnnfit.sersic.images import stamps_of_galaxies
from astro_cnnfit.sersic.refine import refine_stamps
from astro_cnnfit.sersic.residuals import examine
from astro_cnnfit.sersic.surroundings import (
    has_bad_pixel,
    is_saturated,
    neighbour_light,
)

PSF = moffat([3.0], 3.0)
SIZE = 61


def galaxy(x=0.2, y=-0.3, flux=5e3, r_eff=4.0, n=1.0, ellip=0.3, theta=0.7):
    return np.array([[x, y, flux, r_eff, n, ellip, theta]])


def draw(*galaxies, psf=PSF, noise=1.0, seed=0):
    light = sum(stamps_of_galaxies(params, psf, (61, 61)) for params in galaxies)
    rng = np.random.default_rng(seed)
    return (light + noise * rng.normal(0, 1, light.shape)).astype(np.float32)


def others_of(stamps, params, mask=None, sky=0.0):
    mask = np.zeros(stamps.shape, bool) if mask is None else mask
    return neighbour_light(stamps, np.full(1, sky), mask, params, np.full(1, 3.0))[0]


@pytest.mark.parametrize("n", [0.5, 1.0, 4.0])
@pytest.mark.parametrize("r_eff", [0.5, 2.0, 7.0])
@pytest.mark.parametrize("flux", [500.0, 5e3, 1e5])
def test_galaxy_is_not_its_own_neighbour(n, r_eff, flux):
    params = galaxy(n=n, r_eff=r_eff, flux=flux)
    assert others_of(draw(params), params) < 0.01


def test_nearer_and_brighter_neighbours_count_more():
    params = galaxy()
    values = [
        others_of(draw(params, galaxy(x, 2.0, flux, 2.0)), params)
        for x, flux in ((26.0, 1e3), (14.0, 1e3), (14.0, 5e3), (9.0, 5e3))
    ]
    assert np.all(np.diff(values) > 0)
    assert values[-1] > 0.1
    lifted = draw(params, galaxy(14.0, 2.0, 1e3, 2.0)) + 50
    assert others_of(lifted, params, sky=50.0) == pytest.approx(values[1], rel=1e-3)


def test_masked_neighbour_is_none():
    params = galaxy()
    stamps = draw(params, galaxy(14.0, 2.0, 5e3, 2.0))
    y, x = np.mgrid[:61, :61] - 30.0
    mask = (np.hypot(x - 14, y - 2) < 11)[np.newaxis]
    assert others_of(stamps, params) > 0.05
    assert others_of(stamps, params, mask) < 0.01


def saturated(data, mask=None, sky=0.0, sigma=1.0):
    mask = np.zeros(data.shape, bool) if mask is None else mask
    return is_saturated(data, mask, np.full(1, sky), np.full(1, sigma))[0]


def test_plateau_is_saturated():
    stamps = draw(galaxy(r_eff=2.0, flux=5e4)).astype(float)
    assert not saturated(stamps)
    clipped = np.minimum(stamps, 0.4 * stamps.max())
    assert saturated(clipped)
    assert saturated(clipped + 300, sky=300.0)
    assert saturated(np.rint(clipped))
    mask = clipped == clipped.max()
    assert not saturated(clipped, mask)
    assert not saturated(np.full((1, 61, 61), 3.0), np.ones((1, 61, 61), bool))


@pytest.mark.parametrize("noise", [0.0, 1e-3, 1.0])
@pytest.mark.parametrize("n", [0.3, 0.5, 4.0])
@pytest.mark.parametrize(("x", "y"), [(0.0, 0.0), (0.5, 0.5), (0.5, 0.0)])
def test_flat_cores_are_not_saturated(n, noise, x, y):
    params = galaxy(x, y, 1e5, 15.0, n, 0.0)
    stamps = draw(params, noise=noise)
    sigma = noise or 1e-3 * np.ptp(stamps)
    assert not saturated(stamps, sigma=sigma)
    assert not saturated(stamps.astype(float), sigma=sigma)


def test_noise_of_integers_is_not_saturated():
    rng = np.random.default_rng(1)
    disc = draw(galaxy(flux=5e3, r_eff=12.0, n=0.4), noise=0.0).astype(float)
    for seed in range(20):
        rng = np.random.default_rng(seed)
        counts = rng.poisson(disc * 10 + 3)
        assert not saturated(counts.astype(float), sky=3.0, sigma=np.sqrt(3))


def examined(stamps, params, psf=PSF, error=1.0, mask=None):
    mask = np.zeros(stamps.shape, bool) if mask is None else mask
    widths = np.full(len(stamps), 3.0)
    return examine(stamps, mask, error, encode(params), psf, widths)


def many(params, n=70, psf=PSF):
    params = np.repeat(params, n, axis=0)
    return draw(params, psf=psf), params


def test_right_model_and_psf():
    stamps, params = many(galaxy(flux=2e4))
    found = examined(stamps, params)
    assert not found.is_poor.any()
    assert found.reduced_chi2.mean() == pytest.approx(1.15, abs=0.1)
    assert np.abs(found.psf_sigmas).max() < 4
    # Below 1, as 0.1 % of the model is allowed beside the noise.
    assert 0.3 < found.psf_sigmas.std() < 1.2
    same = examined(stamps, params, error=np.ones(stamps.shape))
    np.testing.assert_allclose(same.reduced_chi2, found.reduced_chi2, rtol=1e-4)


@pytest.mark.parametrize("wrong", [-0.1, 0.1])
def test_wrong_psf(wrong):
    stamps, params = many(galaxy(flux=1e5, r_eff=3.0), 8)
    psf = moffat([3.0 * (1 + wrong)], 3.0)
    spread = np.tile(0.01 * np.eye(7), (8, 1, 1))
    fitted = refine_stamps(stamps, psf, 1.0, None, encode(params), spread)
    found = examined(stamps, decode(fitted.latent), psf)
    assert np.all(np.abs(found.psf_sigmas) > 5)
    # The true PSF is narrower than a PSF that is too wide.
    assert np.all(found.psf_error * wrong < 0)


def test_parameters_that_are_off_are_no_wrong_psf():
    stamps, params = many(galaxy(flux=2e4))
    off = params * (1 + 0.01 * np.array([1, -1, 1, 1, -1, 1, 1]))
    found = examined(stamps, off)
    assert np.abs(found.psf_sigmas).max() < 5


def test_poor_model():
    blend = (galaxy(-2.0), galaxy(3.0, 1.0))
    found = examined(draw(*blend), galaxy(flux=1e4, r_eff=5.0, ellip=0.0))
    assert found.is_poor[0]
    assert found.reduced_chi2[0] > 3


def test_noise_of_a_bright_galaxy_makes_no_poor_model():
    params = np.repeat(galaxy(flux=2e4), 20, axis=0)
    light = stamps_of_galaxies(params, PSF, (61, 61))
    noise = np.sqrt(1 + 0.3 * light)
    stamps = light + noise * np.random.default_rng(2).normal(0, 1, light.shape)
    stamps = stamps.astype(np.float32)
    unknown = examined(stamps, params)
    assert unknown.reduced_chi2.min() > 3
    assert not unknown.is_poor.any()
    known = examined(stamps, params, error=noise)
    assert known.reduced_chi2.max() < 2
    assert not known.is_poor.any()
    off = examined(stamps, params * [1, 1, 0.7, 1, 1, 1, 1], error=noise)
    assert off.is_poor.all()


def test_masked_pixels_and_lost_rows():
    stamps, params = many(galaxy(flux=2e4), 3)
    mask = np.zeros(stamps.shape, bool)
    mask[0, 20:40, 28:31] = True
    stamps[mask] = 1e6
    params[1] = np.nan
    mask[2] = True
    found = examined(stamps, params, mask=mask)
    assert found.reduced_chi2[0] < 1.6
    assert not found.is_poor.any()
    assert abs(found.psf_sigmas[0]) < 4
    assert np.isnan(found.qfit[1:]).all()


def test_flags_of_the_fitter(network):
    params = galaxy(0, 0, 2e4, 3.0, 1.0, 0.3)
    plain = draw(params)[0]
    pair = draw(params, galaxy(14.0, 0.0, 2e4, 2.0))[0]
    clipped = np.minimum(plain, 0.5 * plain.max())
    ring = plain + 30 * (np.hypot(*(np.mgrid[:61, :61] - 30.0)) < 2.5)
    stack = np.stack([plain, pair, clipped, ring]).astype(float)
    table = CNNSersicFitter(network)(stack, PSF[0])
    cheap = flags.NEIGHBOUR | flags.SATURATED
    costly = flags.POOR_MODEL | flags.PSF_MISMATCH
    assert list(table["flags"] & cheap) == [0, flags.NEIGHBOUR, flags.SATURATED, 0]
    assert not np.any(table["flags"] & costly)
    # The stand-in measures no PSF: what it says of a sharp galaxy is no good.
    table = CNNSersicFitter(network, statistics=True)(stack, PSF[0])
    assert list(table["flags"] & cheap) == [0, flags.NEIGHBOUR, flags.SATURATED, 0]
    assert table["flags"][3] & costly


def test_stars_have_no_bad_pixels():
    """Wherever in a pixel they lie, and with a PSF that is too wide by a tenth."""
    rng = np.random.default_rng(5)
    for width in (2.0, 3.0, 6.0):
        x, y = rng.uniform(-0.5, 0.5, (2, 20))
        stars = np.stack([psf_at(width, *place) for place in zip(x, y, strict=True)])
        light = rng.poisson(1e5 * stars) + rng.normal(100, 5, stars.shape)
        for given in (width, 1.1 * width):
            found = bad_pixels(light, psf_at(given))
            assert not found.any(), (width, given)


@pytest.mark.parametrize("width", [2.0, 3.0, 6.0])
@pytest.mark.parametrize("value", [3.0, -1.0])
def test_a_hot_or_dead_pixel(width, value):
    star = 1e5 * psf_at(width)
    rng = np.random.default_rng(6)
    light = star + rng.normal(100, 5, star.shape)
    for dx, dy in [(0, 0), (1, 0), (0, -1), (1, 1)]:
        spoiled = light.copy()
        spoiled[SIZE // 2 + dy, SIZE // 2 + dx] = 100 + value * star.max()
        assert bad_pixels(spoiled[np.newaxis], psf_at(width)).all()


def test_masked_pixels_are_not_bad():
    light = 1e5 * psf_at(3.0) + 100.0
    light[30, 31] = 1e9
    mask = np.zeros(light.shape, bool)
    mask[30, 31] = True
    assert bad_pixels(light[np.newaxis], psf_at(3.0)).all()
    assert not bad_pixels(light[np.newaxis], psf_at(3.0), mask[np.newaxis]).any()


def psf_at(width, x=0.0, y=0.0):
    """Return a Gaussian PSF of this FWHM, off the centre of a stamp."""
    rows, columns = np.mgrid[:SIZE, :SIZE] - SIZE // 2
    squared = (rows - y) ** 2 + (columns - x) ** 2
    star = np.exp(-4 * np.log(2) * squared / width**2)
    return star / star.sum()


def bad_pixels(light, psf, mask=None):
    """Of stamps with a sky of 100 +- 5."""
    mask = np.zeros(light.shape, bool) if mask is None else mask
    sky, sigma = np.full(len(light), 100.0), np.full(len(light), 5.0)
    return has_bad_pixel(light, mask, sky, sigma, psf[np.newaxis])


@pytest.mark.parametrize(
    ("light", "blended"), [(0.0, False), (3e3, False), (6e4, True)]
)
def test_blended(light, blended):
    """Light of a neighbour from 30 % of the galaxy's flux on, by its nearness."""
    params = galaxy(flux=5e3)
    stamp = draw(params, galaxy(14.0, 2.0, light, 2.0))
    bits = CNNSersicFitter()(stamp, PSF[0])["flags"]
    assert bool(bits[0] & flags.BLENDED) == blended
    assert bool(bits[0] & flags.NEIGHBOUR) == (light > 0)
