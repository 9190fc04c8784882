# Licensed under a 3-clause BSD style license - see LICENSE
"""Tests of apertures: covered pixels, growth curves, exact sums, radii."""

import numpy as np
import pytest

from astro_cnnfit.morphology.apertures import (
    Ellipse,
    bounding_box,
    coverage,
    exact_circle,
    exact_coverage,
    soft_edge,
    weighted_sum,
)
from astro_cnnfit.morphology.ellipse_sums import columns_of, ellipse_sums
from astro_cnnfit.morphology.growth import flux_within, fraction_radii, growth_curve
from astro_cnnfit.morphology.petrosian import (
    petrosian_radius,
    scanned_petrosian_radius,
)

ELLIPSE = Ellipse(29.3, 30.2, 0.55, 0.8)
SIGMA = 4.0
# Where I(R) / <I(< R)> of a Gaussian is 0.2: x / (exp(x) - 1) = 0.2, x = R^2 / 2 s^2.
PETROSIAN = SIGMA * np.sqrt(2.0 * 2.6615)


def gaussian(ellipse, sigma=SIGMA, size=61):
    """Gaussian on elliptical radii, of unit sum."""
    y, x = np.mgrid[:size, :size]
    dx, dy = x - ellipse.xc, y - ellipse.yc
    u = dx * np.cos(ellipse.theta) + dy * np.sin(ellipse.theta)
    v = dy * np.cos(ellipse.theta) - dx * np.sin(ellipse.theta)
    image = np.exp(-(u**2 + (v / ellipse.q) ** 2) / (2.0 * sigma**2))
    return image / (2.0 * np.pi * ellipse.q * sigma**2)


@pytest.mark.parametrize("radius", [1.2, 5.5, 14.0])
def test_covered_area(radius):
    box = bounding_box(ELLIPSE, radius, (61, 61))
    area = np.pi * ELLIPSE.q * radius**2
    assert exact_coverage(ELLIPSE, radius, box).sum() == pytest.approx(area, rel=1e-9)
    # The straight edge is an approximation, good for large apertures.
    tolerance = 0.7 / area + 1e-3
    assert coverage(ELLIPSE, radius, box).sum() == pytest.approx(area, rel=tolerance)


def test_coverage_lies_within_zero_and_one_and_falls_outward():
    covered = coverage(Ellipse(30.0, 30.0), 10.0, (0, 61, 0, 61))
    assert covered.min() == 0.0
    assert covered.max() == 1.0
    assert np.all(np.diff(covered[30, 30:]) <= 0)


def test_box_ends_at_the_image():
    assert bounding_box(Ellipse(1.0, 59.0), 5.0, (61, 61)) == (54, 61, 0, 7)


@pytest.mark.parametrize("ellipse", [ELLIPSE, Ellipse(30.0, 30.0), Ellipse(3.0, 57.0)])
def test_sums_over_ellipses_are_those_of_exactly_covered_pixels(ellipse):
    rng = np.random.default_rng(0)
    image = rng.random((61, 61))
    columns = columns_of(image, np.ones_like(image))
    radii = [0.8, 4.4, 17.0]
    for radius, light, area in zip(
        radii, *ellipse_sums(columns, ellipse, radii), strict=True
    ):
        box = bounding_box(ellipse, radius, image.shape)
        covered = exact_coverage(ellipse, radius, box)
        inside = image[box[0] : box[1], box[2] : box[3]]
        assert light == pytest.approx(np.sum(covered * inside), abs=0.03)
        assert area == pytest.approx(covered.sum(), abs=0.01)


def test_sums_far_from_the_image_are_zero():
    columns = columns_of(np.ones((20, 20)))
    assert ellipse_sums(columns, Ellipse(50.0, 10.0), [3.0])[0, 0] == 0.0


def test_growth_curve_rises_to_all_light_and_all_pixels():
    image = gaussian(ELLIPSE)
    growth = growth_curve(image, np.ones(image.shape, bool), ELLIPSE, 120.0)
    assert np.all(np.diff(growth.flux) >= 0)
    assert growth.flux[-1] == pytest.approx(image.sum())
    assert growth.area[-1] == pytest.approx(image.size)
    within = flux_within(growth, 8.0)
    assert within == pytest.approx(1.0 - np.exp(-(8.0**2) / (2 * SIGMA**2)), abs=6e-3)


def test_growth_curve_leaves_out_invalid_pixels():
    image = gaussian(ELLIPSE)
    valid = np.ones(image.shape, bool)
    valid[:, :30] = False
    growth = growth_curve(image * valid, valid, ELLIPSE, 30.0)
    assert growth.area[100] < 0.6 * growth.full_area[100]


@pytest.mark.parametrize("ellipse", [ELLIPSE, Ellipse(30.4, 29.8)])
def test_petrosian_radius_of_a_gaussian(ellipse):
    image = gaussian(ellipse)
    valid = np.ones(image.shape, bool)
    growth = growth_curve(image, valid, ellipse, 40.0)
    # Pixels are flat and rings a pixel wide, which tells where the galaxy is thin.
    assert petrosian_radius(growth) == pytest.approx(PETROSIAN, rel=0.015)
    columns = columns_of(image, valid)
    scan = np.linspace(1.0, 86.0, 100)
    found = scanned_petrosian_radius(columns, ellipse, growth, scan)
    assert found == pytest.approx(PETROSIAN, rel=0.015)


def test_no_petrosian_radius_on_a_flat_image():
    image = np.ones((61, 61))
    growth = growth_curve(image, image > 0, ELLIPSE, 40.0)
    assert np.isnan(petrosian_radius(growth))


def test_no_petrosian_radius_of_negative_light():
    image = -gaussian(ELLIPSE)
    growth = growth_curve(image, np.ones(image.shape, bool), ELLIPSE, 40.0)
    assert np.isnan(petrosian_radius(growth))


def test_radii_of_fractions_of_a_gaussian():
    image = gaussian(ELLIPSE)
    growth = growth_curve(image, np.ones(image.shape, bool), ELLIPSE, 40.0)
    fractions = np.array([0.2, 0.5, 0.8])
    found = fraction_radii(columns_of(image), ELLIPSE, growth, 1.0, fractions)
    # Pixels are flat, which moves light outward by a little.
    np.testing.assert_allclose(
        found, SIGMA * np.sqrt(-2.0 * np.log(1.0 - fractions)), rtol=0.03
    )


def test_no_radii_without_light():
    image = -gaussian(ELLIPSE)
    growth = growth_curve(image, np.ones(image.shape, bool), ELLIPSE, 40.0)
    found = fraction_radii(columns_of(image), ELLIPSE, growth, -1.0)
    assert np.isnan(found).all()


def test_minimisers_weights():
    box, weights = soft_edge(Ellipse(30.0, 30.0, 0.5, 0.3), 8.0, (61, 61))(30.0, 30.0)
    assert weights.shape == (box[1] - box[0], box[3] - box[2])
    assert weights.sum() == pytest.approx(np.pi * 0.5 * 64.0, rel=0.05)
    assert soft_edge(ELLIPSE, 8.0, (61, 61))(200.0, 30.0)[1] is None
    assert exact_circle(8.0, (61, 61))(-1.0, 30.0)[1] is None
    circle = exact_circle(8.0, (61, 61))(30.2, 30.4)[1]
    assert circle.sum() == pytest.approx(np.pi * 64.0)


def test_weighted_sum_is_a_dot_product():
    rng = np.random.default_rng(1)
    one, other = rng.random((2, 5, 7))
    assert weighted_sum(one, other) == pytest.approx(np.sum(one * other))
    assert weighted_sum(one[0], other[0]) == pytest.approx(np.sum(one[0] * other[0]))
