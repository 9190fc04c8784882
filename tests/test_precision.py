# Licensed under a 3-clause BSD style license - see LICENSE
"""Precisions of networks: what they cost, and that measurers refuse what costs much."""

import json

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import QTable
from numpy.testing import assert_allclose

from astro_cnnfit import CNNCASMeasurer, CNNSersicFitter
from astro_cnnfit.cli import main
from astro_cnnfit.evaluation.precision import precision_cost, record_precision
from astro_cnnfit.networks import build
from astro_cnnfit.psf import gaussian
from astro_cnnfit.weights import (
    available,
    load_network,
    read_description,
    write_model,
)
from astro_cnnfit.weights.precision import MAX_COST, check_precision

ARGUMENTS = {"filters": [2, 2, 2], "dense": [8]}
CALIBRATION = {"scale": [1.0] * 7, "covariance": np.zeros((7, 7)).tolist()}
PSF = np.full((1, 25, 25), 1 / 625, np.float32)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    model = build("sersic", **ARGUMENTS)
    description = {
        "architecture": "sersic",
        "arguments": ARGUMENTS,
        "calibration": CALIBRATION,
        "trained_ranges": {},
    }
    return write_model(tmp_path_factory.mktemp("model") / "mine", model, description)


@pytest.fixture
def folder(written, tmp_path):
    copy = tmp_path / "mine"
    copy.mkdir()
    for path in written.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    return copy


def stamps(number=8, seed=1):
    y, x = np.mgrid[:61, :61] - 30
    flux = np.linspace(1, 500, number)[:, None, None]
    noise = np.random.default_rng(seed).normal(0, 1, (number, 61, 61))
    return (flux * np.exp(-np.hypot(x, y) / 4) + noise).astype(np.float32)


def change(folder, **record):
    """Change the record of bfloat16."""
    path = folder / "model.json"
    description = json.loads(path.read_text())
    description["precision"]["bfloat16"] |= record
    path.write_text(json.dumps(description))


def test_cost_is_the_difference_in_errors(folder):
    cost = precision_cost(folder, stamps(), PSF)
    full, fast = (
        load_network(folder, precision=precision).predict(stamps(), PSF)
        for precision in ("float32", "bfloat16")
    )
    sigma = np.sqrt(np.einsum("ijj->ij", full[1]))
    difference = np.sqrt(np.mean(((fast[0] - full[0]) / sigma) ** 2, axis=0))
    found = list(cost["groups"][0]["differences"].values())
    assert_allclose(found, difference, rtol=1e-3)
    assert_allclose(
        cost["added_scatter"], np.hypot(1, difference.max()) - 1, rtol=0.01, atol=1e-9
    )
    assert cost["galaxies"] == 8
    assert 0 < cost["added_scatter"] < MAX_COST


def test_the_worst_group_counts(folder):
    cost = precision_cost(folder, np.repeat(stamps(), 50, axis=0), PSF)
    assert [group["galaxies"] for group in cost["groups"]] == [100] * 4
    fluxes = [group["log_flux"] for group in cost["groups"]]
    assert fluxes == sorted(fluxes)
    largest = max(max(group["differences"].values()) for group in cost["groups"])
    assert_allclose(cost["added_scatter"], np.hypot(1, largest) - 1, rtol=0.02)


def test_no_difference_costs_nothing(folder):
    cost = precision_cost(folder, stamps(), PSF, precision="float32")
    assert cost["added_scatter"] == cost["changed_errors"] == 0


def test_stamps_that_are_none(folder):
    with pytest.raises(ValueError, match="stamps must hold at least one"):
        precision_cost(folder, stamps()[:0], PSF)


def test_a_recorded_precision_is_taken(folder):
    before = read_description(folder)[1]
    record_precision(folder, stamps(), PSF, command="this test")
    after = read_description(folder)[1]
    record = after.pop("precision")["bfloat16"]
    assert after == before
    assert record["command"] == "this test"
    assert record["sha256"] == before["sha256"]
    fitter = CNNSersicFitter(folder, precision="bfloat16")
    assert fitter.model.precision == fitter.precision == "bfloat16"
    image, psf = stamps()[-1], gaussian(3.0)
    table = fitter(image, psf)
    assert table.meta["precision"] == "bfloat16"
    exact = CNNSersicFitter(folder)(image, psf)
    assert exact.meta["precision"] == "float32"
    difference = np.abs(table["x_fit"] - exact["x_fit"])[0]
    assert 0 < difference < 0.2 * exact["x_err"][0]


def test_without_a_record_it_is_refused(folder):
    message = "precision must be 'float32' with model 'mine'.*record_precision"
    with pytest.raises(ValueError, match=message):
        CNNSersicFitter(folder, precision="bfloat16")
    assert CNNSersicFitter(folder, precision="float32").precision == "float32"
    record_precision(folder, stamps(), PSF)
    # Of other weights.
    change(folder, sha256="0" * 64)
    with pytest.raises(ValueError, match=message):
        CNNSersicFitter(folder, precision="bfloat16")


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"added_scatter": 0.0155}, "increases the scatter.* by 1.6%"),
        ({"changed_errors": 0.5}, "changes its errors by 50.0%, more than 1%"),
        ({"added_scatter": np.inf}, "increases the scatter"),
        ({"added_scatter": np.nan}, "increases the scatter"),
    ],
)
def test_what_costs_accuracy_is_refused(folder, record, message):
    record_precision(folder, stamps(), PSF)
    change(folder, **record)
    with pytest.raises(ValueError, match=message):
        CNNSersicFitter(folder, precision="bfloat16")
    # To see what it costs a whole call.
    network = load_network(folder, precision="bfloat16")
    assert CNNSersicFitter(network).precision == "bfloat16"


def test_a_network_that_is_brought_keeps_its_own(network, morphology_network, folder):
    # Stand-ins have none.
    assert CNNSersicFitter(network, precision="float32").precision == "float32"
    with pytest.raises(ValueError, match="precision must be that of the network given"):
        CNNSersicFitter(network, precision="bfloat16")
    with pytest.raises(ValueError, match="precision must be that of the network given"):
        CNNCASMeasurer(morphology_network, method="network", precision="bfloat16")
    fast = load_network(folder, precision="bfloat16")
    with pytest.raises(ValueError, match="'bfloat16', got 'float32'"):
        CNNSersicFitter(fast, precision="float32")
    assert CNNSersicFitter(fast, precision="bfloat16").model is fast


@pytest.mark.parametrize("precision", ["float64", 16, "mixed_bfloat16"])
def test_other_precisions(folder, precision):
    with pytest.raises(ValueError, match="precision must be one of 'float32', 'bfl"):
        CNNSersicFitter(folder, precision=precision)
    with pytest.raises(ValueError, match="precision must be one of"):
        CNNCASMeasurer(precision=precision)


def test_morphology_says_which(morphology_network):
    measurer = CNNCASMeasurer(morphology_network, method="network")
    table = measurer(np.random.default_rng(2).normal(0, 1, (101, 101)))
    assert table.meta["precision"] == "float32"


@pytest.mark.parametrize("name", available())
def test_bundled_models_say_what_it_costs(name):
    _, description = read_description(name)
    record = description["precision"]["bfloat16"]
    assert record["sha256"] == description["sha256"]
    assert record["galaxies"] >= 8000
    refused = max(record["added_scatter"], record["changed_errors"]) > MAX_COST
    assert refused == name.startswith("galnet")
    if refused:
        with pytest.raises(ValueError, match="increases the scatter"):
            check_precision("bfloat16", description)
    else:
        check_precision("bfloat16", description)


def test_command_line(folder, tmp_path, monkeypatch, capsys):
    fits.writeto(tmp_path / "image.fits", stamps()[-1])
    fits.writeto(tmp_path / "psf.fits", gaussian(3.0)[0])
    monkeypatch.chdir(tmp_path)
    line = ["measure", "image.fits", "--psf", "psf.fits", "-o", "table.ecsv"]
    line += ["--model", str(folder), "--precision", "bfloat16"]
    assert main(line) == 2
    assert "precision must be 'float32' with model 'mine'" in capsys.readouterr().err
    record_precision(folder, stamps(), PSF)
    assert main(line) == 0
    assert QTable.read("table.ecsv").meta["precision"] == "bfloat16"
    capsys.readouterr()
    line = ["morphology", "image.fits", "-o", "table.ecsv", "--precision", "float16"]
    with pytest.raises(SystemExit, match="2"):
        main(line)
    assert "invalid choice: 'float16'" in capsys.readouterr().err
