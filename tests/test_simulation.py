# Licensed under a 3-clause BSD style license - see LICENSE
"""Priors, scenes, noise and flips."""

from dataclasses import replace

import numpy as np
import pytest
from keras import ops
from numpy.testing import assert_allclose, assert_array_equal

from astro_cnnfit import psf
from astro_cnnfit.parameters import NAMES, effective_snr
from astro_cnnfit.rendering import render_sersic_numpy
from astro_cnnfit.simulation import (
    BLOCKS,
    PRIORS,
    TABLE1,
    WIDE,
    Scenes,
    aperture_snr,
    draw_galaxies,
    draw_psfs,
    draw_scenes,
    find_data,
    flip,
    load_backgrounds,
    observe,
)
from astro_cnnfit.simulation.backgrounds import sky_stamps
from astro_cnnfit.simulation.masks import draw_masks, fill
from astro_cnnfit.simulation.priors import GAIN, PIXEL_SCALE, SKY_SIGMA, ZEROPOINT


@pytest.fixture(scope="module")
def scenes():
    return draw_scenes(TABLE1, np.random.default_rng(5), 64)


@pytest.mark.parametrize("name", PRIORS)
def test_scenes_are_whole(name):
    scenes = draw_scenes(PRIORS[name], np.random.default_rng(1), 24)
    assert len(scenes) == 24
    assert scenes.galaxies.shape == scenes.neighbours.shape == (24, 61, 61)
    for array in (scenes.galaxies, scenes.neighbours, scenes.psfs, scenes.params):
        assert np.isfinite(array).all()
    assert_allclose(scenes.psfs.sum(axis=(1, 2)), 1, rtol=1e-5)
    snr = aperture_snr(scenes.galaxies, scenes.poisson, 7.5)
    assert (snr >= PRIORS[name].min_snr).all()


def test_table_1():
    """The prior of Li et al. (2022): ranges and shapes of the distributions."""
    params = draw_galaxies(TABLE1, np.random.default_rng(2), 20_000)
    x, y, flux, r_eff, n, ellip, theta = params.T
    x, y, r_eff = x * PIXEL_SCALE, y * PIXEL_SCALE, r_eff * PIXEL_SCALE
    magnitude = ZEROPOINT - 2.5 * np.log10(flux * SKY_SIGMA)
    for centre in (x, y):
        assert np.abs(centre).max() <= 0.4
        # The cut at 0.4 takes 3 % of the width.
        assert_allclose([centre.mean(), centre.std()], [0, 0.1449], atol=0.004)
    assert 17 <= magnitude.min()
    assert magnitude.max() <= 22
    assert_allclose((22 - magnitude).mean(), 1.0, atol=0.05)
    assert 0.2 <= r_eff.min()
    assert r_eff.max() <= 4
    assert_allclose(np.median(np.log10(r_eff)), -0.1, atol=0.03)
    assert 0.3 <= n.min()
    assert n.max() <= 8
    assert_allclose(np.median(n), 1.10, atol=0.05)
    assert_allclose([(1 - ellip).min(), (1 - ellip).max()], [0.2, 1.0], atol=0.01)
    assert_allclose(theta.mean(), np.pi / 2, atol=0.03)
    assert_allclose(TABLE1.poisson(None, 1), 1 / (GAIN * SKY_SIGMA))


def test_seed_reproduces_scenes_and_stamps(scenes):
    again = draw_scenes(TABLE1, np.random.default_rng(5), 64)
    assert_array_equal(again.galaxies, scenes.galaxies)
    assert_array_equal(again.neighbours, scenes.neighbours)
    one, two, other = (
        ops.convert_to_numpy(observe(scenes, np.random.default_rng(seed))[0])
        for seed in (7, 7, 8)
    )
    assert_array_equal(one, two)
    assert not np.array_equal(one, other)


def test_a_prior_may_be_changed():
    narrow = replace(WIDE, psf_fwhm=lambda rng, n: np.full(n, 3.0), n_neighbours=0.0)
    scenes = draw_scenes(narrow, np.random.default_rng(1), 8)
    assert not scenes.neighbours.any()


@pytest.mark.parametrize("kind", range(8))
def test_flips_turn_parameters_and_pixels_alike(kind):
    rng = np.random.default_rng(kind)
    params = draw_galaxies(TABLE1, rng, 4)
    psfs, _ = draw_psfs(TABLE1, rng, 4)
    stamps = render_sersic_numpy(params, psfs)
    turned, (images, turned_psfs) = flip(params, (stamps, psfs), kind)
    expected = render_sersic_numpy(turned, np.ascontiguousarray(turned_psfs))
    peak = stamps.max(axis=(1, 2), keepdims=True)
    assert_allclose(images / peak, expected / peak, atol=3e-4)


def test_noise_has_the_variance_it_should(scenes):
    many = scenes.take(np.zeros(400, int))
    assert_array_equal(many.params[0], scenes.params[0])
    stamps = np.concatenate([_stacked(many, seed) for seed in range(2)])
    galaxy = scenes.galaxies[0]
    expected = 1 + scenes.poisson[0] * galaxy
    pedestal = scenes.pedestal[0]
    bright = galaxy > 0.2 * galaxy.max()
    assert_allclose(stamps.mean(axis=0)[bright], (galaxy + pedestal)[bright], rtol=0.05)
    ratio = stamps.var(axis=0) / expected
    assert_allclose(ratio.mean(), 1, atol=0.02)
    assert_allclose(ratio[bright].mean(), 1, atol=0.1)


def _stacked(scenes, seed):
    """Stamps without neighbours, turned back, in units of the true noise."""
    rng = np.random.default_rng(seed)
    kind = int(np.random.default_rng(seed).integers(8))
    stamps = ops.convert_to_numpy(observe(scenes, rng, neighbours=False)[0])
    stamps = stamps * scenes.noise_error[:, None, None]
    if kind & 4:
        stamps = stamps.swapaxes(1, 2)
    if kind & 2:
        stamps = stamps[:, ::-1]
    return stamps[:, :, ::-1] if kind & 1 else stamps


def test_correlated_noise_keeps_its_variance():
    rng = np.random.default_rng(3)
    prior = replace(WIDE, correlation=lambda rng, n: np.full(n, 0.3))
    scenes = draw_scenes(prior, rng, 32)
    empty = Scenes(**{**vars(scenes), "galaxies": 0 * scenes.galaxies})
    stamps = ops.convert_to_numpy(observe(empty, rng, neighbours=False)[0])
    stamps = stamps * scenes.noise_error[:, None, None]
    stamps -= stamps.mean(axis=(1, 2), keepdims=True)
    assert_allclose(stamps.var(), 1, atol=0.02)
    neighbouring = (stamps[:, :, 1:] * stamps[:, :, :-1]).mean()
    assert_allclose(neighbouring, 2 * 0.3 / (1 + 4 * 0.3**2), atol=0.03)


def test_neighbours_change_and_can_be_left_out(scenes):
    rng = np.random.default_rng(1)
    without = ops.convert_to_numpy(observe(scenes, rng, neighbours=False)[0])
    with_them = ops.convert_to_numpy(observe(scenes, rng)[0])
    assert with_them.sum() > without.sum()
    other = scenes.take(np.arange(64), shift=1)
    assert_array_equal(other.neighbours[0], scenes.neighbours[1])
    assert_array_equal(other.galaxies, scenes.galaxies)


def test_neighbours_keep_away_from_the_centre(scenes):
    peaks = scenes.neighbours.reshape(64, -1).argmax(axis=1)
    some = scenes.neighbours.any(axis=(1, 2))
    y, x = np.divmod(peaks[some], 61)
    assert some.sum() > 20
    assert np.hypot(x - 30, y - 30).min() > TABLE1.clear_radius - 1


def test_real_sky_replaces_noise(scenes):
    backgrounds = np.full((3, 61, 61), 100.0, np.float32)
    stamps = observe(scenes, np.random.default_rng(1), backgrounds, real_sky=1.0)[0]
    assert ops.convert_to_numpy(stamps).min() > 70


def test_sky_stamps_avoid_sources_in_their_centre():
    rng = np.random.default_rng(1)
    image = rng.normal(100, 3, (300, 300)).astype(np.float32)
    image[150, 150] += 5000
    image[:, :20] = np.nan
    stamps = sky_stamps(image, 50, 61, rng)
    assert len(stamps) > 20
    assert_allclose(stamps.std(axis=(1, 2)).min(), 1, atol=0.1)
    assert np.abs(stamps[:, 28:33, 28:33]).max() < 20
    assert_allclose(np.median(stamps), 0, atol=0.1)
    assert not np.isnan(stamps).any()


def test_sky_stamps_of_a_small_or_bad_image_are_none():
    rng = np.random.default_rng(1)
    assert sky_stamps(np.ones((40, 90)), 5, 61, rng).shape == (0, 61, 61)
    assert sky_stamps(np.full((90, 90), np.nan), 5, 61, rng).shape == (0, 61, 61)
    # A source in the centre of every stamp that fits.
    crowded = rng.normal(0, 1, (61, 61))
    crowded[20:40, 20:40] += 50
    assert sky_stamps(crowded, 5, 61, rng).shape == (0, 61, 61)


@pytest.mark.skipif(find_data() is None, reason="ASTRO_CNNFIT_TEST_DATA is not set")
def test_backgrounds_of_surveys():
    train, test = (
        load_backgrounds(find_data(), part, 400) for part in ("train", "test")
    )
    for stamps in (train, test):
        assert len(stamps) > 200
        assert np.isfinite(stamps).all()
        assert_allclose(np.median(stamps.std(axis=(1, 2))), 1.1, atol=0.3)
    assert not {s.tobytes() for s in train} & {s.tobytes() for s in test}


def test_bad_calls(tmp_path):
    with pytest.raises(ValueError, match="part must be 'train' or 'test'"):
        load_backgrounds(tmp_path, "both")
    with pytest.raises(ValueError, match="folder holds none"):
        load_backgrounds(tmp_path, "train")


def test_names_are_those_of_the_parameters():
    assert NAMES[:2] == ("x_0", "y_0")


def test_snr_of_the_wide_prior():
    scenes = draw_scenes(WIDE, np.random.default_rng(11), 200)
    widths = psf.fwhm(scenes.psfs)
    snr = effective_snr(scenes.params, widths, scenes.poisson)
    assert 6.9 < snr.min() < 30
    assert 500 < snr.max() < 3001


def test_a_psf_may_be_wrong():
    prior = replace(TABLE1, psf_error=lambda rng, n: np.full(n, 0.05))
    true, given = draw_psfs(prior, np.random.default_rng(1), 20)
    ratio = psf.fwhm(given) / psf.fwhm(true)
    assert ((ratio > 1.03) & (ratio < 1.06)).all()
    true, given = draw_psfs(TABLE1, np.random.default_rng(1), 20)
    assert true is given


def test_psfs_may_be_airy_and_off_centre():
    prior = replace(
        TABLE1, airy_share=1.0, psf_offset=lambda rng, n: np.full(n, 0.4),
        psf_taper=True,
    )  # fmt: skip
    true, _ = draw_psfs(prior, np.random.default_rng(1), 8)
    assert_allclose(true.sum(axis=(1, 2)), 1, rtol=1e-5)
    assert_allclose(psf.centroid(true), 12.4, atol=0.1)
    corner = true[:, 0, 0]
    assert_array_equal(corner, 0)


def test_bright_neighbours_do_not_outshine():
    rng = np.random.default_rng(2)
    prior = replace(
        WIDE, n_neighbours=3.0, outshone=0.1,
        neighbour_contrast=lambda rng, n: np.full(n, 16.0),
    )  # fmt: skip
    scenes = draw_scenes(prior, rng, 40)
    light = scenes.neighbours[:, 30, 30]
    # Three neighbours may add up.
    assert (light <= 0.5 * scenes.galaxies[:, 30, 30] + 1e-3).all()
    assert scenes.neighbours.max() > 0


def test_blocks_are_averages_of_finer_pixels():
    prior = replace(
        BLOCKS, n=lambda rng, n: np.full(n, 1.0), n_neighbours=0.0,
        psf_error=lambda rng, n: np.zeros(n),
    )  # fmt: skip
    scenes = draw_scenes(prior, np.random.default_rng(3), 16)
    direct = render_sersic_numpy(scenes.params, scenes.psfs)
    peak = direct.max(axis=(1, 2), keepdims=True)
    # Equal but for light beyond the pixel's sampling theorem.
    assert np.abs(scenes.galaxies - direct).max(axis=(1, 2)).max() < (0.05 * peak).max()
    assert np.median(np.abs(scenes.galaxies - direct) / peak) < 1e-3


def test_masks():
    rng = np.random.default_rng(5)
    share = np.linspace(0.02, 0.3, 400)
    mask = draw_masks(rng, share, 61)
    found = mask.mean(axis=(1, 2))
    assert found.max() < 0.5
    assert np.corrcoef(found, share)[0, 1] > 0.4
    whole = np.zeros((400, 61, 61), np.float32)
    filled = fill(whole, mask, rng)
    calm = mask & mask[:, ::-1, ::-1]
    assert_array_equal(filled[~mask], 0)
    assert_allclose(filled[calm].std(), 1, atol=0.05)


def test_masked_stamps_are_filled():
    prior = replace(WIDE, masked=lambda rng, n: np.full(n, 0.2))
    scenes = draw_scenes(prior, np.random.default_rng(6), 16)
    stamps, _, _ = observe(scenes, np.random.default_rng(6))
    assert np.isfinite(stamps).all()
    unmasked = replace(scenes, masked=np.zeros(16, np.float32))
    other, _, _ = observe(unmasked, np.random.default_rng(6))
    assert 0.05 < np.mean(stamps != ops.convert_to_numpy(other)) < 0.35
