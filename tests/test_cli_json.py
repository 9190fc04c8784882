# Licensed under a 3-clause BSD style license - see LICENSE
"""Tests of what the command line gives to other programs: JSON and exit status."""

import json
import subprocess
import sys

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import MaskedColumn, QTable, Table

from astro_cnnfit import __version__
from astro_cnnfit.cli import main, measure, morphology
from astro_cnnfit.cli.documents import to_json
from astro_cnnfit.cli.exit_codes import EXIT_CODES
from astro_cnnfit.cli.report import status_of
from astro_cnnfit.flags import decode_flags
from astro_cnnfit.psf import gaussian

Y, X = np.mgrid[:81, :81] - 40.0
IMAGE = 500 * np.exp(-np.hypot(X, Y) / 4)
IMAGE += np.random.default_rng(4).normal(0, 1, X.shape)


@pytest.fixture
def folder(tmp_path, bundled, monkeypatch):
    """A folder with an image and its PSF, which is the working directory."""
    fits.writeto(tmp_path / "image.fits", IMAGE.astype(np.float32))
    fits.writeto(tmp_path / "psf.fits", gaussian(3.0)[0])
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def call(folder, capfd):
    """Run a command with --json; return its status and its document."""

    def call(*arguments):
        status = main([*arguments, "--json"])
        captured = capfd.readouterr()
        call.error = captured.err
        # All of standard output is one document.
        document = json.loads(captured.out)
        assert document["status"] == status
        assert document["command"] == arguments[0]
        assert document["version"] == __version__
        return status, document

    return call


def test_measure(call):
    line = ("measure", "image.fits", "--psf", "psf.fits", "--pixel-scale", "0.2")
    status, document = call(*line, "-o", "table.ecsv")
    assert status == 0
    written = QTable.read("table.ecsv")
    table = document["table"]
    assert set(written.colnames) < set(table["columns"])
    assert set(table["columns"]) == set(table["rows"][0])
    row = table["rows"][0]
    assert row["x_fit"] == written["x_fit"][0]
    assert row["theta_fit"] == written["theta_fit"][0].value
    assert table["columns"]["theta_fit"]["unit"] == "deg"
    assert table["columns"]["x_fit"]["description"]
    assert row["flag_names"] == decode_flags(int(written["flags"][0]))
    assert table["meta"]["pixel_scale"] == 0.2
    assert document["output"] == "table.ecsv"
    # Without -o there is the document alone.
    assert call(*line)[1]["output"] is None


def test_morphology(call):
    status, document = call("morphology", "image.fits", "--method", "classical")
    assert status == 0
    assert 1 < document["table"]["rows"][0]["concentration"] < 5


def test_measured_field_has_coordinates(call):
    sky = {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 150.0, "CRVAL2": 2.0}
    sky |= {"CRPIX1": 41, "CRPIX2": 41, "CD1_1": -5e-5, "CD2_2": 5e-5}
    fits.writeto("sky.fits", IMAGE, fits.Header(sky))
    _, document = call("measure", "sky.fits", "--psf", "psf.fits")
    row = document["table"]["rows"][0]
    assert row["sky_fit.ra"] == pytest.approx(150, abs=1e-4)
    assert row["sky_fit.dec"] == pytest.approx(2, abs=1e-4)


def test_warnings_are_in_the_document_too(call):
    Table({"x": [40.0, -300.0], "y": [40.0, 0.0]}).write("catalog.ecsv")
    line = ("measure", "image.fits", "--psf", "psf.fits", "--catalog", "catalog.ecsv")
    status, document = call(*line)
    assert status == 0
    assert document["warnings"][0].startswith("1 of 2 galaxies could not")
    assert document["warnings"][0] in call.error
    assert document["table"]["rows"][1]["flux_fit"] is None
    assert "outside_image" in document["table"]["rows"][1]["flag_names"]


def test_nothing_could_be_measured(call):
    fits.writeto("empty.fits", np.full(IMAGE.shape, np.nan))
    assert call("measure", "empty.fits", "--psf", "psf.fits")[0] == 1
    assert call("morphology", "empty.fits", "--method", "classical")[0] == 1


def test_simulate_and_evaluate(call):
    _, document = call("simulate", "-o", "set.fits", "-n", "6")
    assert (document["output"], document["galaxies"]) == ("set.fits", 6)
    _, document = call("evaluate", "--data", "set.fits")
    assert document["galaxies"] == 6
    rows = document["table"]["rows"]
    assert {row["source"] for row in rows} >= {"sersic", "GaLNet-2 (published)"}


def test_demo(call):
    pytest.importorskip("matplotlib")
    _, document = call("demo")
    field = document["field"]
    assert len(field["table"]["rows"]) == len(field["truth"]["rows"])
    assert field["figure"].endswith("field.png")


def test_train(call, monkeypatch):
    monkeypatch.setattr(
        "astro_cnnfit.training.train", lambda config, output, **more: output
    )
    _, document = call("train", "galnet1", "-o", "mine")
    assert (document["model"], document["output"]) == ("galnet1", "mine")


def test_bad_call(call):
    status, document = call("measure", "absent.fits")
    assert status == 2
    assert document["error"] == "IMAGE absent.fits: no such file"
    assert call.error == f"astro-cnnfit measure: error: {document['error']}\n"


@pytest.mark.parametrize(
    ("command", "module"), [("measure", measure), ("morphology", morphology)]
)
def test_interrupt(call, monkeypatch, command, module):
    def read_data(options):
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "read_data", read_data)
    status, document = call(command, "image.fits")
    assert status == 130
    assert document["error"] == "stopped"


def test_reader_that_goes_away():
    """As in ``astro-cnnfit ... | head -1``: no traceback, and a status of its own."""
    code = (
        "import sys; from astro_cnnfit.cli import main, simulate\n"
        "from astro_cnnfit.cli.report import say\n"
        "simulate.run = lambda options: [say(i) for i in range(400_000)] and None\n"
        "sys.exit(main(['simulate', '-o', 'x.fits']))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    assert process.stdout.readline() == "0\n"
    process.stdout.close()
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait() == 141


def test_every_exit_status_has_a_meaning():
    assert set(EXIT_CODES) == {0, 1, 2, 130, 141}
    assert all(meaning.endswith(".") for meaning in EXIT_CODES.values())


def test_status_of_columns():
    assert status_of(np.array([1.0, np.nan])) == 0
    assert status_of(np.array([])) == 0
    assert status_of(np.array([np.nan]), np.array([0.3])) == 0
    assert status_of([np.nan, np.nan] * u.Jy) == 1


def test_values_of_all_kinds():
    table = QTable(
        {
            "flux": [1.5, np.inf] * u.nJy,
            "name": ["a", "b"],
            "count": MaskedColumn([1, 2], mask=[False, True]),
            "place": SkyCoord([1, 2], [3, 4], unit="deg"),
            "id": [2**60 + 1, 3],
            "vector": [[1.0, np.nan], [2.0, 3.0]],
            "bytes": [b"x", b"y"],
        },
        meta={"numbers": np.arange(2), "share": np.float32(0.5), "none": np.ma.masked},
    )
    found = json.loads(to_json({"table": table, "set": {3}}))
    assert found["set"] == [3]
    assert found["table"]["rows"] == [
        {
            "flux": 1.5, "name": "a", "count": 1, "place.ra": 1, "place.dec": 3,
            "id": 2**60 + 1, "vector": [1, None], "bytes": "x",
        },
        {
            "flux": None, "name": "b", "count": None, "place.ra": 2, "place.dec": 4,
            "id": 3, "vector": [2, 3], "bytes": "y",
        },
    ]  # fmt: skip
    assert found["table"]["columns"]["flux"]["unit"] == "nJy"
    meta = found["table"]["meta"]
    assert meta["numbers"] == [0, 1]
    assert meta["share"] == 0.5
    assert meta["none"] is None
