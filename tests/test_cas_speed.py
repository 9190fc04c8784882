# Licensed under a 3-clause BSD style license - see LICENSE
"""Tests of what makes stamps of morphology quick: no accuracy is lost by it."""

import numpy as np
import pytest

from astro_cnnfit import CNNCASMeasurer, flags
from astro_cnnfit.morphology import measure
from astro_cnnfit.morphology.local_sky import local_sky, sky_pixels
from astro_cnnfit.morphology.quantiles import HIGH, LOW, dealt, in_order, quantiles
from astro_cnnfit.morphology.sky_samples import sampled_sky

SIZE = 101
Y, X = np.mgrid[:SIZE, :SIZE] - 50.0


@pytest.fixture
def rng():
    return np.random.default_rng(8)


def parts(values, good=None):
    places = dealt(np.arange(values.shape[1]))
    good = None if good is None else good[:, places]
    return in_order(values[:, places], good)


def test_parts_are_dealt():
    places = dealt(np.arange(1001))
    assert places.shape == (3, 333)
    assert places[1, :3].tolist() == [1, 4, 7]
    assert dealt(np.arange(5)).tolist() == [[0, 1, 2, 3, 4]]


def test_quantiles_of_parts_scatter_no_more(rng):
    values = rng.normal(3, 2, (2000, 1600)).astype(np.float32)
    found = quantiles(*parts(values), (LOW, 0.5, HIGH))
    whole = np.quantile(values, (LOW, 0.5, HIGH), axis=1)
    assert np.allclose(found.mean(axis=1), [1, 3, 5], atol=0.006)
    assert np.all(found.std(axis=1) < 1.03 * whole.std(axis=1))


def test_quantiles_of_some(rng):
    values = rng.normal(0, 1, (500, 900)).astype(np.float32)
    good = values < 1
    good[0] = False
    ordered, count = parts(values, good)
    assert count.sum(axis=1)[0] == 0
    assert np.array_equal(count.sum(axis=1), good[:, :900].sum(axis=1))
    (median,) = quantiles(ordered, count, (0.5,))
    assert median[0] == 0
    expected = [np.median(v[g]) for v, g in zip(values[1:], good[1:], strict=True)]
    assert abs(np.mean(median[1:] - expected)) < 0.005


def test_the_sky_of_samples_is_the_sky(rng):
    stamps = rng.normal(10, 2, (300, SIZE, SIZE)).astype(np.float32)
    own = np.broadcast_to(np.hypot(X, Y) < 15, stamps.shape)
    covered = np.broadcast_to((X > 20) & (Y > 20), stamps.shape)
    mask, _, reach = sky_pixels(own, covered)
    expected = local_sky(stamps, mask, step=3)
    stamps[covered] = 1e6
    found = sampled_sky(stamps, own, covered, reach, 3)
    assert np.allclose(found.level, 10, atol=0.25)
    assert found.level.std() < 1.1 * expected.level.std()
    assert found.sigma.std() < 1.1 * expected.sigma.std()
    assert abs(found.sigma.mean() - 2) < 0.005
    assert np.allclose(found.level_err, expected.level_err, rtol=0.1)


def test_little_sky_of_samples(rng):
    stamps = rng.normal(10, 2, (3, SIZE, SIZE)).astype(np.float32)
    own = np.broadcast_to(np.hypot(X, Y) < 8, stamps.shape)
    covered = np.ones(stamps.shape, bool)
    covered[1:, 25:76, 25:76] = False
    reach = sky_pixels(own, covered)[2]
    sky = sampled_sky(stamps, own, covered, reach, 3)
    assert np.isnan(sky.level[0])
    assert sky.count[0].sum() == 0
    assert np.allclose(sky.level[1:], 10, atol=0.5)
    assert np.allclose(sky.sigma[1:], 2, atol=0.4)
    assert abs(sky.count[1].sum() - 333) < 10
    held = sky.ordered[1, 0, : sky.count[1, 0]]
    assert np.all(np.diff(held) >= 0)
    assert set(held) <= set(stamps[1].ravel())


def scene(rng, *places):
    y, x = np.mgrid[:400, :400]
    data = rng.normal(0, 1, x.shape)
    for x0, y0 in places:
        data += 60 * np.exp(-np.hypot(x - x0, y - y0) / 3)
    return data


def test_stamps_are_centred_before_the_network_sees_them(morphology_network, rng):
    data = scene(rng, (100, 100), (300, 250))
    measurer = CNNCASMeasurer(morphology_network, method="network")
    expected = measurer(data, init_params=[[100, 100], [300, 250]])
    morphology_network.calls.clear()
    found = measurer(data, init_params=[[103, 98], [300, 250]])
    assert morphology_network.calls == [2]
    for name in set(found.colnames) - {"x_init", "y_init"}:
        assert np.array_equal(found[name], expected[name], equal_nan=True), name


def test_the_order_of_positions_changes_nothing(morphology_network, rng, monkeypatch):
    places = rng.uniform(60, 340, (9, 2)).round()
    data = scene(rng, *places)
    measurer = CNNCASMeasurer(morphology_network, method="network")
    expected = measurer(data, init_params=places)
    monkeypatch.setattr(measure, "_CHUNK", 2)
    found = measurer(data, init_params=places)
    for name in found.colnames:
        assert np.array_equal(found[name], expected[name], equal_nan=True), name


def test_a_guess_far_beyond_the_stamp_is_not_believed():
    values = {"rpetro_ellip": np.array([20.0, 2e4]), "flags": np.zeros(2, int)}
    scale = measure._wanted(values, np.ones(2, int), np.array([30.0, 30.0]))
    assert scale.tolist() == [1, 4]


def test_those_seen_again_are_seen_in_few_numbers():
    rows, scale = np.arange(3), np.array([2, 3, 2])
    ((again, factors),) = measure._chunks(rows, scale, 512, True, 1)
    assert again.tolist() == [0, 1, 2, 0, 1, 2, 0, 1]
    assert factors.tolist() == [2, 3, 2, 2, 3, 2, 2, 3]
    apart = list(measure._chunks(rows, scale, 512, False, 1))
    assert [rows.tolist() for rows, _ in apart] == [[0, 2], [1]]


def test_the_flag_of_a_pedestal_is_of_the_sky_alone(morphology_network, rng):
    data = scene(rng, (200, 200))
    measurer = CNNCASMeasurer(morphology_network, method="network")
    for pedestal, flagged in ((0.0, False), (0.3, False), (0.8, True), (-40.0, True)):
        table = measurer(data + pedestal, init_params=[[200, 200]])
        assert bool(table["flags"][0] & flags.SKY_PEDESTAL) == flagged
