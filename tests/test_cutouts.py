# Licensed under a 3-clause BSD style license - see LICENSE
"""Tests of stamps, the sky around galaxies, and rough sizes."""

import os
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.modeling.models import Sersic2D
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.ndimage import gaussian_filter

from astro_cnnfit import flags
from astro_cnnfit.cutouts import (
    block_factor,
    cut_stack,
    cut_stamps,
    error_sigma,
    estimate_half_light_radius,
    fill_masked,
    sky_sigma,
)
from astro_cnnfit.cutouts.sky import masked_median
from astro_cnnfit.inputs import Image, parse_image

DATA = os.environ.get("ASTRO_CNNFIT_TEST_DATA")
needs_data = pytest.mark.skipif(
    DATA is None, reason="ASTRO_CNNFIT_TEST_DATA does not name the folder of images"
)


def coordinates(ny, nx):
    """Return an image in which each pixel holds a linear function of its place."""
    y, x = np.mgrid[:ny, :nx]
    return x + 1000.0 * y + 1.0


def noise(shape, sigma=1.0, seed=0):
    return np.random.default_rng(seed).normal(0, sigma, shape)


def one_by_one(image, x, y, size, factor):
    """Cut a stamp pixel by pixel: slow, and plain to see."""
    half = (size - 1) / 2
    origin = [np.floor(v + 0.5) if factor % 2 else np.floor(v) + 0.5 for v in (x, y)]
    data, mask = np.zeros((size, size)), np.ones((size, size), bool)
    error = np.zeros((size, size))
    offsets = np.arange(factor) - (factor - 1) / 2
    for i in range(size):
        for j in range(size):
            values, variances = [], []
            for dy in offsets:
                for dx in offsets:
                    row = round(origin[1] + factor * (i - half) + dy)
                    column = round(origin[0] + factor * (j - half) + dx)
                    if not (
                        0 <= row < image.data.shape[0]
                        and 0 <= column < image.data.shape[1]
                    ):
                        continue
                    if not image.mask[row, column]:
                        values.append(image.data[row, column])
                        variances.append(image.error[row, column] ** 2)
            if 2 * len(values) >= factor**2 and values:
                data[i, j] = np.mean(values)
                error[i, j] = np.sqrt(np.sum(variances)) / len(values)
                mask[i, j] = False
    return data, mask, error, origin


@settings(max_examples=40, deadline=None)
@given(
    st.floats(-0.5, 22.4), st.floats(-0.5, 16.4), st.sampled_from([1, 3, 5, 7]),
    st.integers(1, 5), st.integers(0, 1000),
)  # fmt: skip
def test_stamps_match_a_loop(x, y, size, factor, seed):
    rng = np.random.default_rng(seed)
    image = Image(
        rng.normal(size=(17, 23)),
        rng.random((17, 23)) < 0.2,
        rng.uniform(1, 2, (17, 23)),
    )
    stamps = cut_stamps(image, [x], [y], size=size, factor=factor)
    data, mask, error, origin = one_by_one(image, x, y, size, factor)
    assert_array_equal(stamps.mask[0], mask)
    assert_allclose(stamps.data[0], data, atol=1e-12)
    assert_allclose(stamps.error[0], error, atol=1e-12)
    assert [stamps.x_origin[0], stamps.y_origin[0]] == origin


@pytest.mark.parametrize("factor", [1, 2, 3, 4])
def test_coordinates_of_stamp_pixels(factor):
    image = Image(coordinates(200, 300))
    x, y = np.array([150.2, 149.6, 120.0]), np.array([100.0, 99.5, 80.4])
    stamps = cut_stamps(image, x, y, size=15, factor=factor)
    steps = factor * (np.arange(15) - 7)
    x_image = stamps.x_origin[:, None, None] + steps
    y_image = stamps.y_origin[:, None, None] + steps[:, None]
    assert_allclose(stamps.data, x_image + 1000 * y_image + 1)
    assert np.all(np.abs(stamps.x_origin - x) <= 0.5)
    assert np.all(np.abs(stamps.y_origin - y) <= 0.5)
    assert np.all(stamps.flags == (flags.BLOCK_AVERAGED if factor > 1 else 0))


def test_many_positions_at_once():
    image = Image(noise((300, 300)))
    rng = np.random.default_rng(1)
    x, y = rng.uniform(0, 299, (2, 500))
    stamps = cut_stamps(image, x, y)
    assert stamps.data.shape == (500, 61, 61)
    for index in range(0, 500, 50):
        alone = cut_stamps(image, x[index], y[index])
        assert_array_equal(alone.data[0], stamps.data[index])
        assert_array_equal(alone.mask[0], stamps.mask[index])
        assert alone.flags[0] == stamps.flags[index]


def test_chunks_of_large_blocks(monkeypatch):
    image = Image(noise((100, 100)), noise((100, 100), seed=1) > 2)
    x, y = np.random.default_rng(2).uniform(0, 99, (2, 11))
    whole = cut_stamps(image, x, y, size=11, factor=4)
    monkeypatch.setattr("astro_cnnfit.cutouts.stamps._CHUNK_PIXELS", 3 * 44**2)
    parts = cut_stamps(image, x, y, size=11, factor=4)
    for one, other in zip(whole, parts, strict=True):
        assert_array_equal(one, other)


def test_no_positions():
    for factor in (1, 2):
        stamps = cut_stamps(Image(np.ones((9, 9))), [], [], size=5, factor=factor)
        assert stamps.data.shape == (0, 5, 5)
        assert len(stamps.flags) == 0


class TestFlags:
    def flags_at(self, data, x, y, **keywords):
        image = parse_image(data, **keywords)
        return [
            flags.decode_flags(cut_stamps(image, x, y, factor=factor).flags[0])
            for factor in (1, 2)
        ]

    @pytest.mark.parametrize(
        "position",
        [
            (-0.6, 5),
            (200.0, 5),
            (5, -3),
            (5, 150),
            (np.nan, 5),
            (5, np.inf),
            (1e300, 0),
        ],
    )
    def test_outside(self, position):
        stamps = cut_stamps(Image(noise((150, 200))), *position)
        assert flags.decode_flags(stamps.flags[0]) == ["outside_image"]
        assert stamps.mask.all()
        assert np.all(np.isfinite(stamps.data))

    def test_all_nan(self):
        data = np.full((200, 200), np.nan)
        assert self.flags_at(data, 100, 100) == [["no_data"]] * 2

    @pytest.mark.parametrize("value", [0.0, 3.0])
    def test_constant(self, value):
        data = np.full((200, 200), value)
        assert self.flags_at(data, 100, 100) == [["no_data"]] * 2
        data[0, 0] = np.nan
        assert self.flags_at(data, 0, 0) == [["no_data"]] * 2

    def test_fully_masked(self):
        mask = np.ones((200, 200), bool)
        data = noise((200, 200))
        assert self.flags_at(data, 100, 100, mask=mask) == [["fully_masked"]] * 2

    def test_truncated(self):
        data = noise((200, 200))
        assert self.flags_at(data, 29, 100)[0] == ["truncated"]
        assert self.flags_at(data, 30, 100) == [[], ["truncated", "block_averaged"]]
        assert self.flags_at(data, 169, 100)[0] == []
        assert self.flags_at(data, 170, 100)[0] == ["truncated"]

    def test_masked_core(self):
        data = noise((200, 200))
        data[102, 98] = np.nan
        assert self.flags_at(data, 100, 100) == [["masked_core"], ["block_averaged"]]
        data[98:106, 94:102] = np.nan
        assert self.flags_at(data, 100, 100)[1] == ["masked_core", "block_averaged"]
        data = noise((200, 200))
        data[103, 100] = np.nan
        assert self.flags_at(data, 100, 100)[0] == []


class TestStack:
    def test_as_they_are(self):
        stack = noise((7, 61, 61))
        stamps = cut_stack(Image(stack))
        assert_array_equal(stamps.data, stack)
        assert_array_equal(stamps.x_origin, np.full(7, 30.0))
        assert not stamps.mask.any()
        assert np.all(stamps.flags == 0)
        assert not stamps.data.flags.writeable
        assert stack.flags.writeable

    @pytest.mark.parametrize("shape", [(101, 91), (40, 50), (64, 64)])
    def test_other_sizes(self, shape):
        stack = noise((3, *shape))
        mask = stack > 2
        stamps = cut_stack(Image(stack, mask, np.ones_like(stack)))
        for index in range(3):
            middle = (shape[1] - 1) / 2, (shape[0] - 1) / 2
            alone = cut_stamps(Image(stack[index], mask[index]), *middle)
            assert_array_equal(stamps.data[index], alone.data[0])
            assert_array_equal(stamps.mask[index], alone.mask[0])
            assert stamps.flags[index] == alone.flags[0]

    def test_positions_and_planes(self):
        stack = noise((3, 80, 80))
        x, y = [30.0, 40.0, 45.0], [33.0, 41.0, 50.0]
        stamps = cut_stack(Image(stack), x=x, y=y, size=21, factor=2)
        chosen = cut_stamps(
            Image(stack), x[1:], y[1:], size=21, factor=2, planes=[1, 2]
        )
        assert_array_equal(stamps.data[1:], chosen.data)

    def test_one_image(self):
        assert cut_stack(Image(noise((61, 61)))).data.shape == (1, 61, 61)

    def test_masked_pixels_are_zero_and_inputs_stay(self):
        stack = noise((2, 61, 61))
        stack[0, 3, 4] = np.nan
        stamps = cut_stack(parse_image(stack))
        assert stamps.data[0, 3, 4] == 0
        assert stamps.mask.sum() == 1
        assert np.isnan(stack[0, 3, 4])


@pytest.mark.parametrize(
    ("keywords", "match"),
    [
        ({"size": 60}, "size must be a positive odd number"),
        ({"factor": 0}, "factor must be a positive integer"),
        ({"factor": 1.5}, "factor must be a positive integer"),
    ],
)
def test_bad_arguments(keywords, match):
    with pytest.raises(ValueError, match=match):
        cut_stamps(Image(np.ones((5, 5))), 1, 1, **keywords)


def test_stack_needs_planes():
    with pytest.raises(ValueError, match="planes must say"):
        cut_stamps(Image(np.ones((2, 5, 5))), 1, 1)


def sersic(shape, amplitude, r_eff, n, x, y, ellip=0.0, theta=0.0):
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    # Off the centre of the pixel, where the profile has its cusp.
    model = Sersic2D(amplitude, r_eff, n, x + 0.3, y - 0.4, ellip, theta)
    return gaussian_filter(model(columns, rows), 1.5)


class TestSkySigma:
    def test_white_noise(self):
        stamps = noise((400, 61, 61), 2.5)
        sigma = sky_sigma(stamps, None)
        assert sigma.shape == (400,)
        assert_allclose(sigma.mean(), 2.5, rtol=0.005)
        assert sigma.std() < 0.05 * 2.5

    def test_pedestal_gradient_galaxy_and_neighbour(self):
        stamps = noise((50, 61, 61))
        y, x = np.mgrid[:61, :61]
        # Far brighter than the noise: a S/N of some thousands.
        galaxy = sersic((61, 61), 50, 8, 4, 30, 30)
        star = 1e5 * np.exp(-((x - 55) ** 2 + (y - 50) ** 2) / 8)
        scene = 1e4 + 20 * x - 7 * y + galaxy + star
        assert_allclose(sky_sigma(stamps + scene, None).mean(), 1, rtol=0.15)

    def test_correlated_noise(self):
        # Averaging each pixel with its neighbours correlates adjacent ones.
        stamps = noise((200, 62, 62))
        stamps = 0.5 * (stamps[:, 1:, 1:] + stamps[:, :-1, :-1])
        assert_allclose(sky_sigma(stamps, None).mean(), np.sqrt(0.5), rtol=0.01)

    def test_mask(self):
        stamps = noise((50, 61, 61))
        mask = np.zeros(stamps.shape, bool)
        mask[:, :, 45:] = True
        stamps[mask] = 1e6 * noise(mask.sum(), seed=1)
        assert_allclose(sky_sigma(stamps, mask).mean(), 1, rtol=0.02)

    def test_masked_ring(self):
        stamps = noise((50, 61, 61))
        mask = np.ones(stamps.shape, bool)
        mask[:, 10:-10, 10:-10] = False
        assert_allclose(sky_sigma(stamps, mask).mean(), 1, rtol=0.02)

    def test_unknown(self):
        stamps = noise((3, 61, 61))
        stamps[1] = 5.0
        mask = np.zeros(stamps.shape, bool)
        mask[2] = True
        assert_array_equal(np.isnan(sky_sigma(stamps, mask)), [False, True, True])

    @pytest.mark.parametrize("size", [1, 3, 5, 11])
    def test_small_stamps(self, size):
        assert sky_sigma(noise((2, size, size)), None).shape == (2,)

    @settings(deadline=None)
    @given(st.floats(1e-20, 1e20), st.floats(-1e3, 1e3))
    def test_scales_with_the_unit(self, scale, level):
        stamps = noise((1, 31, 31)) + level
        expected = scale * sky_sigma(stamps, None)
        assert_allclose(sky_sigma(stamps * scale, None), expected, rtol=1e-6)


class TestErrorSigma:
    def test_ring_only(self):
        error = np.full((2, 61, 61), 9.0)
        error[:, :8] = error[:, -8:] = error[:, :, :8] = error[:, :, -8:] = 2.0
        assert_array_equal(error_sigma(error, None), [2, 2])

    def test_mask(self):
        error = np.full((3, 61, 61), 2.0)
        mask = np.zeros(error.shape, bool)
        error[0, :20] = 0.0
        mask[0, :20] = True
        mask[1] = True
        mask[1, 30, 30] = False
        mask[2] = True
        assert_array_equal(error_sigma(error, mask), [2, 2, np.nan])


class TestFillMasked:
    def test_nothing_to_do(self):
        data = noise((2, 11, 11))
        assert fill_masked(data, None) is data
        assert fill_masked(data, np.zeros(data.shape, bool)) is data

    def test_counterpart(self):
        data = coordinates(11, 11)[None]
        data = data + data[:, ::-1, ::-1]  # symmetric
        mask = np.random.default_rng(0).random(data.shape) < 0.3
        both = mask & mask[:, ::-1, ::-1]
        damaged = np.where(mask, -1e9, data)
        before = damaged.copy()
        filled = fill_masked(damaged, mask)
        assert both.any()
        assert_array_equal(filled[~both], data[~both])
        assert len(np.unique(filled[both])) == 1
        assert np.all(np.abs(filled[both]) < 1e5)
        assert_array_equal(damaged, before)

    def test_sky_where_both_are_bad(self):
        data = np.full((1, 61, 61), 7.0)
        data[:, 20:40, 20:40] = 100
        mask = np.zeros(data.shape, bool)
        mask[:, 30, 30] = True
        assert fill_masked(data, mask)[0, 30, 30] == 7

    def test_all_masked(self):
        data = noise((2, 11, 11))
        mask = np.zeros(data.shape, bool)
        mask[1] = True
        filled = fill_masked(data, mask)
        assert_array_equal(filled[0], data[0])
        assert_array_equal(filled[1], np.zeros((11, 11)))

    def test_filled_pixels_do_not_matter(self):
        data = noise((5, 31, 31))
        mask = noise(data.shape, seed=1) > 1
        other = np.where(mask, 1e30, data)
        assert_array_equal(fill_masked(data, mask), fill_masked(other, mask))


class TestSizes:
    def test_block_factor(self):
        r_eff = [0.5, 7.6, 7.7, 15, 22, 30, 31, 50, np.nan, np.inf, -1]
        assert block_factor(r_eff).tolist() == [1, 1, 2, 2, 3, 4, 6, 8, 1, 1, 1]
        assert block_factor(15) == 2
        assert block_factor(15, size=121) == 1

    @settings(deadline=None)
    @given(st.floats(0.1, 1e4))
    def test_block_factor_is_the_smallest(self, r_eff):
        factor = block_factor(r_eff)
        assert r_eff / factor <= 61 / 8
        assert factor <= 3 or factor % (2 if factor <= 12 else 4) == 0
        step = 1 if factor <= 4 else 2 if factor <= 12 else 4
        assert factor == 1 or r_eff / (factor - step) > 61 / 8

    @pytest.mark.parametrize("r_eff", [3, 8, 20, 50])
    @pytest.mark.parametrize("n", [1, 4])
    def test_half_light_radius(self, r_eff, n):
        scene = sersic((700, 700), 5.0, r_eff, n, 350, 340)
        image = Image(scene + noise(scene.shape) + 100)
        (radius,) = estimate_half_light_radius(image, 350.3, 339.8)
        # What wings of a high index hold in the sky's ring is lost.
        assert (0.7 if n == 1 else 0.35) * r_eff < radius < 1.5 * r_eff
        # It serves to choose a scale, which may be off by one step.
        assert 0.3 < block_factor(radius) / block_factor(r_eff) < 2.1

    def test_neighbours_and_masks(self):
        scene = sersic((200, 200), 5.0, 6.0, 1.0, 100, 100)
        clean = scene + noise(scene.shape)
        (expected,) = estimate_half_light_radius(Image(clean), 100, 100)
        crowded = clean + sersic((200, 200), 20.0, 4.0, 2.0, 118, 107)
        (radius,) = estimate_half_light_radius(Image(crowded), 100, 100)
        assert_allclose(radius, expected, rtol=0.7)
        mask = noise(scene.shape, seed=3) > 1
        broken = np.where(mask, 1e4, clean)
        (radius,) = estimate_half_light_radius(Image(broken, mask), 100, 100)
        assert_allclose(radius, expected, rtol=0.2)

    def test_many_at_once(self):
        scene = sersic((400, 400), 5.0, 4.0, 1.0, 100, 100)
        scene += sersic((400, 400), 5.0, 25.0, 1.0, 250, 250)
        image = Image(scene + noise(scene.shape))
        x, y = np.array([[100, 250, 350, -50, np.nan], [100, 250, 50, 10, 5]])
        radius = estimate_half_light_radius(image, x, y)
        assert 2 < radius[0] < 6
        assert 12 < radius[1] < 35
        assert np.all(np.isnan(radius[3:]))

    def test_galaxy_that_fills_the_stamp(self):
        # Within 61 pixels this one is flat: a bright sky.
        scene = sersic((700, 700), 5.0, 80, 0.5, 350, 340)
        image = Image(scene + noise(scene.shape))
        (radius,) = estimate_half_light_radius(image, 350, 340)
        assert 50 < radius < 100

    def test_no_light(self):
        radius = estimate_half_light_radius(Image(np.ones((100, 100))), [50], [50])
        assert np.isnan(radius[0])


@needs_data
def test_real_galaxies():
    path = Path(DATA) / "hst_goods" / "gal.fits"
    with fits.open(path) as hdus:
        image = parse_image(hdus[0])
    # GALFIT finds 5.1 pixels, a S/N of hundreds, a neighbour and a sky level.
    y, x = np.array(image.data.shape) / 2
    (radius,) = estimate_half_light_radius(image, x, y)
    assert 2 < radius < 12


@needs_data
@pytest.mark.parametrize("number", [1, 2, 3])
def test_real_noise(number):
    folder = Path(DATA) / "hsc_decals_galaxies"
    try:
        data = np.load(folder / f"gal{number}_im.npy")
    except FileNotFoundError:
        pytest.skip(reason=f"no image gal{number}_im.npy in {folder}")
    error = np.load(folder / f"gal{number}_sig.npy")
    stamps = cut_stack(parse_image(data, error=error))
    measured = sky_sigma(stamps.data, stamps.mask)
    # Stacks of warped exposures have somewhat correlated noise.
    assert_allclose(measured, error_sigma(stamps.error, stamps.mask), rtol=0.25)


@pytest.mark.parametrize("columns", [1, 2, 7, 8, 391, 392])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_masked_median(columns, dtype):
    values = noise((30, columns), seed=9).astype(dtype)
    mask = np.random.default_rng(1).random(values.shape) < 0.3
    mask[:5], mask[5] = False, True
    for some in (None, np.zeros_like(mask), mask):
        median, count = masked_median(values, some)
        kept = np.ma.array(values, mask=some)
        expected = np.ma.median(kept.astype(float), axis=1)
        assert_allclose(median, np.ma.filled(expected, np.nan), rtol=1e-6)
        assert_array_equal(count, kept.count(axis=1))
    # What one row gives does not depend on the others.
    assert_array_equal(masked_median(values[:5], None)[0], median[:5])


def test_noise_does_not_depend_on_the_other_stamps():
    stamps, mask = noise((200, 61, 61), seed=3), np.zeros((200, 61, 61), bool)
    mask[7, :9] = True
    alone = [sky_sigma(stamps[[i]], mask[[i]])[0] for i in range(0, 200, 7)]
    assert_array_equal(sky_sigma(stamps, mask)[::7], alone)
    assert_allclose(sky_sigma(stamps, mask), 1.0, atol=0.15)


def test_means_of_blocks_do_not_depend_on_the_type():
    data = 1e5 + noise((130, 130), 3.0)
    wide, narrow = (
        cut_stamps(Image(data.astype(kind)), [64.0], [64.0], size=31, factor=4)
        for kind in (float, np.float32)
    )
    assert_allclose(wide.data, narrow.data, atol=0.01)
