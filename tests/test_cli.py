# Licensed under a 3-clause BSD style license - see LICENSE
"""Tests of the command line, with stand-ins for the trained networks."""

import subprocess
import sys

import astropy.units as u
import numpy as np
import pytest
from astropy.io import fits
from astropy.table import QTable, Table

from astro_cnnfit.cli import demo, files, main, report
from astro_cnnfit.datasets import load_field
from astro_cnnfit.psf import gaussian

RNG = np.random.default_rng(4)
Y, X = np.mgrid[:81, :81] - 40.0
IMAGE = 500 * np.exp(-np.hypot(X, Y) / 4) + RNG.normal(0, 1, X.shape)
HAS_MATPLOTLIB = pytest.mark.skipif(
    not __import__("importlib.util").util.find_spec("matplotlib"),
    reason="needs matplotlib",
)


@pytest.fixture
def folder(tmp_path, bundled, monkeypatch):
    """A folder with an image and its PSF, which is the working directory."""
    fits.writeto(tmp_path / "image.fits", IMAGE.astype(np.float32))
    fits.writeto(tmp_path / "psf.fits", gaussian(3.0)[0])
    monkeypatch.chdir(tmp_path)
    return tmp_path


def measure(*arguments):
    return main(["measure", "image.fits", "--psf", "psf.fits", *arguments])


@pytest.mark.parametrize("name", ["table.ecsv", "table.fits", "table.parquet"])
def test_measure_writes_a_table(folder, capsys, name):
    assert measure("-o", name, "--pixel-scale", "0.2", "--zeropoint", "25") == 0
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow")
        table = files.read_table(folder / name, "--catalog")
    else:
        table = QTable.read(folder / name)
        assert table["r_eff_sky_fit"].unit == u.arcsec
        assert table["theta_fit"].unit == u.deg
    assert len(table) == 1
    assert abs(table["x_fit"][0] - 40) < 0.5
    assert np.isfinite(table["reduced_chi2"][0])
    printed = capsys.readouterr().out
    assert "r_eff" in printed
    assert "+/-" in printed
    assert "arcsec" in printed
    assert name in printed
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        ["image.fits", "psf.fits", name]
    )


def test_measure_replaces_an_old_table(folder):
    (folder / "table.ecsv").write_text("old")
    assert measure("-o", "table.ecsv") == 0
    assert len(QTable.read(folder / "table.ecsv")) == 1


@pytest.mark.parametrize("suffix", [".ecsv", ".fits", ".csv", ".txt", ".parquet"])
def test_measure_with_a_catalog(folder, suffix):
    catalog = Table({"id": [4, 5], "x": [40.0, 20.0], "y": [40.0, 60.0]})
    if suffix == ".parquet":
        pytest.importorskip("pyarrow")
        files.write_table(catalog, "catalog.parquet")
    elif suffix == ".txt":
        catalog.write("catalog.txt", format="ascii")
    else:
        catalog.write("catalog" + suffix)
    assert measure("-o", "table.ecsv", "--catalog", "catalog" + suffix) == 0
    assert list(QTable.read("table.ecsv")["id"]) == [4, 5]


def test_measure_with_mask_and_error(folder):
    mask = np.zeros(IMAGE.shape, np.uint8)
    mask[35, 10:12] = 3
    fits.writeto("mask.fits", mask)
    fits.writeto("error.fits", np.full(IMAGE.shape, 2.0))
    assert measure("-o", "t.ecsv", "--mask", "mask.fits", "--error", "error.fits") == 0
    table = QTable.read("t.ecsv")
    assert table.meta["error_given"] is True
    assert table["n_pixels_fit"][0] == 61**2 - 2


@pytest.mark.parametrize(
    ("options", "expected"), [((), True), (("ml",), True), (("map",), "map")]
)
def test_measure_refines(folder, options, expected):
    assert measure("-o", "t.ecsv", "--refine", *options) == 0
    assert QTable.read("t.ecsv").meta["refine"] == expected


def test_measure_takes_unit_and_wcs_from_the_header(folder):
    data, psf, _ = load_field()
    header = data.wcs.to_header()
    header["BUNIT"] = "nJy"
    fits.writeto("field.fits", data.data, header)
    fits.writeto("field_psf.fits", psf)
    Table({"x": [98.0], "y": [31.0]}).write("catalog.ecsv")
    arguments = ["field.fits", "--psf", "field_psf.fits", "--catalog", "catalog.ecsv"]
    assert main(["measure", *arguments, "-o", "table.ecsv"]) == 0
    table = QTable.read("table.ecsv")
    assert table["flux_fit"].unit == u.nJy
    assert {"pa_fit", "sky_fit", "r_eff_sky_fit"} <= set(table.colnames)


def test_measure_a_stack_and_a_model_without_psf(folder):
    fits.writeto("stack.fits", np.stack([IMAGE, IMAGE]))
    arguments = ["measure", "stack.fits", "--model", "galnet1", "-o", "table.ecsv"]
    assert main(arguments) == 0
    assert len(QTable.read("table.ecsv")) == 2


@HAS_MATPLOTLIB
@pytest.mark.parametrize("name", ["figure.png", "figure.pdf"])
def test_measure_draws_a_figure(folder, name):
    assert measure("-o", "table.ecsv", "--figure", name) == 0
    assert (folder / name).stat().st_size > 5000


def test_bad_galaxies_are_warned_of_in_one_line(folder, capsys):
    Table({"x": [40.0, -300.0], "y": [40.0, 0.0]}).write("catalog.ecsv")
    assert measure("-o", "table.ecsv", "--catalog", "catalog.ecsv") == 0
    error = capsys.readouterr().err
    assert error.startswith("astro-cnnfit warning: 1 of 2 galaxies could not")
    assert error.count("\n") == 1


def test_missing_psf_is_named(folder, capsys):
    assert main(["measure", "image.fits", "-o", "table.ecsv"]) == 2
    assert "psf must be given" in capsys.readouterr().err
    assert not (folder / "table.ecsv").exists()


@pytest.mark.parametrize("line", [[], ["measure"], ["fly"], ["measure", "--figur"]])
def test_usage_errors_end_with_status_2(line, capsys):
    with pytest.raises(SystemExit) as raised:
        main(line)
    assert raised.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_interrupted_writing_leaves_nothing(tmp_path, monkeypatch):
    path = tmp_path / "table.ecsv"
    path.write_text("old")

    def write_half():
        with files.whole(path) as partial:
            partial.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_half()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_debug_shows_the_traceback(folder, caplog):
    assert main(["measure", "absent.fits", "-o", "table.ecsv", "--debug"]) == 2
    assert "Traceback" in caplog.text


def test_help_and_version_load_no_keras():
    code = (
        "import sys; from astro_cnnfit.cli import main\n"
        "try: main(['measure', '--help'])\n"
        "except SystemExit: pass\n"
        "sys.exit(any(name in sys.modules for name in ('keras', 'tensorflow')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "--pixel-scale" in done.stdout


@pytest.mark.parametrize(
    "command", ["measure", "morphology", "demo", "simulate", "train", "evaluate"]
)
def test_every_command_explains_itself(command, capsys):
    with pytest.raises(SystemExit) as raised:
        main([command, "--help"])
    assert raised.value.code == 0
    assert "--output" in (out := capsys.readouterr().out) or command == "evaluate"
    assert f"astro-cnnfit {command}" in out


@HAS_MATPLOTLIB
def test_demo(folder, capsys):
    assert main(["demo"]) == 0
    printed = capsys.readouterr().out
    assert printed.count("truth") >= 16
    assert (folder / "astro_cnnfit_demo" / "field.png").is_file()
    has_statmorph = demo.find_galaxy() is not None
    galaxy = folder / "astro_cnnfit_demo" / "galaxy.png"
    assert galaxy.is_file() == has_statmorph
    assert ("A real galaxy" in printed) == has_statmorph


@HAS_MATPLOTLIB
def test_demo_without_statmorph(folder, capsys, monkeypatch):
    monkeypatch.setattr(demo, "find_spec", lambda name: name != "statmorph" or None)
    assert main(["demo", "-o", "figures"]) == 0
    assert "statmorph, which is not installed" in capsys.readouterr().out
    assert [path.name for path in (folder / "figures").iterdir()] == ["field.png"]


def test_demo_without_matplotlib(folder, capsys, monkeypatch):
    """Both tables, no figure and no folder, and a line that says why."""
    monkeypatch.setattr(demo, "find_spec", lambda name: None)
    assert main(["demo", "-o", "figures"]) == 0
    printed = capsys.readouterr().out
    assert "matplotlib is not installed; the extra 'plot'" in printed
    assert printed.count("truth") >= 16
    assert not (folder / "figures").exists()


def test_demo_in_no_folder(folder, capsys):
    assert main(["demo", "-o", "absent/figures"]) == 2
    assert "--output must be a folder" in capsys.readouterr().err


def test_simulate_then_evaluate(folder, capsys):
    assert main(["simulate", "-o", "set.fits", "-n", "8", "--seed", "3"]) == 0
    with fits.open("set.fits") as hdus:
        assert hdus["STAMPS"].shape == (8, 61, 61)
    capsys.readouterr()
    assert main(["evaluate", "--data", "set.fits"]) == 0
    printed = capsys.readouterr().out
    assert "GaLNet-2 (published)" in printed
    assert "NMAD" in printed


@HAS_MATPLOTLIB
def test_evaluate_draws_a_figure(folder):
    assert main(["simulate", "-o", "set.fits", "-n", "8", "--seed", "3"]) == 0
    assert main(["evaluate", "--data", "set.fits", "--figure", "both.png"]) == 0
    assert (folder / "both.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (["simulate", "-o", "absent/set.fits"], "--output must be in a folder"),
        (["simulate", "-o", "set.xyz"], "--output must end on .fits"),
        (["simulate", "-o", "set.fits", "-n", "0"], "--number must be positive"),
        (["simulate", "-o", "set.fits", "--prior", "flat"], "prior must be one of"),
        (["simulate", "-o", "set.fits", "--real-sky", "2"], "--real-sky must be"),
        (["train", "resnet", "-o", "run"], "MODEL must be one of"),
        (["train", "sersic", "-o", "run", "--config", "absent.toml"], "config must be"),
        (["train", "sersic", "-o", "run", "--samples", "-5"], "samples must be"),
        (["evaluate", "--data", "absent.fits"], "--data absent.fits: no such file"),
        (["evaluate", "--data", "image.fits"], "--data image.fits: not a data set"),
        (["evaluate", "resnet"], "model must be"),
        (["evaluate", "-n", "0"], "--number must be positive"),
        (["evaluate", "--figure", "absent/f.png"], "--figure must be in a folder"),
    ],
)
def test_bad_lines_of_the_other_commands(folder, capsys, line, message):
    before = sorted(folder.iterdir())
    assert main(line) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    assert message in captured.err
    assert sorted(folder.iterdir()) == before


def test_train_hands_over(folder, monkeypatch, capsys):
    def train(config, output, *, data, progress_bar, command):
        assert data is None
        calls.append((config.architecture, config.samples, output.name, command))
        return output

    calls = []
    monkeypatch.setattr("astro_cnnfit.training.train", train)
    line = ["train", "galnet1", "--samples", "128", "-o", "mine"]
    monkeypatch.setattr(sys, "argv", ["astro-cnnfit", *line])
    assert main(line) == 0
    command = "astro-cnnfit train galnet1 --samples 128 -o mine"
    assert calls == [("galnet1", 128, "mine", command)]
    assert "Trained 'galnet1'" in capsys.readouterr().out


def test_values_are_rounded_to_their_errors():
    table = QTable(
        {
            "id": [1, 2],
            "r_eff_fit": [12.34567, np.nan],
            "r_eff_err": [0.0456, np.nan],
            "flux_fit": [123456.0, 2.0] * u.nJy,
            "flux_err": [1234.0, np.nan] * u.nJy,
            "flags": [0, 1],
        }
    )
    lines = report.readable(table)
    assert list(lines["r_eff"]) == ["12.346 +/- 0.046", "-"]
    assert list(lines["flux"]) == ["123456 +/- 1234", "2"]
    assert lines["flux"].unit == u.nJy
    assert list(lines["flags"]) == ["-", "no_data"]


def test_measure_finds_objects(folder, capsys):
    """All objects of the image are found and measured, with neighbours subtracted."""
    assert measure("-o", "table.ecsv", "--find", "--iterations", "2") == 0
    table = QTable.read(folder / "table.ecsv")
    assert len(table) >= 1
    assert table.meta["iterations"] == 2


def test_measure_passes_are_a_positive_number(folder, capsys):
    """None at all is refused, not taken for the default."""
    assert measure("-o", "table.ecsv", "--iterations", "0") != 0
    assert "iterations must be a positive integer" in capsys.readouterr().err


def test_measure_finds_or_is_told(folder, capsys):
    """A catalogue beside --find is refused."""
    QTable({"x": [30.0], "y": [30.0]}).write(folder / "positions.ecsv")
    options = ("--find", "--catalog", "positions.ecsv")
    assert measure("-o", "table.ecsv", *options) != 0
    assert "--find must not be given with --catalog" in capsys.readouterr().err
