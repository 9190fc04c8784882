# Licensed under a 3-clause BSD style license - see LICENSE
"""Tests of ``astro-cnnfit catalog`` and of its configuration."""

import json

import numpy as np
import pytest
from astropy.table import Table

from astro_cnnfit import catalog
from astro_cnnfit.catalog.config import read_config
from astro_cnnfit.catalog.scheduler import RunStopped
from astro_cnnfit.cli import catalog as command
from astro_cnnfit.cli import main

CONFIG = """
output = "out"

[tiles]
path = "tiles/*.fits"
mask = ["masks/{stem}.fits", 1]
psf = "{folder}/../psf.fits"
zeropoint = 30.0

[catalog]
path = "galaxies.ecsv"
keep = ["name"]
columns = { ra = "ALPHA_J2000" }

[sersic]
refine = true

[run]
workers = 2
precision = "bfloat16"
chunk_size = 100
"""


@pytest.fixture
def config(tmp_path):
    """Return a function that writes a configuration."""

    def write(text=CONFIG):
        path = tmp_path / "survey.toml"
        path.write_text(text)
        return path

    return write


class TestConfig:
    def test_it_becomes_the_arguments_of_measure_catalog(self, config, tmp_path):
        assert read_config(config()) == {
            "tiles": [str(tmp_path / "tiles/*.fits")],
            "catalog": str(tmp_path / "galaxies.ecsv"),
            "output": str(tmp_path / "out"),
            "mask": (str(tmp_path / "masks/{stem}.fits"), 1),
            "psf": "{folder}/../psf.fits",
            "zeropoint": 30.0,
            "keep": ["name"],
            "columns": {"ra": "ALPHA_J2000"},
            "sersic": {"refine": True},
            "cas": None,
            "client": None,
            "workers": 2,
            "precision": "bfloat16",
            "chunk_size": 100,
        }

    def test_sersic_profiles_are_measured_if_nothing_is_asked_for(self, config):
        text = 'output = "out"\n[tiles]\npath = "tiles"\n'
        assert read_config(config(text))["sersic"] is True
        only = read_config(config(text + "[cas]\n"))
        assert (only["sersic"], only["cas"]) == (None, {})
        assert only["catalog"] is None

    def test_own_model_lies_beside_the_file(self, config, tmp_path):
        text = 'output = "out"\n[tiles]\npath = "tiles"\n[sersic]\nmodel = "mine"\n'
        assert read_config(config(text))["sersic"]["model"] == "mine"
        (tmp_path / "mine").mkdir()
        assert read_config(config(text))["sersic"]["model"] == str(tmp_path / "mine")

    @pytest.mark.parametrize(
        ("old", "new", "message"),
        [
            (
                "zeropoint",
                "zeropint",
                r"unknown key tiles.zeropint \(did you mean tiles",
            ),
            ("[run]", "[runs]", r"unknown key runs \(did you mean run\?\)"),
            ("workers", "qqq", r"unknown key run.qqq \(workers, scheduler, retries"),
            ('path = "tiles/*.fits"', "", "must have tiles.path"),
            ('output = "out"', "", "must have output"),
            ("30.0", "thirty", "not readable as TOML"),
            ("[sersic]\nrefine = true", "", None),
            ('output = "out"', 'output = "out"\ncas = 3', "cas must be a table, got 3"),
            ('mask = ["masks/{stem}.fits", 1]', "mask = 0", "must be text, got 0"),
        ],
    )
    def test_mistakes_are_named(self, config, old, new, message):
        path = config(CONFIG.replace(old, new))
        if message is None:
            assert read_config(path)["sersic"] is True
            return
        with pytest.raises(ValueError, match=message):
            read_config(path)

    def test_missing_file(self, tmp_path):
        with pytest.raises(FileNotFoundError, match="no such file"):
            read_config(tmp_path / "none.toml")


@pytest.fixture
def call(config, plan_bytes, tmp_path, monkeypatch):
    """Run the command on files of bytes; return its exit status."""
    plan, run = plan_bytes
    given = {}

    def measure_catalog(tiles, catalog, *, output, client, progress_bar, **options):
        given.update(options, tiles=tiles, client=client, progress_bar=progress_bar)
        if "stopped" in given:
            raise given["stopped"]
        return run(given.get("plan") or plan(), output, retries=0)

    monkeypatch.setattr(catalog, "measure_catalog", measure_catalog, raising=False)
    monkeypatch.setattr(command, "load_keras", lambda debug: None)
    monkeypatch.setattr(
        "astro_cnnfit.catalog.plan.make_plan", lambda *args, **kwargs: plan()
    )

    def call(*options, **more):
        given.update(more)
        return main(["catalog", str(config()), *options])

    call.given, call.plan = given, plan
    return call


class TestCommand:
    def test_result_and_status(self, call, capsys, tmp_path):
        assert call() == 0
        printed = capsys.readouterr().out
        assert "12 galaxies on 3 tiles" in printed
        assert "low_snr 12" in printed
        assert str(tmp_path / "out" / "catalog") in printed
        assert call.given["workers"] == 2
        assert call.given["client"] is None
        assert call.given["progress_bar"] is True

    def test_options_go_before_the_file(self, call):
        assert call("--workers", "5") == 0
        assert call.given["workers"] == 5
        assert call("--scheduler", "tcp://there:8786") == 0
        assert call.given["workers"] is None
        assert call.given["client"] == "tcp://there:8786"

    def test_failed_tiles_are_named_and_the_status_is_one(self, call, capsys, tmp_path):
        plan = call.plan()
        (tmp_path / "tiles" / "t1.fits").write_bytes(b"half")
        assert call(plan=plan) == 1
        printed = capsys.readouterr().out
        assert "FAILED: 1 tile with 4 galaxies" in printed
        assert "t1 (4 galaxies): OSError" in printed
        (tmp_path / "tiles" / "t1.fits").write_bytes(b"mended end")
        assert call(plan=None) == 0

    def test_document_for_programs(self, call, capsys, tmp_path):
        plan = call.plan()
        (tmp_path / "tiles" / "t1.fits").write_bytes(b"half")
        assert call("--check", "--json") == 0
        checked = json.loads(capsys.readouterr().out)
        assert (checked["galaxies"], checked["tiles"]) == (12, 3)
        assert call("--json", plan=plan) == 1
        document = json.loads(capsys.readouterr().out)
        assert document["status"] == 1
        assert document["summary"]["failed_tiles"] == 1
        (failure,) = document["failures"]
        assert (failure["tile"], failure["count"]) == ("t1", 4)
        assert failure["reason"].startswith("OSError")
        assert call("--json", stopped=RunStopped("no space left")) == 1
        stopped = json.loads(capsys.readouterr().out)
        assert stopped["error"] == "stopped: no space left"

    def test_run_that_stopped(self, call, capsys):
        assert call(stopped=RunStopped("no space left on the disk")) == 1
        assert "stopped: no space left on the disk" in capsys.readouterr().err

    def test_interrupt(self, call, capsys):
        assert call(stopped=KeyboardInterrupt()) == 130
        assert "the same command goes on" in capsys.readouterr().err

    def test_bad_input(self, call, capsys):
        assert call(stopped=ValueError("output out holds another")) == 2
        assert "catalog: error: output out holds another" in capsys.readouterr().err

    def test_fits_table(self, call, tmp_path):
        path = tmp_path / "all.fits"
        assert call("--fits", str(path)) == 0
        assert call("--fits", str(path)) == 0
        table = Table.read(path)
        assert len(table) == 12
        assert table["id"].max() == 2**60 + 203

    def test_fits_table_is_checked_first(self, call, tmp_path, capsys):
        assert call("--fits", str(tmp_path / "none" / "all.fits")) == 2
        assert call("--fits", str(tmp_path / "all.csv")) == 2
        assert "--fits must end on .fits" in capsys.readouterr().err
        assert not (tmp_path / "out").exists()

    def test_hats_folder_is_checked_first(self, call, tmp_path, capsys, monkeypatch):
        assert call("--hats", str(tmp_path)) == 2
        assert "--hats must be new, empty, or a HATS catal" in capsys.readouterr().err
        monkeypatch.setattr(command, "find_spec", lambda name: None)
        assert call("--hats", str(tmp_path / "hats")) == 2
        assert "comes with the extra 'hats'" in capsys.readouterr().err

    def test_hats_catalogue_is_replaced(self, call, tmp_path, monkeypatch):
        given = []
        monkeypatch.setattr(command, "find_spec", lambda name: True)
        monkeypatch.setattr(catalog, "to_hats", lambda *a, **k: given.append((a, k)))
        folder = tmp_path / "hats"
        assert call("--hats", str(folder)) == 0
        folder.mkdir()
        (folder / "hats.properties").write_text("astro_cnnfit_version=0.1\n")
        assert call("--hats", str(folder)) == 0
        assert [keywords for _, keywords in given] == [{"overwrite": True}] * 2

    def test_check_says_what_would_be_done(self, call, tmp_path, capsys):
        assert call("--check") == 0
        printed = capsys.readouterr().out
        assert "12 galaxies on 3 tiles (0 without galaxies); 2 on no tile" in printed
        assert not (tmp_path / "out").exists()
        assert call() == 0
        assert call("--check") == 0
        assert "3 tiles are done" in capsys.readouterr().out


def test_real_tiles_are_measured(config, tmp_path, bundled, monkeypatch):
    """All parts together, with a stand-in for the network alone."""
    from astropy.io import fits

    monkeypatch.setattr(command, "load_keras", lambda debug: None)
    # The stand-in must not be kept for others.
    monkeypatch.setattr("astro_cnnfit.catalog.loading._LOADED", {})
    (tmp_path / "tiles").mkdir()
    y, x = np.mgrid[:90, :90]
    rng = np.random.default_rng(3)
    for name, place in (("one", 40.0), ("two", 45.0)):
        light = 500 * np.exp(-np.hypot(x - place, y - place) / 3)
        image = (light + rng.standard_normal(light.shape)).astype(np.float32)
        fits.writeto(tmp_path / "tiles" / f"{name}.fits", image)
    psf = np.exp(-(np.hypot(*np.mgrid[-12:13, -12:13]) ** 2) / 5)
    fits.writeto(tmp_path / "psf.fits", psf)
    rows = Table(
        {"id": [2**60 + 1, 2**60 + 2], "tile": ["one", "two"], "x": [40.0, 45.0],
         "y": [40.0, 45.0]}
    )  # fmt: skip
    rows.write(tmp_path / "galaxies.ecsv")
    path = config(
        'output = "out"\n[tiles]\npath = "tiles"\npsf = "psf.fits"\n'
        '[catalog]\npath = "galaxies.ecsv"\n[run]\nscheduler = "serial"\n'
    )
    assert main(["catalog", str(path), "--fits", str(tmp_path / "all.fits")]) == 0
    table = Table.read(tmp_path / "all.fits")
    assert table["id"].tolist() == rows["id"].tolist()
    np.testing.assert_allclose(table["x_fit"], rows["x"], atol=0.2)
    # Once more: nothing is left to do.
    assert main(["catalog", str(path)]) == 0
