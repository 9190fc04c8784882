# Licensed under a 3-clause BSD style license - see LICENSE
"""Real trials on tiny stamps: cost, training, weights, kills and workers."""

import inspect
import os
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest
from numpy.testing import assert_allclose

from astro_cnnfit.networks import build
from astro_cnnfit.tuning import (
    BayesianHyperparameterSearch,
    Choice,
    Fixed,
    Integer,
    TuningData,
    read_results,
    read_space,
    records,
)
from astro_cnnfit.tuning.points import point
from astro_cnnfit.weights import load_network
from astro_cnnfit.weights.files import numpy_values

SIZE = 12
SPACE = read_space("casnet").replace(
    blocks=1,
    convolutions=1,
    pooling="average",
    filters=Choice(2, 4),
    dense_layers=1,
    dense_units=Choice(4, 8),
    optimizer="adam",
    learning_rate=0.01,
    batch_size=16,
)


def galaxies(n, seed):
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:12, :12] - 5.5
    width = rng.uniform(1, 4, n)
    stamps = np.exp(-(x**2 + y**2) / 2 / width[:, None, None] ** 2)
    return stamps.astype("f4"), width / 4


DATA = TuningData(galaxies(32, 0), galaxies(16, 1))


def search_in(directory, space=SPACE, **changes):
    settings = {"max_trials": 2, "seed": 3, "epochs": 1, "method": "random"}
    return BayesianHyperparameterSearch(
        space, directory=directory, **{**settings, **changes}
    )


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    """Two trials of two trainings each, and those that a limit refused."""
    search = search_in(
        tmp_path_factory.mktemp("searched") / "search",
        SPACE.replace(filters=Choice(2, 4, 64), dropout=0.0),
        executions_per_trial=2,
        max_parameters=2000,
        seed=8,
    )
    search.search(DATA)
    return search


def test_what_a_trial_measures(searched):
    table = searched.results
    done = table[table["status"] == "completed"]
    assert len(done) == 2
    assert_allclose(done["score"], done["rmse"])
    assert (done["mae"] <= done["rmse"]).all()
    assert (done["score_std"] > 0).all()
    assert (done["epochs"] == 2).all()
    assert (done["seconds"] > 0).all()
    # Loss and score are one here but for the constant under the root.
    assert_allclose(done["val_loss"], done["rmse"], rtol=1e-3)
    for row in table:
        values = {name: row[name].item() for name in searched.space.dimensions}
        model = build("casnet_a", **point("casnet_a", values).arguments, size=SIZE)
        assert row["parameters"] == model.count_params()
        filters, units = values["filters"], values["dense_units"]
        operations = 9 * filters * 100 + 25 * filters * units + units
        assert_allclose(row["mflop"], 2e-6 * operations)
        assert 0 < row["seconds_per_galaxy"].value < 1


def test_what_a_limit_refuses_is_not_trained(searched):
    table = searched.results
    refused = table[table["parameters"] > 2000]
    assert len(refused)
    assert set(refused["status"]) == {"refused"}
    assert (refused["epochs"] == 0).all()
    assert refused["reason"][0].endswith("parameters, above max_parameters=2000")
    assert (table["status"][table["parameters"] <= 2000] == "completed").all()


def test_the_best_network_comes_back(searched):
    model = searched.best_model()
    table = searched.results
    best = int(np.nanargmin(table["score"]))
    assert searched.best_trial == table["trial"][best]
    # Of the trainings of the best trial it is the better one.
    record = records.read_records(searched.directory)[best]
    lowest = min(run["rmse"] for run in record["executions"])
    stamps, width = galaxies(16, 1)
    error = np.asarray(model.predict_on_batch(stamps))[:, 0] - width
    assert_allclose(np.sqrt(np.mean(error**2)), lowest, rtol=1e-4)
    kept = list((searched.directory / "weights").iterdir())
    assert [path.name for path in kept] == [f"{searched.best_trial:04d}.safetensors"]


def test_an_export_is_a_model_like_the_bundled_ones(searched, tmp_path):
    path = searched.export(tmp_path / "mine", command="astro-cnnfit tune ...")
    network = load_network(path)
    assert (network.name, network.stamp_size) == ("mine", SIZE)
    stamps, width = galaxies(16, 1)
    mean, covariance = network.predict(stamps)
    expected = searched.best_model().predict_on_batch(stamps)
    assert_allclose(mean, np.asarray(expected), atol=2e-3)
    assert (covariance > 0).all()
    description = network.description
    low, high = network.trained_ranges["asymmetry"]
    assert 0.2 < low < high < 1.01
    metrics = description["metrics"]["asymmetry"]
    assert_allclose(metrics["MAE"], np.abs(mean[:, 0] - width).mean(), rtol=1e-2)
    training = description["training"]
    assert training["search"]["space"] == searched.space.as_dict()
    assert training["hyperparameters"] == searched.best_hyperparameters
    assert training["command"] == "astro-cnnfit tune ..."
    # A search that is only read needs the data, and those it was made with.
    again = search_in(searched.directory, searched.space)
    with pytest.raises(ValueError, match="data must be given to export"):
        again.export(tmp_path / "other")
    with pytest.raises(ValueError, match="must be those of the search"):
        again.export(
            tmp_path / "other", data=TuningData(galaxies(8, 5), galaxies(4, 6))
        )
    same = load_network(again.export(tmp_path / "other", data=DATA, name="mine"))
    assert same.sha256 == network.sha256


def test_trials_that_diverge_or_want_too_much_memory(tmp_path, monkeypatch):
    from astro_cnnfit.tuning import trial

    calls = []

    def train(model, *args, after_epoch, **kwargs):
        calls.append(kwargs["seed"])
        if len(calls) == 1:
            raise MemoryError("Unable to allocate 12. GiB\nat some place")
        if len(calls) == 2:
            after_epoch(1, float("nan"), float("nan"))
        return {"loss": [1.0], "val_loss": [1.0], "best_epoch": 1, "seconds": 0.0}

    monkeypatch.setattr(trial, "train_epochs", train)
    table = search_in(tmp_path, max_trials=3).search(DATA)
    assert list(table["status"]) == ["failed", "failed", "completed"]
    reasons = list(table["reason"])
    assert reasons[0] == "out of memory (MemoryError: Unable to allocate 12. GiB)"
    assert reasons[1] == "training diverged in epoch 1: loss nan, validation nan"
    assert len(set(calls)) == 3
    assert table["parameters"][0] > 0


def test_a_real_divergence_is_found(tmp_path):
    space = SPACE.replace(optimizer="sgd", learning_rate=1e30, dropout=0.0)
    table = search_in(tmp_path, space, max_trials=1, epochs=3).search(DATA)
    assert table["status"][0] == "failed"
    assert table["reason"][0].startswith("training diverged in epoch")


def test_stamps_too_small_for_a_network(tmp_path):
    space = SPACE.replace(blocks=Choice(3, 4), filters=2, dense_units=4)
    table = search_in(tmp_path, space, max_trials=1).search(DATA)
    assert set(table["status"]) == {"refused"}
    assert (table["parameters"] == 0).all()
    assert "size is too small for" in table["reason"][0]


def test_a_trial_that_ends_its_process_is_given_up(tmp_path):
    search_in(tmp_path, max_trials=1).search(DATA)
    record = records.read_records(tmp_path)[0]
    (tmp_path / "trials" / "0000.json").unlink()
    for _ in range(3):
        records.count_start(tmp_path, 0, record["hyperparameters"])
    table = search_in(tmp_path, max_trials=1).search(DATA)
    assert table["status"][0] == "failed"
    assert table["reason"][0] == "ended its process 3 times, as for want of memory"


def test_sersic_networks_are_searched_as_well(tmp_path):
    rng = np.random.default_rng(2)

    def some(n):
        truth = np.stack([rng.uniform(0.3, 0.7, n) for _ in range(7)], axis=1)
        truth[:, 2:5] += [300.0, 3.0, 1.0]
        stamps = rng.normal(size=(n, 21, 21)) + 5
        psfs = np.exp(-(np.mgrid[-5:6, -5:6] ** 2).sum(axis=0) / 4.0)
        psfs = np.tile(psfs / psfs.sum(), (n, 1, 1))
        return [stamps.astype("f4"), psfs.astype("f4")], truth

    small = {"filters_1": 2, "filters_2": 2, "filters_3": 4, "psf_filters": 2}
    space = read_space("sersic").replace(
        **small, psf_units=4, blocks=1, dense_layers=Integer(1, 2), dense_units=8,
        head="diagonal", optimizer="adam", schedule="cosine", batch_size=16,
    )  # fmt: skip
    data = TuningData(some(32), some(48))
    search = search_in(tmp_path / "search", space, max_trials=1)
    table = search.search(data)
    assert list(table["status"]) == ["completed"], table["reason"]
    network = load_network(search.export(tmp_path / "mine"))
    assert (network.stamp_size, network.psf_size) == (21, 11)
    inputs, truth = data.validation
    latent, covariance = network.predict(*inputs)
    assert latent.shape == truth.shape
    assert set(network.trained_ranges) == {"r_eff", "n", "ellip", "psf_fwhm", "snr"}
    correlated = covariance - np.einsum("ijj->ij", covariance)[:, :, None] * np.eye(7)
    assert_allclose(correlated, 0, atol=1e-10)


def test_a_killed_process_loses_the_running_trial_alone(tmp_path):
    code = """
        import sys, time
        import numpy as np
        from astro_cnnfit.tuning import *
        from astro_cnnfit.tuning import trial

        train, calls = trial.train_epochs, []

        def train_once(*args, **kwargs):
            calls.append(1)
            if len(calls) > 1:
                time.sleep(600)
            return train(*args, **kwargs)

        trial.train_epochs = train_once
        BayesianHyperparameterSearch(
            SearchSpace.from_dict({space!r}),
            directory=sys.argv[1], max_trials=2, seed=3, epochs=1, method="random",
        ).search(TuningData(galaxies(32, 0), galaxies(16, 1)))
    """
    code = textwrap.dedent(code).format(space=SPACE.as_dict())
    code = f"{inspect.getsource(galaxies)}\n{code}"
    folder = tmp_path / "killed"
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    process = subprocess.Popen([sys.executable, "-c", code, folder], env=environment)
    second = folder / "started" / "0001.json"
    deadline = time.monotonic() + 600
    while not second.is_file() and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait()
    first = (folder / "trials" / "0000.json").read_text()
    assert len(read_results(folder)) == 1
    table = search_in(folder).search(DATA)
    assert (folder / "trials" / "0000.json").read_text() == first
    undisturbed = search_in(tmp_path / "whole").search(DATA)
    for name in (*SPACE.dimensions, "status"):
        assert list(table[name]) == list(undisturbed[name])
    assert_allclose(table["rmse"], undisturbed["rmse"], rtol=1e-4)


def test_two_workers_share_a_search(tmp_path):
    search = search_in(tmp_path, max_trials=3, workers=2, method="bayesian")
    table = search.search(DATA)
    assert list(table["trial"]) == [0, 1, 2]
    assert set(table["status"]) == {"completed"}, table["reason"]
    assert len({tuple(row[name] for name in SPACE.searched) for row in table}) == 3
    for row in table:
        assert row["filters"] in SPACE.dimensions["filters"]
        assert row["dropout"] in SPACE.dimensions["dropout"]
    assert not (tmp_path / "data").exists()
    assert len(list((tmp_path / "weights").iterdir())) == 1
    search.best_model()
    # One worker goes on with what two began.
    assert len(search_in(tmp_path, max_trials=4, method="bayesian").search(DATA)) == 4


def test_workers_that_cannot_work_say_why(tmp_path, monkeypatch):
    from astro_cnnfit.tuning import workers

    monkeypatch.setattr(workers.sys, "executable", "/bin/false")
    with pytest.raises(
        RuntimeError, match=r"chief of the search cannot work: no message"
    ):
        search_in(tmp_path, workers=2).search(DATA)


def test_hypermodels_are_for_any_tuner():
    from astro_cnnfit.tuning.hypermodel import NetworkHyperModel, hyperparameters

    hp = hyperparameters(SPACE)
    assert set(hp.values) == set(SPACE.dimensions)
    hp.values |= {"filters": 4, "dense_units": 8}
    model = NetworkHyperModel(SPACE, (SIZE,)).build(hp)
    assert model.optimizer is not None
    assert numpy_values(model.weights)[0].shape == (3, 3, 1, 4)


@pytest.mark.parametrize("name", ["casnet_a", "casnet_c", "sersic"])
def test_corners_of_a_space_can_be_built(name):
    space = read_space("sersic" if name == "sersic" else "casnet", architecture=name)
    sizes = {"size": 21, "psf_size": 11} if name == "sersic" else {"size": 36}
    heavy = {"filters": 8, "dense_units": 128}
    for end in (0, -1):
        values = {key: _ends(d)[end] for key, d in space.dimensions.items()}
        values |= {key: value for key, value in heavy.items() if key in values}
        model = build(name, **point(name, values).arguments, **sizes)
        assert model.output_shape == (None, 35 if name == "sersic" else 1)


def _ends(dimension):
    if isinstance(dimension, Choice):
        return dimension.values
    if isinstance(dimension, Fixed):
        return (dimension.value,)
    return dimension.minimum, dimension.maximum
