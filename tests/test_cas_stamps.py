# Licensed under a 3-clause BSD style license - see LICENSE
"""Tests of stamps: sources found, sky measured, pixels replaced."""

import numpy as np
import pytest

from astro_cnnfit import flags
from astro_cnnfit.inputs import Image, parse_image
from astro_cnnfit.morphology.detection import find_sources, grown
from astro_cnnfit.morphology.local_sky import filled, local_sky, sky_pixels
from astro_cnnfit.morphology.segments import sources_of
from astro_cnnfit.morphology.stamps import prepare

SIZE = 101
Y, X = np.mgrid[:SIZE, :SIZE] - 50.0


def galaxy(x=0.0, y=0.0, height=30.0, scale=4.0):
    return height * np.exp(-np.hypot(X - x, Y - y) / scale)


@pytest.fixture
def rng():
    return np.random.default_rng(5)


def noisy(rng, *galaxies, sky=0.0, sigma=1.0):
    return sky + sum(galaxies) + rng.normal(0, sigma, (SIZE, SIZE))


def test_galaxy_and_neighbour_are_told_apart(rng):
    stamps = np.array(
        [
            noisy(rng, galaxy(), galaxy(30, -20, 20, 3), sky=50),
            noisy(rng, galaxy(), sky=-7, sigma=0.01),
            noisy(rng, sky=3),
        ]
    ).astype(np.float32)
    own, others = find_sources(stamps)
    assert own[0, 50, 50]
    assert not own[0, 30, 80]
    assert others[0, 30, 80]
    assert not (own & others).any()
    assert 300 < own[0].sum() < 1200
    assert 50 < others[0].sum() < 500
    assert others[1].sum() == 0
    # Nothing there: a disc stands for the galaxy.
    assert own[2].sum() == np.count_nonzero(np.hypot(X, Y) <= 5)


def test_stamps_do_not_depend_on_each_other(rng):
    stamps = np.array([noisy(rng, galaxy()), noisy(rng, galaxy(), galaxy(30, 0))])
    both = find_sources(stamps)
    for row in (0, 1):
        alone = find_sources(stamps[row : row + 1])
        assert all(
            np.array_equal(a[0], b[row]) for a, b in zip(alone, both, strict=True)
        )


def test_bad_pixels_are_no_sources(rng):
    stamps = noisy(rng, galaxy())[np.newaxis]
    stamps[0, 10:16, 10:16] = 1000
    bad = stamps > 500
    assert find_sources(stamps)[1][bad].all()
    _, others = find_sources(np.where(bad, 0, stamps), bad)
    assert not others.any()


def test_stamps_of_even_size(rng):
    own, _ = find_sources(noisy(rng, galaxy())[np.newaxis, 20:80, 20:80])
    assert own.shape == (1, 60, 60)
    assert own[0, 30, 30]


def test_grown():
    pixels = np.zeros((1, 7, 7), bool)
    pixels[0, 3, 3] = True
    assert np.array_equal(np.argwhere(grown(pixels)[0]).min(axis=0), [2, 2])
    assert grown(pixels).sum() == 9


def test_sky_is_measured_outside_the_galaxy(rng):
    stamps = np.array([noisy(rng, galaxy(height=200), sky=10) for _ in range(200)])
    own = np.broadcast_to(np.hypot(X, Y) < 20, stamps.shape)
    covered = np.zeros_like(own)
    sky_mask, radius, reach = sky_pixels(own, covered)
    assert np.allclose(reach, 19)
    assert np.allclose(radius, 38)
    sky = local_sky(stamps, sky_mask)
    assert abs(sky.level.mean() - 10) < 0.02
    assert np.isclose(sky.level.std(), sky.level_err.mean(), rtol=0.25)
    assert np.allclose(sky.sigma, 1, atol=0.08)
    assert abs(sky.sigma.mean() - 1) < 0.02


def test_little_sky_is_the_outermost(rng):
    stamps = noisy(rng, galaxy())[np.newaxis]
    own = np.zeros(stamps.shape, bool)
    own[0, 45:56, 45:56] = True
    covered = np.ones_like(own)
    covered[:, 20:81, 20:81] = False
    sky_mask, _, _ = sky_pixels(own, covered)
    assert sky_mask.sum() == 1000
    assert np.hypot(X, Y)[sky_mask[0]].min() > 28


def test_no_sky():
    stamps = np.ones((1, 21, 21))
    everything = np.ones(stamps.shape, bool)
    sky_mask, _, _ = sky_pixels(everything, ~everything)
    sky = local_sky(stamps, sky_mask)
    assert np.isnan(sky.level[0])
    assert sky.count[0] == 0
    replaced = filled(stamps.copy(), everything, ~everything, np.array([5.0]), sky)
    assert np.array_equal(replaced, 0 * stamps)


def test_what_is_filled(rng):
    stamps = noisy(rng, galaxy(), sky=5)[np.newaxis]
    bad, others = np.zeros((2, *stamps.shape), bool)
    bad[0, 50, 55] = bad[0, 44, 50] = bad[0, 56, 50] = True
    bad[0, :, :3] = True
    others[0, 20:30, 70:80] = True
    own = np.hypot(X, Y)[np.newaxis] < 15
    sky_mask, radius, _ = sky_pixels(own, bad | others)
    sky = local_sky(stamps, sky_mask)
    result = filled(stamps.copy(), bad, others, radius, sky)
    untouched = ~(bad | others)
    assert np.array_equal(result[untouched], stamps[untouched])
    assert result[0, 50, 55] == stamps[0, 50, 45]
    # Both sides bad: sky.
    assert set(result[0, [44, 56], 50]) <= set(stamps[sky_mask])
    for part in (bad, others):
        drawn = result[part & (np.hypot(X, Y) > 20)]
        assert abs(drawn.mean() - 5) < 0.5
        assert 0.7 < drawn.std() < 1.3
        assert set(drawn) <= set(stamps[sky_mask])
    again = filled(stamps.copy(), bad, others, radius, sky)
    other = filled(stamps.copy(), bad, others, radius, sky, seed=1)
    assert np.array_equal(again, result)
    assert not np.array_equal(other, result)


@pytest.mark.parametrize("unit", [1.0, 1e-30, 1e12])
def test_prepared_stamps_are_in_noises_of_the_sky(rng, unit):
    data = unit * np.array([noisy(rng, galaxy(), sky=1000, sigma=2.0)] * 2)
    before = data.copy()
    image = parse_image(data)
    found = prepare(image, None, sources_of(image), np.arange(2))
    assert np.array_equal(data, before)
    assert found.stamps.dtype == np.float32
    assert np.allclose(found.sky / unit, 1000, atol=0.15)
    assert np.allclose(found.sky_sigma / unit, 2, atol=0.15)
    assert abs(found.stamps[0][np.hypot(X, Y) > 45].mean()) < 0.1
    assert found.flags.tolist() == [flags.SKY_PEDESTAL] * 2
    assert np.abs(found.x_centroid - 50).max() < 0.5


def test_the_noise_is_that_of_the_error_map(rng):
    data = noisy(rng, galaxy())[np.newaxis]
    image = parse_image(data, error=np.full(data.shape, 4.0))
    found = prepare(image, None, sources_of(image), np.arange(1))
    assert found.sky_sigma == 4


def test_sky_may_be_left(rng):
    image = parse_image(noisy(rng, galaxy(), sky=8)[np.newaxis])
    found = prepare(image, None, sources_of(image), np.arange(1), subtract_sky=False)
    assert np.isclose(found.sky[0], 0, atol=1e-6)
    assert found.flags[0] & flags.SKY_PEDESTAL
    corner = found.stamps[0, :10, :10] * found.sky_sigma
    assert np.isclose(np.median(corner), 8, atol=0.5)


def test_neighbours_of_the_map_are_replaced(rng):
    labels = np.zeros((SIZE, SIZE), int)
    labels[np.hypot(X, Y) < 15] = 2
    labels[np.hypot(X - 30, Y) < 12] = 7
    image = parse_image(noisy(rng, galaxy(), galaxy(30, 0)))
    found = prepare(image, labels, sources_of(image, labels), np.arange(2))
    assert found.stamps[0, 50, 75:85].max() < 5
    assert np.array_equal(found.own[0], labels == 2)
    # The second is in the centre of its own stamp, and the first gone.
    assert found.stamps[1, 50, 50] > 10
    assert found.stamps[1, 50, 18:22].max() < 5


def test_blocks_leave_pixels_of_neighbours_out(rng):
    data = rng.normal(0, 1, (320, 320))
    y, x = np.mgrid[:320, :320] - 160.0
    data += 50 * np.exp(-np.hypot(x, y) / 25)
    labels = np.where(np.hypot(x, y) < 100, 1, 0)
    star = np.hypot(x - 60, y) < 5
    data[star], labels[star] = 500, 2
    image = parse_image(data)
    sources = sources_of(image, labels)
    found = prepare(image, labels, sources, np.array([0]), factor=3)
    assert found.factor == 3
    assert found.flags[0] & flags.BLOCK_AVERAGED
    # Noise of a mean of nine.
    assert 0.25 < found.sky_sigma[0] < 0.5
    assert found.own[0].sum() > 3000
    peak = found.stamps[0] * found.sky_sigma[0]
    assert peak.max() < 60
    assert abs(found.x_centroid[0] - 160) < 3


def test_beyond_the_image_is_sky(rng):
    image = parse_image(noisy(rng, galaxy(), sky=3)[np.newaxis, 20:80, 20:80])
    found = prepare(image, None, sources_of(image), np.arange(1))
    assert found.flags[0] & flags.TRUNCATED
    outside = found.excluded[0]
    assert outside.sum() == SIZE**2 - 60**2
    assert 0.8 < found.stamps[0][outside].std() < 1.2
    assert abs(found.stamps[0][outside].mean()) < 0.1


def test_some_rows_of_a_stack(rng):
    stack = np.array([noisy(rng, galaxy(height=h)) for h in (20, 40, 80, 160)])
    image = parse_image(stack)
    sources = sources_of(image)
    whole = prepare(image, None, sources, np.arange(4))
    run = prepare(image, None, sources, np.arange(1, 3))
    apart = prepare(image, None, sources, np.array([0, 3]))
    assert np.array_equal(run.stamps, whole.stamps[1:3])
    assert np.array_equal(apart.stamps, whole.stamps[[0, 3]])
    assert isinstance(image, Image)


def test_sources_may_be_left(rng):
    image = parse_image(noisy(rng, galaxy(), galaxy(35, 0, 20, 2))[np.newaxis])
    sources = sources_of(image)
    cleaned = prepare(image, None, sources, np.arange(1))
    left = prepare(image, None, sources, np.arange(1), clean=False)
    assert cleaned.stamps[0, 50, 80:90].max() < 5
    assert left.stamps[0, 50, 85] > 12
    assert not left.excluded.any()
    # What is left is no sky.
    assert np.isclose(left.sky[0], cleaned.sky[0])


def test_parts_of_a_galaxy_stay_with_it(rng):
    arms = galaxy(14, 14, 8, 2) + galaxy(-14, 13, 8, 2)
    disc = 3.0 * ((np.hypot(X, Y) < 16) & (np.hypot(X, Y) > 12) & (Y < 0))
    own, others = find_sources(noisy(rng, galaxy(), arms, disc)[np.newaxis])
    assert own[0, 64, 64]
    assert own[0, 63, 36]
    assert not others.any()
