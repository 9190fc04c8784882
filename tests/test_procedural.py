# Licensed under a 3-clause BSD style license - see LICENSE
"""Tests of the galaxies that are drawn from procedures, as whole stamps."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from astro_cnnfit.morphology.classical import label_stamps
from astro_cnnfit.simulation import draw_procedural
from astro_cnnfit.simulation.procedural.draw import FAMILIES
from astro_cnnfit.simulation.procedural.grid import make_grid
from astro_cnnfit.simulation.procedural.psf import Moffat, convolve
from astro_cnnfit.simulation.procedural.traits import Traits


@pytest.fixture(scope="module")
def drawn():
    return draw_procedural(np.random.default_rng(11), 240)


@pytest.fixture(scope="module")
def labels(drawn):
    return label_stamps(drawn[0])


def test_stamps_are_light_of_unit_flux(drawn):
    stamps, fwhm = drawn
    assert stamps.shape == (240, 101, 101)
    assert stamps.dtype == np.float32
    assert np.isfinite(stamps).all()
    assert (stamps >= 0).all()
    np.testing.assert_allclose(stamps.sum(axis=(1, 2), dtype=float), 1, rtol=1e-5)
    assert fwhm.shape == (240,)
    assert ((fwhm >= 1.4) & (fwhm <= 6)).all()


def test_a_seed_draws_the_same_galaxies_in_one_call_or_in_two():
    rng = np.random.default_rng(3)
    first, second = draw_procedural(rng, 2), draw_procedural(rng, 3)
    stamps, fwhm = draw_procedural(np.random.default_rng(3), 5)
    np.testing.assert_array_equal(stamps, np.concatenate([first[0], second[0]]))
    np.testing.assert_array_equal(fwhm, np.concatenate([first[1], second[1]]))
    assert not np.array_equal(first[0], second[0][:2])


@given(
    seed=st.integers(0, 2**32 - 1), size=st.integers(15, 75).map(lambda k: 2 * k + 1)
)
@settings(deadline=None, max_examples=15)
def test_any_seed_and_any_size(seed, size):
    stamps, fwhm = draw_procedural(np.random.default_rng(seed), 2, size)
    assert stamps.shape == (2, size, size)
    assert np.isfinite(stamps).all()
    assert (stamps >= 0).all()
    np.testing.assert_allclose(stamps.sum(axis=(1, 2), dtype=float), 1, rtol=1e-5)
    assert np.isfinite(fwhm).all()


def test_no_galaxy_is_an_empty_stack():
    stamps, fwhm = draw_procedural(np.random.default_rng(0), 0)
    assert stamps.shape == (0, 101, 101)
    assert fwhm.shape == (0,)


@pytest.mark.parametrize("n", [-1, 2.5])
def test_bad_number_is_refused(n):
    with pytest.raises(ValueError, match=r"n must be .* got"):
        draw_procedural(np.random.default_rng(0), n)


@pytest.mark.parametrize("size", [29, 100, 101.5])
def test_bad_size_is_refused(size):
    with pytest.raises(ValueError, match=r"size must be an odd number .* got"):
        draw_procedural(np.random.default_rng(0), 1, size)


def test_seed_instead_of_generator_is_refused():
    with pytest.raises(TypeError, match="rng must be a numpy Generator, got int"):
        draw_procedural(7, 1)


def test_light_ends_before_the_border(drawn):
    stamps, _ = drawn
    border = np.ones((101, 101), bool)
    border[3:-3, 3:-3] = False
    brightness = stamps[:, border].mean(axis=1) * 101**2
    assert np.median(brightness) < 1e-3
    assert np.quantile(brightness, 0.95) < 0.02


def test_galaxies_lie_near_the_centre_but_not_on_it(drawn):
    stamps, _ = drawn
    steps = np.arange(101) - 50.0
    x, y = stamps.sum(axis=1) @ steps, stamps.sum(axis=2) @ steps
    assert np.quantile(np.hypot(x, y), 0.9) < 3
    for offset in (x, y):
        assert abs(np.median(offset)) < 0.25
        # The normal scatter is 0.7 pixels; quartiles do not see the few far ones.
        quartiles = np.subtract(*np.quantile(offset, [0.75, 0.25]))
        assert 0.7 < quartiles < 1.5


def test_measures_span_what_networks_must_learn(labels):
    assert np.isfinite(labels).all(axis=1).mean() > 0.97
    concentration, asymmetry, *_ = labels[np.isfinite(labels).all(axis=1)].T
    low, high = np.quantile(concentration, [0.05, 0.95])
    assert low < 2.4
    assert high > 3.8
    smooth, strong = (asymmetry < 0.1).mean(), (asymmetry > 0.35).mean()
    assert 0.25 < smooth < 0.5
    assert 0.18 < strong < 0.45
    assert asymmetry.max() > 0.8


def test_sizes_span_a_decade(labels):
    r_petro = 10 ** labels[np.isfinite(labels).all(axis=1), 8]
    low, middle, high = np.quantile(r_petro, [0.03, 0.5, 0.97])
    assert 2.5 < low < 6
    assert 9 < middle < 18
    assert 30 < high < 46


@pytest.mark.parametrize("family", FAMILIES)
@given(
    seed=st.integers(0, 2**32 - 1),
    r_petro=st.floats(2, 45),
    disturbance=st.floats(0, 2),
    cuspiness=st.floats(0, 1),
)
@settings(deadline=None, max_examples=10)
def test_families_take_any_traits(family, seed, r_petro, disturbance, cuspiness):
    traits = Traits(r_petro, disturbance, cuspiness)
    light = family(np.random.default_rng(seed), make_grid(101), traits)
    assert light.dtype == np.float32
    assert np.isfinite(light).all()
    assert (light >= 0).all()
    assert light.sum(dtype=float) > 0.9


@pytest.mark.parametrize("family", FAMILIES)
def test_disturbance_makes_asymmetric_galaxies(family):
    def median_asymmetry(disturbance):
        stamps = [
            convolve(
                family(
                    np.random.default_rng(seed),
                    make_grid(101),
                    Traits(15.0, disturbance, 0.4),
                ),
                Moffat(2.5),
                101,
            )
            for seed in range(12)
        ]
        return np.nanmedian(label_stamps(np.array(stamps))[:, 1])

    assert median_asymmetry(1.5) > 1.5 * median_asymmetry(0.1)


def test_cuspiness_makes_concentrated_galaxies():
    def median_concentration(cuspiness):
        stamps = []
        for seed in range(12):
            rng, traits = np.random.default_rng(seed), Traits(18.0, 0.1, cuspiness)
            light = FAMILIES[seed % 2](rng, make_grid(101), traits)
            stamps.append(convolve(light, Moffat(1.6), 101))
        return np.nanmedian(label_stamps(np.array(stamps))[:, 0])

    assert median_concentration(0.95) > median_concentration(0.05) + 0.8
