# Licensed under a 3-clause BSD style license - see LICENSE
"""Tests of ``astro-cnnfit tune``, with a stand-in for the search."""

import json
import sys

import numpy as np
import pytest

from astro_cnnfit import tuning
from astro_cnnfit.cli import main, tune, tune_data
from astro_cnnfit.json_files import write_json
from astro_cnnfit.tuning.records import SETTINGS, write_record

SIMULATED = {"number": 10, "library": None, "processes": 1, "prior": "table1"}


class Search:
    """Stands in for a search: every trial is as good as its number."""

    made = []

    def __init__(self, space, *, directory, **settings):
        self.space, self.directory, self.settings = space, directory, settings
        self.stop = False
        Search.made.append(self)

    def search(self, data):
        self.data = data
        if self.settings["seed"] == 666:
            raise KeyboardInterrupt
        settings = {"space": self.space.as_dict(), **self.settings}
        write_json(self.directory / SETTINGS, settings)
        for trial in range(self.settings["max_trials"]):
            write_record(self.directory, self.record(trial))

    def record(self, trial):
        values = {
            name: dimension.get("value", dimension.get("minimum"))
            or dimension["values"][trial % len(dimension["values"])]
            for name, dimension in self.space.as_dict()["dimensions"].items()
        }
        score = 0.1 + 0.01 * trial
        names = ("mae", "rmse", "pearson_r", "val_loss", "score")
        run = {**dict.fromkeys(names, score), "epochs": 3}
        return {
            **{"trial": trial, "hyperparameters": values, "executions": [run]},
            **{"status": "completed", "reason": "", "score": score},
            **{"parameters": 100 - trial, "mflop": 1.0, "seconds_per_galaxy": 1e-5},
            "seconds": 2.0,
        }

    def export(self, path, *, command):
        (self.directory / "exported").write_text(f"{command} > {path}")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The working directory, with a small data set in it."""
    Search.made = []
    monkeypatch.setattr(tuning, "BayesianHyperparameterSearch", Search, raising=False)
    monkeypatch.setattr(tune, "load_keras", lambda debug: None)
    monkeypatch.chdir(tmp_path)
    np.savez("own.npz", **arrays())
    return tmp_path


def arrays(number=12, *, size=8, psfs=False):
    rng = np.random.default_rng(0)
    found = {}
    for prefix in ("", "validation_"):
        shape = number, size, size
        found[f"{prefix}stamps"] = rng.normal(size=shape).astype(np.float32)
        found[f"{prefix}truth"] = rng.normal(size=number)
        if psfs:
            found[f"{prefix}psfs"] = rng.uniform(size=(number, 5, 5))
            found[f"{prefix}truth"] = rng.normal(size=(number, 7))
    return found


def run(*arguments, space="casnet_a", data=("--data", "own.npz")):
    return main(["tune", space, "-o", "search", *data, *arguments])


def test_searches_reports_and_exports(folder, capsys):
    assert run("--trials", "3", "--export", "model") == 0
    printed = capsys.readouterr().out
    assert "3 trials: 3 completed" in printed
    assert "Optimum: trial 0 with val_rmse = 0.1" in printed
    assert "Best network: model" in printed
    search = Search.made[0]
    assert search.space.architecture == search.space.name == "casnet_a"
    assert search.settings["max_trials"] == 3
    assert search.settings["executions_per_trial"] == 1
    assert search.settings["progress_bar"] is True
    assert search.data.sizes == (8,)
    exported = (folder / "search" / "search" / "exported").read_text()
    assert exported.startswith("astro-cnnfit ")
    assert exported.endswith("> model")
    written = (folder / "search" / "report" / "report.txt").read_text()
    assert written.strip() in printed
    # The report alone, of the search as it is.
    assert main(["tune", "casnet_a", "-o", "search", "--report"]) == 0
    assert len(Search.made) == 1
    assert "3 trials" in capsys.readouterr().out


def test_document_for_programs(folder, capsys):
    assert run("--trials", "3", "--export", "model", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert [row["trial"] for row in document["trials"]["rows"]] == [0, 1, 2]
    assert document["export"] == "model"
    assert document["default"] is None


def test_a_real_search_goes_on_and_exports(tmp_path, monkeypatch, capsys):
    pytest.importorskip("keras_tuner")
    pytest.importorskip("sklearn")
    pytest.importorskip("tensorboard")
    from astro_cnnfit.weights import load_network

    monkeypatch.chdir(tmp_path)
    np.savez("own.npz", **arrays(40, size=40))
    changes = ["blocks=1", "convolutions=1", "filters=2,4", "dense_layers=1"]
    changes += ["dense_units=8,16", "optimizer=adam", "learning_rate=0.001"]
    options = [word for change in changes for word in ("--set", change)]
    options += ["--epochs", "1", "--seed", "3"]
    assert run(*options, "--trials", "1") == 0
    more = ["--trials", "2", "--repeat", "2", "--default", "1", "--export", "model"]
    assert run(*options, *more) == 0
    printed = capsys.readouterr().out
    assert "2 trials: 2 completed" in printed
    assert "Trained again 2 times" in printed
    assert "default network, trained in the same way (1 time)" in printed
    assert main(["tune", "casnet_a", "-o", "search", "--report"]) == 0
    assert "Trained again 2 times" in capsys.readouterr().out
    stamps = arrays(40, size=40)["stamps"]
    mean, _ = load_network("model").predict(stamps)
    assert np.isfinite(mean).all()
    # Another space is another search.
    assert run(*options, "--trials", "2", "--set", "filters=2,8") == 2
    assert "filters" in capsys.readouterr().err


def test_space_is_changed(folder):
    changes = ["filters=8,16", "dropout=0.1..0.4", "pooling=average", "blocks=1..2"]
    changes.append("learning_rate=1e-4..1e-2:log")
    options = [word for change in changes for word in ("--set", change)]
    assert run(*options, "--trials", "1", space="casnet_c") == 0
    found = Search.made[0].space.as_dict()
    assert found["architecture"] == "casnet_c"
    found = found["dimensions"]
    assert found["filters"] == {"values": [8, 16]}
    assert found["dropout"] == {"minimum": 0.1, "maximum": 0.4, "scale": "linear"}
    assert found["pooling"] == {"value": "average"}
    assert found["blocks"] == {"minimum": 1, "maximum": 2, "scale": "linear"}
    assert found["learning_rate"]["scale"] == "log"


def test_space_of_a_file(folder):
    (folder / "own.toml").write_text(
        'architecture = "casnet_a"\n[dimensions]\nblocks = { minimum = 1, maximum = 2 }'
    )
    assert run("--trials", "1", space="own.toml") == 0
    assert Search.made[0].space.name == "own"


def test_interrupted_search_says_how_to_go_on(folder, capsys):
    assert run("--seed", "666") == 130
    assert "the same command goes on" in capsys.readouterr().err


BAD_LINES = {
    "unknown space": (["casnet"], "SPACE must be casnet_a, casnet_c, sersic or"),
    "change of nothing": (["--set", "filters"], "--set must be NAME=VALUES, got"),
    "unknown dimension": (["--set", "depth=3"], "got depth"),
    "empty range": (["--set", "dropout=0.5..0.1"], "the minimum first"),
    "missing file": (["--data", "absent.npz"], "--data absent.npz: no such file"),
    "file of no arrays": (["--data", "text.npz"], "text.npz: not an NPZ file"),
    "single array": (["--data", "one.npy"], "one.npy: not an NPZ file"),
    "no validation": (["--data", "train.npz"], "leave out a tenth of your galaxies"),
    "no PSFs": (["sersic"], "there must be arrays psfs, got"),
    "too few galaxies": (["-n", "3"], "--number must be 10 galaxies or more"),
    "model that is there": (["--export", "full"], "--export must be a new or empty"),
    "report on nothing": (["--report"], "directory must be that of a search"),
}


@pytest.mark.parametrize("name", BAD_LINES)
def test_bad_line_ends_in_one_line_and_status_2(folder, capsys, name):
    (folder / "text.npz").write_text("text")
    np.save("one.npy", np.zeros(3))
    np.savez("train.npz", stamps=np.zeros((3, 8, 8)), truth=np.zeros(3))
    (folder / "full").mkdir()
    (folder / "full" / "model.json").write_text("{}")
    words, message = BAD_LINES[name]
    space = "casnet_a" if words[0].startswith("-") else words.pop(0)
    data = () if words[:1] == ["-n"] else ("--data", "own.npz")
    assert run(*words, space=space, data=data) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("astro-cnnfit tune: error: ")
    assert captured.err.count("\n") == 1
    assert message in captured.err


def test_own_data_with_psfs(folder):
    np.savez("psf.npz", **arrays(psfs=True))
    assert run("--data", "psf.npz", "--trials", "1", space="sersic") == 0
    assert Search.made[0].data.sizes == (8, 5)


def test_simulated_sersic_galaxies_are_kept(folder, monkeypatch):
    calls = []
    simulated = tune_data._simulated

    def counted(*arguments):
        calls.append(arguments)
        return simulated(*arguments)

    monkeypatch.setattr(tune_data, "_simulated", counted)
    first = tune_data.load_data("sersic", folder, **SIMULATED)
    again = tune_data.load_data("sersic", folder, **SIMULATED)
    assert first.fingerprint() == again.fingerprint()
    assert len(calls) == 2
    stamps, truth = first.train[0][0], first.train[1]
    assert stamps.shape == (10, 61, 61)
    assert len(first.validation[1]) == 2
    # Positions are those from the centre of the stamp.
    assert abs(truth[:, :2]).max() < 8


def test_stamps_of_casnet_are_those_of_training(folder, monkeypatch):
    from astro_cnnfit.morphology import casnet_data, library

    monkeypatch.setattr(library, "CHUNK", 12)
    monkeypatch.setattr(library, "_HELD_OUT_SHARE", 0)
    monkeypatch.setattr(casnet_data, "_CHUNK", 12)
    monkeypatch.delenv("ASTRO_CNNFIT_TEST_DATA", raising=False)
    made = []
    monkeypatch.setattr(library, "libraries", lambda *a, **k: made.append(a) or tiny())

    def tiny():
        shares = {"procedural": 1.0}
        return [library.draw_library(12, part, shares, 1) for part in library.PARTS[:2]]

    data = tune_data.load_data("casnet_a", folder / "stamps", **SIMULATED)
    assert made[0][0].galaxies == 10
    assert data.sizes == (60,)
    assert len(data.train[1]) >= 5
    assert list((folder / "stamps").glob("*.npz"))


def test_missing_keras_tuner_is_said_before_galaxies_are_simulated(
    folder, monkeypatch, capsys
):
    monkeypatch.setitem(sys.modules, "keras_tuner", None)
    monkeypatch.setattr(tune, "load_data", pytest.fail)
    assert main(["tune", "casnet_a", "-o", "out"]) == 2
    assert "pip install 'astro_cnnfit[tune]'" in capsys.readouterr().err
