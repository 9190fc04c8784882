# Licensed under a 3-clause BSD style license - see LICENSE
"""Cleaning of neighbours, as galclean does it."""

import time

import numpy as np
import pytest
from astropy.stats import sigma_clipped_stats
from numpy.testing import assert_allclose, assert_array_equal

from astro_cnnfit.morphology.cleaning import clean_neighbours, sky_statistics


def blob(x_0, y_0, peak, width, size=101):
    y, x = np.mgrid[:size, :size]
    squared = (x - x_0) ** 2 + (y - y_0) ** 2
    return (peak * np.exp(-squared / 2 / width**2)).astype(np.float32)


def sky(n, size=101, seed=1):
    return np.random.default_rng(seed).normal(0, 1, (n, size, size)).astype(np.float32)


@pytest.fixture(scope="module")
def alone():
    return sky(4) + blob(50, 50, 60, 6)


@pytest.fixture(scope="module")
def crowded(alone):
    return alone + blob(80, 70, 40, 3) + blob(20, 30, 300, 2)


def test_neighbours_go_and_the_galaxy_stays(alone, crowded):
    before = crowded.copy()
    cleaned = clean_neighbours(crowded)
    assert_array_equal(crowded, before)
    assert cleaned.stamps.dtype == np.float32
    assert cleaned.found.all()
    replaced = cleaned.replaced
    assert replaced[:, 70, 80].all()
    assert replaced[:, 30, 20].all()
    assert not (replaced & cleaned.segments).any()
    assert_array_equal(cleaned.stamps[~replaced], crowded[~replaced])
    # All of the galaxy down to the noise, and little else.
    assert cleaned.segments[:, blob(50, 50, 60, 6) > 4].all()
    assert not cleaned.segments[:, blob(50, 50, 60, 6) < 0.01].any()
    filled = cleaned.stamps[replaced]
    assert abs(filled.mean()) < 0.15
    assert 0.8 < filled.std() < 1.2
    # What is left of the neighbours, in noises: less than a hundredth of them.
    assert abs((cleaned.stamps - alone).sum()) < 0.03 * (crowded - alone).sum()


def test_pixels_that_replace_are_sky(crowded):
    cleaned = clean_neighbours(crowded[0])
    undetected = crowded[0][~cleaned.replaced & ~cleaned.segments]
    assert np.isin(cleaned.stamps[cleaned.replaced], undetected).all()


def test_draws_depend_on_seed_and_stamp_alone(crowded):
    one, again = clean_neighbours(crowded), clean_neighbours(crowded[::-1])
    assert_array_equal(one.stamps, again.stamps[::-1])
    assert_array_equal(clean_neighbours(crowded[2]).stamps, one.stamps[2])
    other = clean_neighbours(crowded, seed=1)
    assert_array_equal(other.replaced, one.replaced)
    assert not np.array_equal(other.stamps, one.stamps)


def test_an_isolated_galaxy_is_not_touched(alone):
    cleaned = clean_neighbours(alone)
    assert cleaned.replaced.mean() < 1e-3
    assert clean_neighbours(alone[0]).stamps.shape == (101, 101)


def test_a_level_and_a_scale_change_nothing_but_that(crowded):
    one = clean_neighbours(crowded)
    other = clean_neighbours(crowded * 0.01 + 5)
    assert_array_equal(one.replaced, other.replaced)
    assert_array_equal(one.segments, other.segments)


@pytest.mark.parametrize("seed", range(3))
def test_a_centre_on_sky_is_guarded(seed):
    stamp = sky(1, seed=seed)[0] + blob(80, 70, 40, 3)
    cleaned = clean_neighbours(stamp)
    assert not cleaned.found
    assert cleaned.segments[50, 50]
    assert cleaned.replaced[70, 80]
    assert cleaned.segments.sum() < 250


def test_the_nearest_segment_stands_for_a_centre_just_beside_it():
    cleaned = clean_neighbours(sky(1)[0] + blob(53, 47, 40, 1) + blob(20, 20, 40, 1))
    assert cleaned.found
    assert cleaned.segments[47, 53]
    assert cleaned.replaced[20, 20]


def test_mask_and_bad_pixels_are_replaced(alone):
    stamp = alone[0].copy()
    stamp[10, 10], stamp[50, 52] = np.nan, np.inf
    mask = np.zeros(stamp.shape, bool)
    mask[:5] = mask[50, 48] = True
    cleaned = clean_neighbours(stamp, mask=mask)
    assert np.isfinite(cleaned.stamps).all()
    assert cleaned.replaced[mask].all()
    assert cleaned.replaced[10, 10]
    assert cleaned.replaced[50, 52]
    assert cleaned.found


def test_known_segments_divide_what_touches():
    stamp = sky(1)[0] + blob(50, 50, 60, 5) + blob(66, 50, 60, 5)
    assert not clean_neighbours(stamp).replaced[50, 66]
    mask = blob(66, 50, 1, 5) > blob(50, 50, 1, 5)
    segments = (blob(50, 50, 60, 5) > 2) & ~mask
    cleaned = clean_neighbours(stamp, mask=mask, segments=segments)
    assert cleaned.replaced[50, 66]
    assert not cleaned.replaced[50, 50]
    assert cleaned.found
    # Nothing is known of a galaxy without pixels.
    none = clean_neighbours(stamp, segments=np.zeros_like(mask))
    assert_array_equal(none.segments, clean_neighbours(stamp).segments)


def test_stamps_without_sky():
    full = blob(50, 50, 1000, 60)
    cleaned = clean_neighbours(full)
    assert np.isfinite(cleaned.stamps).all()
    for value in (0.0, 7.0):
        constant = clean_neighbours(np.full((20, 20), value))
        assert not constant.found
        assert not constant.replaced.any()
    empty = np.full((2, 30, 30), np.nan)
    cleaned = clean_neighbours(empty)
    assert np.isnan(cleaned.stamps).all()
    assert not (cleaned.segments | cleaned.replaced).any()
    assert clean_neighbours(np.zeros((0, 30, 30))).found.shape == (0,)


def test_masked_pixels_of_a_stamp_with_no_other_sky():
    mask = np.ones((20, 20), bool)
    mask[10, 10] = False
    cleaned = clean_neighbours(np.full((20, 20), 3.0), mask=mask)
    assert_allclose(cleaned.stamps, 3.0)


def test_sky_statistics_are_those_of_astropy(crowded):
    values = crowded[0].astype(float)
    _, median, deviation = sigma_clipped_stats(values, sigma=3, maxiters=10)
    assert_allclose(sky_statistics(values), (median, deviation), rtol=1e-5, atol=1e-6)
    assert sky_statistics([4.0]) == (4.0, 0.0)


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        ({"stamps": (5,)}, r"stamps must have shape \(N, ny, nx\)"),
        ({"stamps": (3, 5, 20)}, "of at least 10 pixels"),
        ({"stamps": (3, 20, 20), "mask": (20, 20)}, "mask must have the shape of"),
        ({"stamps": (20, 20), "segments": (2, 20, 20)}, "segments must have the shape"),
    ],
)
def test_bad_shapes(shapes, message):
    arrays = {name: np.zeros(shape) for name, shape in shapes.items()}
    with pytest.raises(ValueError, match=message):
        clean_neighbours(arrays.pop("stamps"), **arrays)


def test_it_is_quick(crowded):
    stamps = np.tile(crowded, (5, 1, 1))
    times = []
    for _ in range(3):
        start = time.perf_counter()
        clean_neighbours(stamps)
        times.append(time.perf_counter() - start)
    # 2.5 ms; more is for other work on the machine.
    assert min(times) / len(stamps) < 0.015
