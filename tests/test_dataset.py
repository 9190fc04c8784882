# Licensed under a 3-clause BSD style license - see LICENSE
"""Simulated data sets on disk."""

import astropy.units as u
import h5py
import numpy as np
import pytest
from astropy.io import fits
from astropy.table import QTable
from numpy.testing import assert_allclose, assert_array_equal

from astro_cnnfit.simulation import simulate, write_dataset


@pytest.fixture(scope="module")
def dataset():
    return simulate(12, seed=3)


def test_simulate(dataset):
    stamps, psfs, truth = dataset
    assert stamps.shape == (12, 61, 61)
    assert psfs.shape == (12, 25, 25)
    assert truth.colnames == ["x_0", "y_0", "flux", "r_eff", "n", "ellip", "theta"]
    assert truth["r_eff"].unit == u.pix
    assert truth["theta"].unit == u.rad
    assert_allclose(truth["x_0"].value, 30, atol=2.01)
    again = simulate(12, seed=3)[0]
    assert_array_equal(again, stamps)


def test_fits(dataset, tmp_path):
    path = tmp_path / "set.fits"
    write_dataset(path, *dataset)
    with fits.open(path) as hdus:
        assert_array_equal(hdus["STAMPS"].data, dataset[0])
        assert_array_equal(hdus["PSFS"].data, dataset[1])
    truth = QTable.read(path, hdu="TRUTH")
    assert_allclose(truth["n"], dataset[2]["n"])
    assert truth["theta"].unit == u.rad


def test_hdf5(dataset, tmp_path):
    path = tmp_path / "set.h5"
    write_dataset(path, *dataset)
    with h5py.File(path) as file:
        assert_array_equal(file["stamps"][:], dataset[0])
    truth = QTable.read(path, path="truth")
    assert_allclose(truth["flux"], dataset[2]["flux"])


def test_bad_calls(dataset, tmp_path):
    with pytest.raises(ValueError, match="prior must be one of table1, wide"):
        simulate(3, "flat")
    with pytest.raises(ValueError, match="n must be a positive number"):
        simulate(0)
    with pytest.raises(ValueError, match="output must end in"):
        write_dataset(tmp_path / "set.txt", *dataset)
    with pytest.raises(ValueError, match="output must lie in a folder that exists"):
        write_dataset(tmp_path / "none" / "set.fits", *dataset)
    assert not list(tmp_path.iterdir())


def test_real_sky_needs_the_images(monkeypatch):
    monkeypatch.delenv("ASTRO_CNNFIT_TEST_DATA", raising=False)
    with pytest.raises(ValueError, match="real_sky needs the variable"):
        simulate(3, real_sky=0.5)


def test_a_failed_write_leaves_nothing(dataset, tmp_path):
    stamps, psfs, _ = dataset
    with pytest.raises(AttributeError):
        write_dataset(tmp_path / "set.h5", stamps, psfs, None)
    assert not list(tmp_path.iterdir())


def test_seeds_differ(dataset):
    assert not np.array_equal(simulate(12, seed=4)[0], dataset[0])
