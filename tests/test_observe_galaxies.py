# Licensed under a 3-clause BSD style license - see LICENSE
"""Noise, neighbours and gaps on noise-free galaxies."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from astro_cnnfit.measures import LATENT_MEASURES, latent_index
from astro_cnnfit.simulation.observe_galaxies import (
    IDEAL,
    SURVEY,
    Conditions,
    observe,
    turn,
)

SIZE = 41
SNR = latent_index("log_snr")


@pytest.fixture
def galaxies():
    """Eight Gaussians of unit flux, and labels with radius 8 and brightness .004."""
    y, x = np.mgrid[:SIZE, :SIZE] - SIZE // 2
    one = np.exp(-(x**2 + y**2) / (2 * 3.0**2))
    stamps = np.repeat((one / one.sum())[None], 8, axis=0).astype(np.float32)
    labels = np.zeros((8, len(LATENT_MEASURES)))
    labels[:, latent_index("log_rpetro")] = np.log10(8)
    labels[:, SNR] = np.log10(0.004)
    return stamps, labels


def test_signal_and_noise(galaxies):
    stamps, labels = galaxies
    snr = np.full(8, 20.0)
    seen = observe(stamps, labels, np.random.default_rng(1), snr=snr)
    assert seen.stamps.dtype == np.float32
    noise = seen.stamps - stamps * 20 / 0.004
    assert_allclose(noise.std(), 1, rtol=0.02)
    assert_allclose(seen.labels[:, SNR], np.log10(20))
    others = [place for place in range(len(LATENT_MEASURES)) if place != SNR]
    assert_array_equal(seen.labels[:, others], labels[:, others])


def test_inputs_are_not_changed(galaxies):
    copies = [part.copy() for part in galaxies]
    observe(*galaxies, np.random.default_rng(1), conditions=SURVEY)
    for part, copy in zip(galaxies, copies, strict=True):
        assert_array_equal(part, copy)


def test_a_seed_repeats_the_stamps(galaxies):
    first, second = (
        observe(*galaxies, np.random.default_rng(3), conditions=SURVEY)
        for _ in range(2)
    )
    assert_array_equal(first.stamps, second.stamps)
    assert_array_equal(first.labels, second.labels)


def test_correlated_noise_keeps_its_size(galaxies):
    stamps, labels = galaxies
    conditions = Conditions(correlated=1.0, correlation=(0.4, 0.4))
    rng = np.random.default_rng(2)
    noise = observe(0 * stamps, labels, rng, conditions=conditions).stamps
    assert_allclose(noise.std(), 1, rtol=0.05)
    lag = (noise[:, 1:] * noise[:, :-1]).mean()
    assert_allclose(lag, 0.8 / (1 + 4 * 0.16), atol=0.05)


def test_the_sky_remains_as_stated(galaxies):
    stamps, labels = galaxies
    stamps, labels = np.repeat(stamps, 30, axis=0), np.repeat(labels, 30, axis=0)
    rng = np.random.default_rng(2)
    seen = observe(0 * stamps, labels, rng, conditions=Conditions(sky_error=0.5))
    assert_allclose(seen.stamps.mean(axis=(1, 2)).std(), 0.5, rtol=0.2)


def test_neighbours_are_cleaned_or_left(galaxies):
    snr = np.full(8, 50.0)

    def mean_excess(left_in):
        conditions = Conditions(neighbours=1.0, left_in=left_in)
        rng = np.random.default_rng(5)
        seen = observe(*galaxies, rng, snr=snr, conditions=conditions)
        clean = galaxies[0] * 50 / 0.004
        outside = clean[0] < 1
        return (seen.stamps - clean)[:, outside].max(axis=1)

    assert mean_excess(1.0).max() > 15
    assert mean_excess(0.0).max() < 8


@given(kind=st.integers(0, 7))
@settings(max_examples=8, deadline=None)
def test_turns_take_the_centre_along(kind):
    stamps = np.zeros((1, SIZE, SIZE), np.float32)
    stamps[0, 24, 17] = 1
    labels = np.zeros((1, len(LATENT_MEASURES)))
    labels[0, [latent_index("x"), latent_index("y")]] = 17 - SIZE // 2, 24 - SIZE // 2
    turned, moved = turn(stamps, labels, kind)
    _, y, x = np.argwhere(turned)[0]
    assert moved[0, latent_index("x")] == x - SIZE // 2
    assert moved[0, latent_index("y")] == y - SIZE // 2


def test_jitter_moves_stamp_and_centre(galaxies):
    stamps, labels = galaxies
    rng = np.random.default_rng(0)
    snr = np.full(8, 1e5)
    seen = observe(stamps, labels, rng, snr=snr, conditions=Conditions(jitter=2))
    y, x = np.mgrid[:SIZE, :SIZE] - SIZE // 2
    light = seen.stamps / seen.stamps.sum(axis=(1, 2), keepdims=True)
    assert_allclose((light * x).sum(axis=(1, 2)), seen.labels[:, 9], atol=0.02)
    assert_allclose((light * y).sum(axis=(1, 2)), seen.labels[:, 10], atol=0.02)
    assert np.ptp(seen.labels[:, 9]) > 0


def test_nothing_by_default():
    assert not any(IDEAL._replace(correlation=()))
