# Licensed under a 3-clause BSD style license - see LICENSE
"""Tests of ``astro-cnnfit morphology``, with a stand-in for the network."""

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import QTable, Table

from astro_cnnfit.cli import main
from astro_cnnfit.psf import gaussian

Y, X = np.mgrid[:121, :121] - 60.0
IMAGE = 40 * np.exp(-np.hypot(X, Y) / 4)
IMAGE += np.random.default_rng(4).normal(0, 1, X.shape)
LABELS = np.where(np.hypot(X, Y) < 14, 3, 0).astype(np.int16)


@pytest.fixture
def folder(tmp_path, bundled, monkeypatch):
    fits.writeto(tmp_path / "image.fits", IMAGE.astype(np.float32))
    fits.writeto(tmp_path / "seg.fits", LABELS)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def morphology(*arguments):
    return main(["morphology", "image.fits", "-o", "table.ecsv", *arguments])


@pytest.mark.parametrize("method", ["classical", "network"])
def test_table_of_a_segmentation_map(folder, capsys, method):
    options = ["--segmap", "seg.fits", "--method", method, "--pixel-scale", "0.2"]
    assert morphology(*options) == 0
    table = QTable.read("table.ecsv")
    assert table["id"].tolist() == [3]
    assert np.isclose(table["concentration"][0], 2.7, atol=0.3)
    assert "r50_sky" in table.colnames
    assert table.meta["method"] == method
    printed = capsys.readouterr().out
    assert "concentration" in printed
    assert "1 galaxy measured with" in printed
    assert " nan" not in printed


def test_mask_error_psf_and_catalog(folder):
    fits.writeto("mask.fits", (np.hypot(X - 30, Y) < 4).astype(np.uint8))
    fits.writeto("error.fits", np.full(IMAGE.shape, 2.0))
    fits.writeto("psf.fits", gaussian(3.0)[0])
    Table({"id": [7], "x": [60.0], "y": [60.0]}).write("catalog.ecsv")
    options = ["--mask", "mask.fits", "--error", "error.fits", "--psf", "psf.fits"]
    options += ["--catalog", "catalog.ecsv", "--method", "network"]
    assert morphology(*options) == 0
    table = QTable.read("table.ecsv")
    assert table["id"].tolist() == [7]
    assert np.isclose(table["sky_sigma"][0], 2)


def test_labels_stored_as_floats(folder):
    fits.writeto("float.fits", LABELS.astype(np.float32))
    assert morphology("--segmap", "float.fits", "--method", "classical") == 0
    assert QTable.read("table.ecsv")["id"].tolist() == [3]


def test_bad_galaxies_are_warned_of_in_one_line(folder, capsys):
    labels = LABELS.copy()
    labels[5, 5] = 9
    fits.writeto("two.fits", labels)
    assert morphology("--segmap", "two.fits", "--method", "classical") == 0
    error = capsys.readouterr().err
    assert error.startswith("astro-cnnfit warning: 1 of 2 galaxies could not")
    assert error.count("\n") == 1


BAD_LINES = {
    "missing map": (["--segmap", "absent.fits"], "--segmap absent.fits: no such file"),
    "map of another shape": (
        ["--segmap", "small.fits"],
        "--segmap must have the shape",
    ),
    "map of fractions": (
        ["--segmap", "image.fits"],
        "--segmap must hold whole numbers",
    ),
    "definition of a network": (
        ["--definition", "statmorph", "--method", "network"],
        "definition must be 'tohill2021'",
    ),
    "unknown model": (["--model", "resnet"], "model must be"),
    "output of no kind": (["-o", "table.xyz"], "--output must end on .ecsv"),
}


@pytest.mark.parametrize("name", BAD_LINES)
def test_bad_line_ends_in_one_line_and_status_2(folder, capsys, name):
    fits.writeto("small.fits", LABELS[1:])
    changed, message = BAD_LINES[name]
    assert morphology("--method", "network", *changed) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("astro-cnnfit morphology: error: ")
    assert captured.err.count("\n") == 1
    assert message in captured.err
    assert not (folder / "table.ecsv").exists()
