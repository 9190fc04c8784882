# Licensed under a 3-clause BSD style license - see LICENSE
"""Matching of catalogues, completeness and purity."""

import numpy as np
import pytest
from astropy.table import Table
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from astro_cnnfit.evaluation import completeness_and_purity, match_catalogs


def test_the_nearest_pairs_come_first():
    truth = np.array([[0.0, 0.0], [2.0, 0.0], [50.0, 0.0]])
    found = Table({"x_centroid": [1.2, 0.9, 80.0], "y_centroid": [0.0, 0.0, 0.0]})
    match = match_catalogs(truth, found, 3.0)
    assert_array_equal(match.truth, [0, 1])
    # Truth 1 is nearest to the first detection, at 0.8.
    assert_array_equal(match.found, [1, 0])
    assert_allclose(match.distance, [0.9, 0.8])
    first, second = match.has_partner(3, 3)
    assert_array_equal(first, [True, True, False])
    assert_array_equal(second, [True, True, False])


def test_of_equal_pairs_the_earlier_rows_count():
    match = match_catalogs(np.zeros((2, 2)), np.zeros((2, 2)), 1.0)
    assert_array_equal(match.truth, match.found)


@pytest.mark.parametrize("n", [(0, 3), (3, 0), (0, 0)])
def test_empty_catalogues_have_no_pairs(n):
    match = match_catalogs(np.zeros((n[0], 2)), np.zeros((n[1], 2)), 1.0)
    assert len(match.truth) == len(match.found) == len(match.distance) == 0


def test_unknown_positions_have_no_partner():
    truth = np.array([[np.nan, 0.0], [0.0, 0.0]])
    match = match_catalogs(truth, [[np.inf, 0.0], [0.1, 0.0]], 1.0)
    assert_array_equal(match.truth, [1])
    assert_array_equal(match.found, [1])


places = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=30)


@settings(deadline=None)
@given(places, places, st.floats(0.5, 4))
def test_pairs_are_one_to_one_and_near(first, second, radius):
    first, second = (np.array(a, float).reshape(-1, 2) for a in (first, second))
    match = match_catalogs(first, second, radius)
    assert len(set(match.truth)) == len(set(match.found)) == len(match.truth)
    distance = np.hypot(*(first[match.truth] - second[match.found]).T)
    assert_allclose(match.distance, distance)
    assert (distance <= radius).all()
    # Nothing is left that would make another pair.
    free = [np.flatnonzero(~a) for a in match.has_partner(len(first), len(second))]
    left = first[free[0]][:, None] - second[free[1]]
    assert not (np.hypot(left[..., 0], left[..., 1]) <= radius).any()


def test_completeness_and_purity():
    match = match_catalogs([[0.0, 0.0], [9.0, 9.0]], [[0.0, 0.1], [5.0, 5.0]], 1.0)
    table = completeness_and_purity(match, [1.0, 2.0], [1.5, 1.6], [1, 2, 3, 4])
    assert_array_equal(table["n_truth"], [1, 1, 0])
    assert_array_equal(table["completeness"], [1.0, 0.0, np.nan])
    assert_array_equal(table["n_found"], [2, 0, 0])
    assert_array_equal(table["purity"], [0.5, np.nan, np.nan])


@pytest.mark.parametrize("radius", [0, -1, np.nan, np.inf])
def test_a_bad_radius_is_named(radius):
    with pytest.raises(ValueError, match="radius"):
        match_catalogs(np.zeros((1, 2)), np.zeros((1, 2)), radius)
