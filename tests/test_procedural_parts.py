# Licensed under a 3-clause BSD style license - see LICENSE
"""Tests of the parts that procedural galaxies are made of."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from astro_cnnfit.simulation.procedural.clumps import clumps, positions_in
from astro_cnnfit.simulation.procedural.components import (
    bar,
    power_law,
    radius,
    ring,
    sersic,
)
from astro_cnnfit.simulation.procedural.discs import _profile
from astro_cnnfit.simulation.procedural.grid import (
    ellipse_frame,
    log_uniform,
    make_grid,
)
from astro_cnnfit.simulation.procedural.mergers import tidal_arc
from astro_cnnfit.simulation.procedural.spirals import spiral_arms
from astro_cnnfit.simulation.procedural.textures import (
    correlated_field,
    dust_patches,
    flocculence,
    rotated,
)

GRID = make_grid(101)
R = np.hypot(GRID.x, GRID.y)


@pytest.fixture
def rng():
    return np.random.default_rng(5)


def is_symmetric(image, rtol=1e-3):
    # The first row and column of an even grid have no partner.
    inner, turned = image[1:, 1:], rotated(image)[1:, 1:]
    return np.allclose(inner, turned, rtol=rtol, atol=1e-6 * image.max())


def flux_within(image, r):
    order = np.argsort(r, axis=None)
    return np.ravel(r)[order], np.cumsum(np.ravel(image)[order])


def test_grid_has_its_centre_on_a_point_and_room_for_the_stamp():
    n = len(GRID.x)
    assert GRID.x[n // 2, n // 2] == GRID.y[n // 2, n // 2] == 0
    assert GRID.reach > 50.5 + 5
    with pytest.raises(ValueError, match="read-only"):
        GRID.x[0, 0] = 1


@given(
    q=st.floats(0.1, 1),
    theta=st.floats(-4, 4),
    x=st.floats(-20, 20),
    y=st.floats(-20, 20),
)
@settings(deadline=None, max_examples=30)
def test_axes_of_the_frame(q, theta, x, y):
    along, across = (
        np.array([np.cos(theta + a), np.sin(theta + a)]) for a in (0, np.pi / 2)
    )
    for direction, expected in ((along, (3, 0)), (across, (0, 3 / q))):
        place = np.array([[x], [y]]) + 3 * direction[:, np.newaxis]
        u, v = ellipse_frame(*place, centre=(x, y), q=q, theta=theta)
        np.testing.assert_allclose([u[0], v[0]], expected, atol=1e-3)


def test_log_uniform_stays_within_its_bounds(rng):
    values = np.array([log_uniform(rng, 2, 50) for _ in range(500)])
    assert ((values >= 2) & (values <= 50)).all()
    assert np.median(values) == pytest.approx(10, rel=0.2)


@pytest.mark.parametrize("n", [0.5, 1.0, 2.0])
def test_half_of_the_light_of_a_sersic_lies_within_its_radius(n):
    image = sersic(GRID, 6.0, n, q=0.5, theta=0.8)
    u, v = ellipse_frame(GRID.x, GRID.y, q=0.5, theta=0.8)
    r, flux = flux_within(image, np.hypot(u, v))
    assert image.sum(dtype=float) == pytest.approx(1, abs=1e-4)
    # The axis ratio is a little larger than asked for: the grid's resolution.
    assert np.interp(0.5, flux, r) == pytest.approx(6.0, rel=0.02)


@given(
    r_eff=st.floats(0.3, 30),
    n=st.floats(0.3, 8),
    q=st.floats(0.1, 1),
    theta=st.floats(-4, 4),
    boxiness=st.floats(1.5, 3.5),
    x=st.floats(-60, 60),
)
@settings(deadline=None, max_examples=30)
def test_profiles_are_light_of_unit_flux(r_eff, n, q, theta, boxiness, x):
    shape = {"q": q, "theta": theta, "boxiness": boxiness}
    for image in (
        sersic(GRID, r_eff, n, centre=(0.3 * x, -0.2 * x), **shape),
        power_law(GRID, r_eff, min(n, 1.7), end=1 + n / 4, **shape),
    ):
        assert image.dtype == np.float32
        assert np.isfinite(image).all()
        assert (image >= 0).all()
        assert image.sum(dtype=float) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize(
    "image",
    [
        sersic(GRID, 8.0, 4.0, q=0.3, theta=0.5),
        sersic(GRID, 8.0, 1.0, q=0.3, theta=0.5, boxiness=3.0),
        power_law(GRID, 15.0, 1.5, q=0.7, theta=2.0),
        bar(GRID, 9.0, q=0.3, theta=0.4, frame=(0.6, 1.1)),
        ring(R, 12.0, 2.0),
    ],
    ids=["sersic", "boxy", "power law", "bar", "ring"],
)
def test_symmetric_parts_are_symmetric(image):
    assert image.sum(dtype=float) == pytest.approx(1, abs=1e-4)
    assert is_symmetric(image)


def test_lopsided_disc_is_heavier_on_one_side():
    even, lopsided = (
        sersic(GRID, 8.0, 1.0, lopsided=amount) for amount in ((0, 0), (-0.4, 0.0))
    )
    assert is_symmetric(even)
    assert not is_symmetric(lopsided)
    assert (lopsided * GRID.x).sum() > 2
    assert abs((lopsided * GRID.y).sum()) < 1e-3


def test_lopsided_radius_is_positive():
    assert radius(GRID.x, GRID.y, boxiness=2.8, lopsided=(0.5, -0.5)).min() > 0


def test_power_law_is_more_concentrated_than_a_sersic():
    ratios = []
    for image in (sersic(GRID, 10.0, 1.0), power_law(GRID, 20.0, 1.5, end=2.0)):
        r, flux = flux_within(image, R)
        ratios.append(np.interp(0.8, flux, r) / np.interp(0.2, flux, r))
    assert ratios[1] > 3 * ratios[0]


def test_bar_is_long_along_its_angle():
    image = bar(GRID, 10.0, q=0.3, theta=0.0)
    spread = [np.sqrt((image * axis**2).sum()) for axis in (GRID.x, GRID.y)]
    assert spread[1] / spread[0] == pytest.approx(0.3, rel=0.05)


@pytest.mark.parametrize(("n_arms", "symmetric"), [(1, False), (2, True), (3, False)])
def test_only_even_numbers_of_arms_are_symmetric(n_arms, symmetric):
    factors = spiral_arms(GRID.x, GRID.y, np.maximum(R, 0.1), n_arms=n_arms, pitch=0.4)
    assert is_symmetric(factors, rtol=0.01) == symmetric
    assert (factors > 0).all()
    assert factors.mean() == pytest.approx(1, abs=0.05)


def test_arms_wind_by_the_pitch_angle():
    pitch, inner = 0.35, 4.0
    arguments = {"n_arms": 1, "pitch": pitch, "inner": inner, "phase": 0.3}
    for r in (inner, 10.0, 25.0):
        angle = np.linspace(-np.pi, np.pi, 2001)
        u, v = r * np.cos(angle), r * np.sin(angle)
        factors = spiral_arms(u, v, np.full_like(u, r), **arguments)
        expected = 0.3 + np.log(r / inner) / np.tan(pitch)
        away = angle[np.argmax(factors)] - expected
        assert abs((away + np.pi) % (2 * np.pi) - np.pi) < 0.01


def test_uneven_arms_are_not_symmetric():
    place = (GRID.x, GRID.y, np.maximum(R, 0.1))
    factors = spiral_arms(*place, n_arms=2, uneven=0.8)
    assert not is_symmetric(factors, rtol=0.01)
    assert (factors > 0).all()


@given(
    seed=st.integers(0, 2**32 - 1),
    slope=st.floats(0.5, 5),
    scale=st.floats(1, 60),
    q=st.floats(0.1, 1),
)
@settings(deadline=None, max_examples=20)
def test_fields_have_zero_mean_and_unit_variance(seed, slope, scale, q):
    rng = np.random.default_rng(seed)
    field = correlated_field(rng, GRID, slope=slope, scale=scale, q=q, theta=1.0)
    assert field.dtype == np.float32
    assert field.mean() == pytest.approx(0, abs=1e-3)
    assert field.std() == pytest.approx(1, rel=1e-3)


def test_steeper_fields_are_smoother(rng):
    flat, steep = (
        correlated_field(rng, GRID, slope=slope, scale=20.0) for slope in (1.0, 5.0)
    )
    assert np.diff(steep).std() < 0.5 * np.diff(flat).std()


def test_fields_are_foreshortened(rng):
    # Along y, the minor axis, an inclined disc's texture varies faster.
    field = correlated_field(rng, GRID, slope=4.0, scale=20.0, q=0.2)
    assert np.diff(field, axis=0).std() > 2 * np.diff(field, axis=1).std()


def test_texture_that_repeats_itself_is_symmetric(rng):
    arguments = {"slope": 3.0, "scale": 10.0}
    assert is_symmetric(flocculence(rng, GRID, 0.6, symmetry=1.0, **arguments))
    free = flocculence(rng, GRID, 0.6, **arguments)
    assert not is_symmetric(free)
    assert free.mean() == pytest.approx(1, abs=0.2)
    assert np.log(free).std() == pytest.approx(0.6, rel=1e-3)


def test_dust_dims(rng):
    factors = dust_patches(rng, GRID, 2.0, threshold=0.5, slope=3.0, scale=10.0)
    assert ((factors > 0) & (factors <= 1)).all()
    # A normal field is above half a standard deviation in 31 % of the points.
    assert (factors < 1).mean() == pytest.approx(0.31, abs=0.1)


def test_clumps_have_their_fluxes_and_places():
    image = clumps(GRID, [10.2, -20.0], [-5.0, 7.3], [3.0, 1.0], [1.0, 2.0])
    assert image.sum(dtype=float) == pytest.approx(4, rel=0.01)
    assert (image * GRID.x).sum() / 4 == pytest.approx(2.65, abs=0.05)
    assert (image * GRID.y).sum() / 4 == pytest.approx(-1.925, abs=0.05)


@given(x=st.floats(-200, 200), y=st.floats(-200, 200), sigma=st.floats(0.35, 5))
@settings(deadline=None, max_examples=40)
def test_clumps_beyond_the_grid_are_lost(x, y, sigma):
    image = clumps(GRID, [x], [y], [1.0], [sigma])
    assert np.isfinite(image).all()
    far = max(abs(x), abs(y)) > GRID.reach + 4 * sigma + 1
    inside = max(abs(x), abs(y)) < GRID.reach - 4 * sigma - 1
    if far:
        assert not image.any()
    if inside:
        assert image.sum(dtype=float) == pytest.approx(1, rel=0.02)


def test_positions_follow_the_light(rng):
    light = np.where(np.hypot(GRID.x - 10, GRID.y + 4) < 3, 1, 0).astype(np.float32)
    x, y = positions_in(rng, light, 400)
    assert np.hypot(x - 10, y + 4).max() < 3.5
    assert x.mean() == pytest.approx(10, abs=0.3)
    assert y.mean() == pytest.approx(-4, abs=0.3)


def test_arc_lies_at_its_radius_and_angle():
    arc = tidal_arc(GRID, 20.0, width=1.0, begin=1.0, length=0.5, opening=0.0)
    assert arc.sum(dtype=float) == pytest.approx(1, abs=1e-4)
    assert (arc * R).sum() == pytest.approx(20, abs=0.2)
    angle = np.arctan2((arc * GRID.y).sum(), (arc * GRID.x).sum())
    assert angle == pytest.approx(1.0, abs=0.01)


def test_a_disc_that_rises_outwards_stays_finite():
    class Always:
        """Takes the break with the steepest rise, for a tiny disc."""

        def random(self):
            return 0.0

        def uniform(self, low, high):
            return low

    disc = _profile(Always(), np.linspace(0, 80, 200, dtype=np.float32), 0.5, 0.0)
    assert np.isfinite(disc).all()
