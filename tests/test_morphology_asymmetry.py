# Licensed under a 3-clause BSD style license - see LICENSE
"""Tests of rotation by 180 degrees, asymmetries, their centres and backgrounds."""

import numpy as np
import pytest

from astro_cnnfit.morphology.apertures import Ellipse, soft_edge
from astro_cnnfit.morphology.asymmetry import (
    FOLDED,
    Sums,
    asymmetry_centre,
    asymmetry_error,
    asymmetry_function,
    asymmetry_sums,
    climbed_centre,
    rms_asymmetry,
)
from astro_cnnfit.morphology.rotation import partner_valid, rotatable, rotated
from astro_cnnfit.morphology.sky_box import (
    box_asymmetry,
    empty_box,
    least_box_asymmetry,
)
from astro_cnnfit.morphology.sky_cells import (
    cell_differences,
    cell_values,
    empty_cells,
    interpolated_background,
)

SHAPE = (41, 43)
BOX = (10, 30, 12, 31)


def blob(x, y, sigma=3.0):
    """A Gaussian."""
    yy, xx = np.mgrid[: SHAPE[0], : SHAPE[1]]
    return np.exp(-((xx - x) ** 2 + (yy - y) ** 2) / (2.0 * sigma**2))


@pytest.mark.parametrize("order", [1, 3])
def test_about_a_pixel_rotation_is_a_flip(order):
    image = np.random.default_rng(0).random(SHAPE)
    found = rotated(rotatable(image, order), 21.0, 20.0, BOX)
    # x -> 42 - x, y -> 40 - y
    expected = image[11:31, 12:31][::-1, ::-1]
    np.testing.assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize("order", [1, 3])
def test_about_a_pixel_corner_rotation_is_a_flip(order):
    image = np.random.default_rng(0).random(SHAPE)
    found = rotated(rotatable(image, order), 20.5, 19.5, BOX)
    expected = image[10:30, 11:30][::-1, ::-1]
    np.testing.assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize(("order", "tolerance"), [(1, 0.03), (3, 1e-3)])
def test_symmetric_light_stays_in_place(order, tolerance):
    image = blob(20.63, 19.28)
    found = rotated(rotatable(image, order), 20.63, 19.28, BOX)
    np.testing.assert_allclose(found, image[10:30, 12:31], atol=tolerance)


def test_linear_rotation_sees_zeros_outside():
    source = rotatable(np.ones(SHAPE), 1, zeros_outside=True)
    found = rotated(source, 5.0, 20.0, (0, 41, 0, 20))
    assert found[:, :11].all()
    assert not found[:, 11:].any()


def test_partners_of_invalid_pixels_and_of_none():
    valid = np.ones(SHAPE, bool)
    valid[20, 25] = False
    found = partner_valid(valid, 21.0, 20.0, (0, 41, 0, 43))
    assert not found[20, 25]
    assert not found[20, 17]
    assert found.sum() == valid.size - 2
    outside = partner_valid(valid, 5.0, 20.0, (0, 41, 0, 43))
    assert not outside[0, 20]
    assert partner_valid(valid, 5.0, 20.0, (0, 41, 0, 43), outside=True)[0, 20]


def test_sums_of_a_galaxy_and_its_lopsided_half():
    image = blob(21.0, 20.0)
    image[:, 22:] = 0.0
    sums = asymmetry_sums(rotatable(image, 3), None, Ellipse(21.0, 20.0), 12.0)
    # The half has no partner: |I - I180| counts it twice, |I| once and the middle
    # column once more.
    middle = image[:, 21].sum()
    expected = 2.0 * (image.sum() - middle) / image.sum()
    assert sums.difference / sums.light == pytest.approx(expected, rel=0.01)
    assert sums.area == pytest.approx(np.pi * 144.0, rel=0.01)


def test_sums_without_a_pixel_left():
    sums = asymmetry_sums(rotatable(blob(21, 20), 3), None, Ellipse(-30.0, 20.0), 5.0)
    assert sums == Sums(0.0, 0.0, 0.0, 0.0, 0.0)


def test_both_searches_find_the_centre():
    image = blob(21.4, 19.7)
    cover = soft_edge(Ellipse(20.0, 21.0), 10.0, SHAPE)
    function = asymmetry_function(rotatable(image, 3), None, cover)
    found = asymmetry_centre(function, [(20.0, 21.0), (20.5, 21.0), (20.0, 21.5)])
    np.testing.assert_allclose(found, (21.4, 19.7), atol=0.03)
    found = climbed_centre(function, (20.0, 21.0))
    np.testing.assert_allclose(found, (21.4, 19.7), atol=0.08)


def test_function_is_infinite_without_light():
    cover = soft_edge(Ellipse(20.0, 21.0), 10.0, SHAPE)
    function = asymmetry_function(rotatable(np.zeros(SHAPE), 3), None, cover)
    assert function(np.array([20.0, 21.0])) == np.inf
    assert function(np.array([-60.0, 21.0])) == np.inf


def test_function_takes_off_the_sky():
    cover = soft_edge(Ellipse(20.0, 21.0), 10.0, SHAPE)
    source = rotatable(np.ones(SHAPE), 3)
    function = asymmetry_function(source, None, cover, lambda x, y: 0.25)
    assert function(np.array([20.0, 21.0])) == pytest.approx(-0.25)


def test_rms_asymmetry_has_no_noise_bias():
    rng = np.random.default_rng(3)
    image = blob(21.0, 20.0) + 0.6 * blob(25.0, 20.0, 2.0)
    ellipse = Ellipse(21.0, 20.0)
    clean = rms_asymmetry(asymmetry_sums(rotatable(image, 3), None, ellipse, 12), 0, 0)
    values = []
    for _ in range(30):
        noisy = image + 0.1 * rng.standard_normal(SHAPE)
        sums = asymmetry_sums(rotatable(noisy, 3), None, ellipse, 12.0)
        values.append(rms_asymmetry(sums, 0.02, 0.01))
    assert np.mean(values) == pytest.approx(clean, abs=0.02)


def test_rms_asymmetry_keeps_the_sign_and_needs_light():
    assert rms_asymmetry(Sums(1, 1, 1.0, 4.0, 10.0), 0.2, 0.0) == pytest.approx(-0.5)
    assert np.isnan(rms_asymmetry(Sums(1, 1, 1.0, 1.0, 10.0), 0.0, 0.2))


def test_cells_without_galaxy():
    empty = np.ones((45, 61), bool)
    empty[22, 33] = False
    corners = empty_cells(empty)
    assert len(corners) == 4 * 6 - 1
    assert [20, 30] not in corners.tolist()
    assert cell_values(np.zeros((45, 61)), corners).shape == (23, 10, 10)
    assert len(empty_cells(empty, (4, 6))) == 11 * 10 - 1
    assert len(empty_cells(np.zeros((45, 61), bool))) == 0


@pytest.mark.parametrize("order", [1, 3])
def test_cells_are_smoothed_as_the_galaxy_is(order):
    rng = np.random.default_rng(5)
    noise = rng.standard_normal((400, 400))
    source = rotatable(noise, order)
    corners = empty_cells(np.ones(noise.shape, bool))
    for xc, yc in ((200.0, 200.0), (200.25, 200.25), (200.13, 199.8)):
        absolute, squared = cell_differences(source, corners, xc, yc)
        box = (100, 300, 100, 300)
        turned = rotated(source, xc, yc, box)
        difference = noise[100:300, 100:300] - turned
        assert absolute.mean() == pytest.approx(np.abs(difference).mean(), rel=0.03)
        assert squared.mean() == pytest.approx((difference**2).mean(), rel=0.04)
        quick = interpolated_background(source, corners)(xc, yc)
        assert quick == pytest.approx(np.median(absolute), rel=0.02)
    whole, half = (
        cell_differences(source, corners, x, x)[0].mean() for x in (200.0, 200.25)
    )
    assert half < 0.97 * whole


def test_first_empty_box():
    empty = np.ones((60, 60), bool)
    empty[:5] = False
    rows, columns = empty_box(empty)
    assert (rows.start, rows.stop, columns.start) == (5, 37, 0)
    empty[20:40, 20:40] = False
    rows, _ = empty_box(empty)
    assert rows.stop - rows.start == 16
    assert empty_box(np.zeros((60, 60), bool)) is None


def test_asymmetry_of_a_box_of_sky():
    noise = np.random.default_rng(7).standard_normal((32, 32))
    plain = box_asymmetry(noise)
    assert plain == pytest.approx(2.0 / np.sqrt(np.pi), rel=0.15)
    assert least_box_asymmetry(noise) <= plain


def test_error_of_symmetric_and_asymmetric_light():
    sums = Sums(10.0, 100.0, 400 * 2.0, 1e3, 400.0)
    scatter = 2.0 * FOLDED * 2.0
    error = asymmetry_error(sums, 0.0, scatter, 2.0, 1.0, 1e9)
    assert error == pytest.approx(np.sqrt(scatter * 400.0) / 100.0)
    strong = sums._replace(squared_difference=1e9)
    larger = asymmetry_error(strong, 0.0, scatter, 2.0, 1.0, 1e9)
    assert larger == pytest.approx(error / np.sqrt(FOLDED), rel=1e-3)
    assert asymmetry_error(sums, 0.0, scatter, 2.0, 1.0, 400.0) > 1.4 * error
