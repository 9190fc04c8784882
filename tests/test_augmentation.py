# Licensed under a 3-clause BSD style license - see LICENSE
"""Copies of rare galaxies, rotated and mirrored."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from astro_cnnfit.training.augmentation import (
    SYMMETRIES,
    balanced_augmentation,
    random_symmetry,
    transformed,
)


def test_symmetries_are_the_eight_of_a_square():
    stamp = np.arange(16).reshape(1, 4, 4)
    found = {symmetry(stamp).tobytes() for symmetry in SYMMETRIES}
    assert len(found) == 8
    assert_array_equal(SYMMETRIES[1](stamp)[0], np.rot90(stamp[0]))
    assert_array_equal(SYMMETRIES[4](stamp)[0], stamp[0][:, ::-1])


def test_rare_values_get_more_copies():
    values = np.repeat([0.05, 0.55, 0.95], [100, 50, 10])
    rows, symmetries = balanced_augmentation(values, bins=10)
    copies = np.bincount(rows, minlength=len(values))
    assert_array_equal(np.unique(copies[:100]), [0])
    assert_array_equal(np.unique(copies[100:150]), [1])
    assert_array_equal(np.unique(copies[150:]), [5])
    assert set(symmetries[rows < 150]) == {1}
    assert_array_equal(np.sort(symmetries[rows == 155]), [1, 2, 3, 4, 5])


def test_a_sample_grows_about_as_in_the_paper():
    values = np.random.default_rng(1).normal(3, 0.4, 75_353)
    rows, _ = balanced_augmentation(values)
    assert 1.6 < 1 + len(rows) / len(values) < 2.0


def test_nothing_to_balance():
    for values in (np.zeros(0), np.full(7, 3.0), np.array([1.0])):
        rows, symmetries = balanced_augmentation(values)
        assert len(rows) == len(symmetries) == 0


@pytest.mark.parametrize("values", [[0.1, np.nan], [[0.1], [0.2]]])
def test_bad_values(values):
    with pytest.raises(ValueError, match="values must be finite and of shape"):
        balanced_augmentation(values)


def test_stamps_are_transformed_one_by_one():
    stamps = np.random.default_rng(1).normal(size=(5, 6, 6))
    before = stamps.copy()
    found = transformed(stamps, [0, 3, 5, 6, 7])
    assert_array_equal(stamps, before)
    assert_array_equal(found[0], stamps[0])
    assert_array_equal(found[1], np.rot90(stamps[1], 3))
    assert_array_equal(found[2], stamps[2][::-1])
    assert_array_equal(found[3], stamps[3].T)
    assert_array_equal(found[4], np.rot90(stamps[4], 2).T)


def test_random_symmetry_follows_the_generator():
    stamps = np.random.default_rng(1).normal(size=(20, 6, 6))
    targets = np.arange(20.0)[:, None]
    one, same = random_symmetry(stamps, targets, np.random.default_rng(4))
    again, _ = random_symmetry(stamps, targets, np.random.default_rng(4))
    assert_array_equal(one, again)
    assert_array_equal(same, targets)
    assert not np.array_equal(one, stamps)
    assert_array_equal(np.sort(one, axis=None), np.sort(stamps, axis=None))
