# Licensed under a 3-clause BSD style license - see LICENSE
"""The search, its memory and its errors, with trials that cost nothing."""

import json
import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from astro_cnnfit.tuning import (
    RESULT_COLUMNS,
    BayesianHyperparameterSearch,
    Choice,
    Integer,
    Real,
    TuningData,
    read_results,
    read_space,
    records,
)

GALAXIES = np.zeros((4, 12, 12), np.float32), np.arange(4.0)
DATA = TuningData(GALAXIES, GALAXIES)
OTHERS = TuningData((GALAXIES[0] + 1, GALAXIES[1]), GALAXIES)
NARROW = {
    "pooling": "average",
    "convolutions": 1,
    "dense_layers": 1,
    "dense_units": 8,
    "batch_size": 4,
    "optimizer": "adam",
    "learning_rate": 0.001,
}
SPACE = read_space("casnet").replace(
    blocks=Integer(1, 3), filters=Choice(2, 4, 8), dropout=Real(0.0, 0.9), **NARROW
)


def score_of(values):
    """Least at 2 blocks of 4 filters without dropout."""
    return (
        1 + abs(values["blocks"] - 2) + abs(values["filters"] - 4) + values["dropout"]
    )


class FreeTrainer:
    """Stands in for the trainer: a score from the hyperparameters alone."""

    def __init__(self, directory, settings, data):
        self.directory, self.objective = directory, settings["objective"]

    def __call__(self, number, values):
        records.count_start(self.directory, number, values)
        record = {
            "trial": number, "hyperparameters": values, "reason": "",
            "parameters": 10, "mflop": 0.1, "seconds_per_galaxy": 1e-6,
            "best_execution": 0, "seconds": 2.0, **self.outcome(number, values),
        }  # fmt: skip
        records.write_record(self.directory, record)
        return record

    def outcome(self, number, values):
        score = score_of(values)
        metrics = dict.fromkeys(("mae", "rmse", "val_loss", "pearson_r"), score)
        run = {**metrics, "score": score, "epochs": 3, "best_epoch": 2, "seconds": 1.0}
        return {"status": "completed", "score": score, "executions": [run]}


def failed(status, reason):
    return {"status": status, "reason": reason, "score": None, "executions": []}


@pytest.fixture
def trainer(monkeypatch):
    """Put a trainer in the place of the one that trains."""

    def use(kind):
        monkeypatch.setattr("astro_cnnfit.tuning.trial.Trainer", kind)

    use(FreeTrainer)
    return use


def search_in(directory, space=SPACE, **changes):
    settings = {"max_trials": 6, "seed": 5, "epochs": 2, "initial_points": 3}
    return BayesianHyperparameterSearch(
        space, directory=directory, **{**settings, **changes}
    )


def points(table):
    return [(row["blocks"], row["filters"], row["dropout"]) for row in table]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A search that nothing disturbed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("astro_cnnfit.tuning.trial.Trainer", FreeTrainer)
        return search_in(tmp_path_factory.mktemp("whole") / "search").search(DATA)


def test_results_are_a_table(whole):
    names = list(SPACE.dimensions)
    columns = [name for name in RESULT_COLUMNS if name != "trial"]
    assert whole.colnames == ["trial", *names, *columns]
    assert_array_equal(whole["trial"], np.arange(6))
    assert set(whole["status"]) == {"completed"}
    assert_allclose(whole["score"], [score_of(row) for row in whole])
    assert np.isnan(whole["score_std"]).all()
    assert whole["seconds"].unit == "s"
    assert whole["score"].info.description
    meta = whole.meta
    assert meta["space"] == SPACE.as_dict()
    assert (meta["objective"], meta["direction"], meta["seed"]) == (
        "val_rmse",
        "min",
        5,
    )
    assert meta["data"] == DATA.fingerprint()
    assert {"keras-tuner", "astro_cnnfit"} <= set(meta["versions"])
    assert all({b, f} <= {1, 2, 3, 4, 8} for b, f, _ in points(whole))


def test_a_seed_repeats_the_sequence_and_both_methods_begin_alike(
    whole, trainer, tmp_path
):
    again = search_in(tmp_path / "again").search(DATA)
    assert points(again) == points(whole)
    at_random = search_in(tmp_path / "random", method="random").search(DATA)
    assert points(at_random)[:3] == points(whole)[:3]
    assert points(at_random)[3:] != points(whole)[3:]
    other = search_in(tmp_path / "other", seed=6, max_trials=3).search(DATA)
    assert points(other) != points(whole)[:3]


@pytest.mark.parametrize("moment", ["begun", "recorded"])
def test_a_search_goes_on_as_if_it_had_not_been_killed(
    moment, whole, trainer, tmp_path
):
    class Killed(FreeTrainer):
        def __call__(self, number, values):
            if number == 4 and moment == "begun":
                records.count_start(self.directory, number, values)
                raise KeyboardInterrupt
            record = super().__call__(number, values)
            if number == 4:
                raise KeyboardInterrupt
            return record

    trainer(Killed)
    with pytest.raises(KeyboardInterrupt):
        search_in(tmp_path).search(DATA)
    assert len(read_results(tmp_path)) == (4 if moment == "begun" else 5)
    # What a kill can leave behind does no harm.
    (tmp_path / "trials" / "0004.77.partial").write_text('{"trial')
    trainer(FreeTrainer)
    found = search_in(tmp_path).search(DATA)
    assert points(found) == points(whole)


def test_a_finished_search_runs_nothing_and_a_longer_one_goes_on(
    whole, trainer, tmp_path
):
    search_in(tmp_path, max_trials=4).search(DATA)

    class Never(FreeTrainer):
        def outcome(self, number, values):
            raise AssertionError

    trainer(Never)
    search_in(tmp_path, max_trials=4).search(DATA)
    assert len(search_in(tmp_path, seed=None, max_trials=3).search(DATA)) == 4
    trainer(FreeTrainer)
    assert points(search_in(tmp_path).search(DATA)) == points(whole)


def test_without_a_seed_one_is_drawn_and_kept(trainer, tmp_path):
    first = search_in(tmp_path, seed=None, max_trials=1).search(DATA)
    second = search_in(tmp_path, seed=None, max_trials=2).search(DATA)
    assert first.meta["seed"] == second.meta["seed"]
    assert points(second)[:1] == points(first)


@pytest.mark.parametrize(
    ("changes", "data", "message"),
    [
        ({"seed": 6}, DATA, "another seed: 5 -> 6"),
        ({"objective": "val_mae"}, DATA, "another objective: 'val_rmse' -> 'val_mae'"),
        ({"max_mflop": 3}, DATA, "another max_mflop: None -> 3.0"),
        ({"method": "random"}, DATA, "another method"),
        ({}, OTHERS, r"another train set \(data\)"),
        (
            {"space": SPACE.replace(filters=Choice(2, 4))},
            DATA,
            r"another space \(filters\): .*\[2, 4, 8\].* -> .*\[2, 4\]",
        ),
        (
            {"space": SPACE.replace(architecture="casnet_c")},
            DATA,
            r"space \(architecture\): 'casnet_a' -> 'casnet_c'",
        ),
    ],
)
def test_another_search_does_not_resume(changes, data, message, trainer, tmp_path):
    search_in(tmp_path, max_trials=1).search(DATA)
    before = sorted(tmp_path.rglob("*.json"))
    with pytest.raises(ValueError, match=message):
        search_in(tmp_path, **changes).search(data)
    assert sorted(tmp_path.rglob("*.json")) == before


def test_directories_of_something_else(trainer, tmp_path):
    (tmp_path / "thesis.tex").write_text("")
    with pytest.raises(ValueError, match=r"empty or that of a search.*'thesis\.tex'"):
        search_in(tmp_path).search(DATA)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]
    with pytest.raises(ValueError, match="must be a folder"):
        search_in(tmp_path / "thesis.tex").search(DATA)
    with pytest.raises(ValueError, match="must be that of a search"):
        read_results(tmp_path)
    (tmp_path / "search.json").write_text("{")
    with pytest.raises(ValueError, match=r"damaged file: .*search\.json"):
        read_results(tmp_path)


def test_a_directory_is_for_one_search_at_a_time(trainer, tmp_path):
    class Twice(FreeTrainer):
        def __call__(self, number, values):
            with pytest.raises(ValueError, match="in use by another search"):
                search_in(tmp_path).search(DATA)
            return super().__call__(number, values)

    pytest.importorskip("fcntl", reason="files are not locked here")
    trainer(Twice)
    assert len(search_in(tmp_path, max_trials=1).search(DATA)) == 1


def test_failed_and_refused_trials_do_not_end_a_search(trainer, tmp_path):
    class Sometimes(FreeTrainer):
        def outcome(self, number, values):
            if values["blocks"] == 3:
                return failed("refused", "9 parameters, above max_parameters=5")
            if number == 1:
                return failed("failed", "out of memory")
            return super().outcome(number, values)

    trainer(Sometimes)
    table = search_in(tmp_path, max_trials=6).search(DATA)
    status = table["status"]
    assert (table["blocks"][status == "refused"] == 3).all()
    # Those that were refused do not count.
    assert (status != "refused").sum() == 6
    assert (status == "failed").sum() == 1
    assert table["reason"][1] == "out of memory"
    assert np.isnan(table["score"][status != "completed"]).all()
    assert search_in(tmp_path).best_trial == np.nanargmin(table["score"])


def test_a_search_in_which_all_is_refused_ends(trainer, tmp_path):
    class Refuses(FreeTrainer):
        def outcome(self, number, values):
            return failed("refused", "9 parameters, above max_parameters=5")

    trainer(Refuses)
    search = search_in(tmp_path, max_trials=2)
    assert len(search.search(DATA)) == 20
    for call in (search.best_model, lambda: search.best_trial):
        with pytest.raises(ValueError, match=r"no trial .* completed: 9 parameters"):
            call()
    with pytest.raises(ValueError, match=r"no trial .* completed"):
        search.export(tmp_path / "model")


def test_no_point_is_tried_twice_and_an_exhausted_space_ends(trainer, tmp_path):
    space = SPACE.replace(blocks=Integer(1, 2), filters=Choice(2, 4, 8), dropout=0.5)
    table = search_in(tmp_path, space=space, max_trials=30).search(DATA)
    tried = points(table)
    assert 4 <= len(tried) == len(set(tried)) <= 6


def test_a_larger_score_can_be_better(trainer, tmp_path):
    search = search_in(tmp_path, objective="val_pearson_r", max_trials=5)
    table = search.search(DATA)
    assert table.meta["direction"] == "max"
    assert search.best_trial == np.argmax(table["score"])
    best = search.best_hyperparameters
    assert score_of(best) == table["score"].max()


def test_the_bayesian_search_learns(trainer, tmp_path):
    scores = {}
    for method in ("bayesian", "random"):
        tables = [
            search_in(
                tmp_path / f"{method}{seed}", method=method, seed=seed, max_trials=8
            ).search(DATA)
            for seed in range(2)
        ]
        scores[method] = np.mean([table["score"][3:].mean() for table in tables])
    assert scores["bayesian"] < scores["random"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"max_trials": 0}, "max_trials must be a whole number of 1 or more, got 0"),
        ({"max_trials": 2.5}, "max_trials must be a whole number"),
        ({"epochs": 0}, "epochs must be"),
        ({"executions_per_trial": 0}, "executions_per_trial must be"),
        ({"workers": 0}, "workers must be"),
        ({"seed": -1}, "seed must be a whole number of 0 or more"),
        ({"initial_points": 1}, "initial_points must be"),
        ({"max_latency": 0}, "max_latency must be positive"),
        ({"method": "grid"}, "method must be one of bayesian, random, got 'grid'"),
        (
            {"objective": "val_accuracy"},
            "objective must be one of val_mae, .* which the networks report",
        ),
        ({"space": "vgg"}, "space must be one of"),
        (
            {
                "space": read_space("casnet").replace(
                    **dict.fromkeys(SPACE.searched), **NARROW
                )
            },
            "must have a dimension with more than one value",
        ),
    ],
)
def test_bad_calls(changes, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        search_in(tmp_path, **changes)


def test_bad_data(tmp_path):
    with pytest.raises(ValueError, match=r"data must be TuningData.* got tuple"):
        search_in(tmp_path).search((GALAXIES, GALAXIES))
    wide = GALAXIES[0], np.zeros((4, 7))
    with pytest.raises(ValueError, match="truth of the data"):
        search_in(tmp_path).search(TuningData(wide, wide))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("missing", ["keras_tuner", "sklearn", "tensorboard"])
def test_what_is_not_installed_is_named(missing, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ImportError, match=r"pip install 'astro_cnnfit\[tune\]'"):
        search_in(tmp_path).search(DATA)
    assert not list(tmp_path.iterdir())


def test_nothing_is_printed(trainer, tmp_path, capfd):
    search_in(tmp_path / "quiet", max_trials=4).search(DATA)
    captured = capfd.readouterr()
    assert captured.out == ""
    assert "trial" not in captured.err
    other = {"method": "random", "progress_bar": True}
    search_in(tmp_path / "other", max_trials=2, **other).search(DATA)
    captured = capfd.readouterr()
    assert captured.out == ""
    assert "2/2" in captured.err
    assert "val_rmse=" in captured.err


def test_the_settings_are_plain_text(whole):
    assert json.loads(json.dumps(whole.meta)) == whole.meta
