# Licensed under a 3-clause BSD style license - see LICENSE
"""Reports and figures of a search, on made-up trials."""

from types import SimpleNamespace

import astropy.units as u
import numpy as np
import pytest
from astropy.table import MaskedColumn, QTable

from astro_cnnfit.json_files import write_json
from astro_cnnfit.tuning import importance
from astro_cnnfit.tuning.importance import hyperparameter_importance
from astro_cnnfit.tuning.ranking import (
    best_so_far,
    best_trials,
    column_values,
    hyperparameter_names,
    pareto_front,
)
from astro_cnnfit.tuning.records import SETTINGS, write_record
from astro_cnnfit.tuning.repetition import (
    DefaultNetwork,
    read_default,
    read_repetitions,
    repeat_training,
    train_default,
)
from astro_cnnfit.tuning.report import report_text, write_report
from astro_cnnfit.tuning.robustness import robustness
from astro_cnnfit.tuning.tables import best_table, front_table, optimum_table

RATES = [0.001, 0.005, 0.01, 0.05, 0.1]
MEASURED = ("mae", "rmse", "pearson_r", "val_loss", "score", "score_std")


def made_up(number=40, seed=0, *, noise=0.002, executions=2):
    """Trials of which the learning rate decides, and the blocks a little."""
    rng = np.random.default_rng(seed)
    table = QTable({"trial": np.arange(number)})
    table["blocks"] = rng.integers(1, 4, number)
    table["filters"] = 2 ** rng.integers(3, 9, number)
    table["dropout"] = rng.uniform(0.25, 0.6, number)
    table["optimizer"] = rng.choice(["adam", "sgd", "adamax"], number)
    table["learning_rate"] = rng.choice(RATES, number)
    true = 0.06 + 0.02 * np.log10(table["learning_rate"] / 0.001)
    true -= 0.004 * table["blocks"]
    runs = true[:, None] + noise * rng.standard_normal((number, executions))
    for name in ("rmse", "val_loss", "score"):
        table[name] = runs.mean(axis=1)
    table["mae"] = 0.7 * table["score"]
    table["pearson_r"] = 1 - table["score"]
    table["score_std"] = runs.std(axis=1, ddof=1) if executions > 1 else np.nan
    table["parameters"] = 1000 * table["filters"] ** 2
    table["mflop"] = 0.1 * table["filters"] ** 1.5 * table["blocks"]
    table["seconds_per_galaxy"] = 1e-5 * table["mflop"]
    table["epochs"] = rng.integers(5, 60, number)
    table["seconds"] = 10.0 * table["epochs"] * u.s
    table["status"] = np.array(["completed"] * number, dtype="U9")
    table["reason"] = np.array([""] * number, dtype="U40")
    table.meta = {
        "objective": "val_rmse",
        "executions_per_trial": executions,
        "space": {
            "dimensions": {
                "blocks": {"minimum": 1, "maximum": 3, "scale": "linear"},
                "filters": {"values": [8, 16, 32, 64, 128, 256]},
                "dropout": {"minimum": 0.25, "maximum": 0.6, "scale": "linear"},
                "optimizer": {"value": "adam"},
                "learning_rate": {"minimum": 1e-3, "maximum": 0.1, "scale": "log"},
            }
        },
    }
    return table


def end(table, row, status, reason):
    """Let a trial end without a score."""
    table["status"][row], table["reason"][row] = status, reason
    for name in MEASURED:
        table[name][row] = np.nan


@pytest.fixture
def results():
    table = made_up()
    end(table, 3, "failed", "the loss is not a number")
    end(table, 7, "refused", "mflop of 300 is above 100")
    table["score"][5] = 1e5
    return table


class TestRanking:
    def test_hyperparameters_are_the_columns_that_are_no_results(self, results):
        names = ["blocks", "filters", "dropout", "optimizer", "learning_rate"]
        assert hyperparameter_names(results) == names

    def test_best_first_and_completed_alone(self, results):
        best = best_trials(results, 100)
        assert len(best) == 38
        assert (np.diff(best["score"]) >= 0).all()
        assert best["score"][0] == np.nanmin(results["score"])

    def test_largest_first_where_more_is_better(self, results):
        results["score"] = results["pearson_r"]
        results.meta["direction"] = "max"
        assert best_trials(results, 1)["score"][0] == np.nanmax(results["score"])
        curve = best_so_far(results)
        assert curve[-1] == np.nanmax(results["score"])
        assert (np.diff(curve) >= 0).all()

    def test_failed_trials_count_and_refused_ones_do_not(self, results):
        curve = best_so_far(results)
        assert len(curve) == 39
        assert curve[3] == curve[2]
        assert len(best_so_far(results, count_refused=True)) == 40
        end(results, 0, "failed", "out of memory")
        assert np.isnan(best_so_far(results)[0])

    def test_pareto_front_is_what_no_trial_beats(self, results):
        front = pareto_front(results)
        assert (np.diff(front["mflop"]) > 0).all()
        assert (np.diff(front["score"]) < 0).all()
        for row in best_trials(results, 100):
            beaten = (front["mflop"] <= row["mflop"]) & (front["score"] <= row["score"])
            assert beaten.any()

    def test_masked_columns_and_units(self, results):
        column = MaskedColumn(np.arange(40.0), mask=np.arange(40) == 4)
        results["masked"] = column
        values = column_values(results, "masked")
        assert np.isnan(values[4])
        assert values[5] == 5
        assert column_values(results, "seconds").dtype == float

    def test_bad_input(self, results):
        with pytest.raises(ValueError, match="number must be 1 or more, got 0"):
            best_trials(results, 0)
        with pytest.raises(ValueError, match="must have the column 'watts'"):
            pareto_front(results, "watts")
        results["status"] = "failed"
        with pytest.raises(ValueError, match="must hold a completed trial"):
            best_trials(results)


class TestImportance:
    @pytest.fixture(autouse=True)
    def scikit_learn(self):
        pytest.importorskip("sklearn")

    def test_what_decides_is_found(self, results):
        table = hyperparameter_importance(results)
        assert table["hyperparameter"][0] == "learning_rate"
        assert 0.4 < table["importance"][0] < 1.3
        assert table.meta["explained"] > 0.6
        assert table.meta["trials"] == 38
        others = table[table["hyperparameter"] == "dropout"]
        assert abs(others["importance"][0]) < 0.1

    def test_noise_is_not_explained(self):
        table = made_up(30)
        table["score"] = np.random.default_rng(5).normal(size=30)
        found = hyperparameter_importance(table)
        assert found.meta["explained"] < 2 * found.meta["explained_err"]
        text = report_text(table, importance=found)
        assert "do not trust this order" in text

    def test_choices_without_order(self, results):
        results["letter"] = np.random.default_rng(1).choice(list("abcdef"), 40)
        results["score"] += np.where(np.isin(results["letter"], ["b", "e"]), -0.1, 0.1)
        table = hyperparameter_importance(results, repeats=1)
        assert table["hyperparameter"][0] == "letter"

    def test_what_some_trials_do_not_have(self, results):
        absent = np.random.default_rng(1).uniform(size=40) < 0.4
        results["seldom"] = np.where(absent, np.nan, 0.5)
        results["score"] += np.where(absent, -0.1, 0.1)
        table = hyperparameter_importance(results, repeats=1)
        assert table["hyperparameter"][0] == "seldom"

    def test_seed_repeats_it(self, results):
        settings = {"repeats": 1, "trees": 5, "seed": 3}
        one, two = (hyperparameter_importance(results, **settings) for _ in range(2))
        assert list(one["importance"]) == list(two["importance"])

    def test_too_few_trials(self):
        with pytest.raises(ValueError, match="10 completed trials or more"):
            hyperparameter_importance(made_up(9))

    def test_nothing_varied(self, results):
        results.keep_columns(["trial", *MEASURED, "status", "reason", "blocks"])
        results["blocks"] = 2
        with pytest.raises(ValueError, match="a hyperparameter that varied, got none"):
            hyperparameter_importance(results)


def test_importance_without_scikit_learn_names_the_extra(results, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "sklearn.inspection", None)
    with pytest.raises(ImportError, match="extra 'tune'"):
        importance.hyperparameter_importance(results)
    assert "What matters is not known" in report_text(results)


class TestRobustness:
    def test_equal_networks_are_robust(self):
        table = made_up(10, noise=0.01, executions=4)
        rng = np.random.default_rng(2)
        runs = 0.05 + 0.001 * rng.standard_normal((10, 4))
        table["score"], table["score_std"] = runs.mean(axis=1), runs.std(axis=1, ddof=1)
        found = robustness(table)
        assert found.robust is True
        assert found.repetition == pytest.approx(0.0005, rel=0.3)
        assert "any of these would do" in found.text

    def test_different_networks_are_not(self, results):
        found = robustness(results)
        assert found.number == 10
        assert found.robust is False
        assert "the hyperparameters matter" in found.text

    def test_single_trainings_say_nothing_without_repetitions(self):
        table = made_up(executions=1)
        found = robustness(table)
        assert found.robust is None
        assert "not known" in found.text
        scatter = 10 * np.random.default_rng(0).normal(size=6)
        assert robustness(table, repetitions=scatter).robust is True
        # Trainings that scatter far more than the best trials do are told of.
        assert "several times" in robustness(table, repetitions=1e3 * scatter).text
        assert "several times" not in robustness(table).text
        assert robustness(table, repetitions=1e-6 * scatter).robust is False

    def test_one_trial(self):
        assert robustness(made_up(1)).robust is None


class TestRepetition:
    """Repeated trainings, without training."""

    @pytest.fixture
    def directory(self, tmp_path):
        settings = {"objective": "val_rmse", "seed": 1, "data": {"train": "a"}}
        write_json(tmp_path / SETTINGS, settings)
        run = {"score": 0.2}
        record = {"trial": 3, "status": "completed", "score": 0.2, "executions": [run]}
        write_record(tmp_path, record)
        return tmp_path

    def test_scores_are_kept(self, directory):
        assert read_repetitions(directory) is None
        runs = [{"score": score} for score in (0.2, 0.3, 0.25)]
        again = {"trial": 3, "status": "completed", "executions": runs}
        write_record(directory / "repeated", again)
        assert list(read_repetitions(directory)) == [0.2, 0.3, 0.25]
        data = SimpleNamespace(fingerprint=lambda: {"train": "a"})
        assert len(repeat_training(directory, data, 3)) == 3
        # Another trial is the best by now.
        better = {"trial": 5, "status": "completed", "score": 0.1, "executions": []}
        write_record(directory, better)
        assert read_repetitions(directory) is None

    def test_default_network_is_kept(self, directory):
        assert read_default(directory) is None
        record = {
            "trial": 3,
            "status": "completed",
            "executions": [{"score": 0.4}],
            "parameters": 7,
            "mflop": 2.5,
        }
        write_record(directory / "default", record)
        data = SimpleNamespace(fingerprint=lambda: {"train": "a"})
        found = train_default(directory, data, 1)
        assert (list(found.scores), found.parameters, found.mflop) == ([0.4], 7, 2.5)

    def test_bad_input(self, directory, tmp_path):
        data = SimpleNamespace(fingerprint=lambda: {"train": "b"})
        with pytest.raises(ValueError, match="data must be those of the search"):
            repeat_training(directory, data)
        with pytest.raises(ValueError, match="data must be those of the search"):
            train_default(directory, data)
        with pytest.raises(ValueError, match="number must be 1 or more, got 0"):
            train_default(directory, data, 0)
        with pytest.raises(ValueError, match="number must be 2 or more, got 1"):
            repeat_training(directory, data, 1)
        with pytest.raises(ValueError, match="must be that of a search"):
            read_repetitions(tmp_path / "nothing")
        failed = {"trial": 3, "status": "failed", "score": None, "executions": []}
        write_record(directory, failed)
        with pytest.raises(ValueError, match="must hold a completed trial"):
            read_repetitions(directory)


class TestReport:
    def test_optimum_beside_the_space(self, results):
        table = optimum_table(results)
        rows = {row["hyperparameter"]: row for row in table}
        assert rows["blocks"]["space"] == "1 to 3"
        assert rows["filters"]["space"] == "8, 16, 32, 64, 128, 256"
        assert rows["dropout"]["space"] == "0.25 to 0.6"
        assert rows["optimizer"]["space"] == "adam"
        assert rows["learning_rate"]["space"] == "0.001 to 0.1, logarithmic"
        best = best_trials(results, 1)[0]
        assert rows["filters"]["optimum"] == str(best["filters"])
        assert rows["optimizer"]["optimum"] == str(best["optimizer"])

    def test_two_searches_side_by_side(self, results):
        table = optimum_table({"Asymmetry": results, "Concentration": made_up(seed=1)})
        assert table.colnames[2:] == [
            *("Asymmetry optimum", "Asymmetry best values"),
            *("Concentration optimum", "Concentration best values"),
        ]

    def test_best_table_shows_what_differs(self, results):
        results["fixed"] = 7
        table = best_table(results, 5)
        assert len(table) == 5
        assert "fixed" not in table.colnames
        assert "filters" in table.colnames
        # It is the score already.
        assert "rmse" not in table.colnames
        assert "score_std" in table.colnames
        assert "score_std" not in best_table(made_up(executions=1)).colnames

    def test_front_has_the_costs(self, results):
        table = front_table(results)
        assert table.colnames[:3] == ["trial", "score", "mflop"]
        assert len(table) == len(pareto_front(results))

    def test_default_network_beside_the_optimum(self, results):
        default = DefaultNetwork(np.array([0.5, 0.7]), 100, 12.5)
        text = report_text(results, default=default, importance="not here")
        assert "default network, trained in the same way (2 times): 0.6 ± 0.14" in text
        assert "at 12.5 MFLOP; the optimum has" in text

    def test_text_says_how_trials_ended(self, results):
        text = report_text(results, importance="not asked for")
        assert text.startswith("40 trials: 38 completed, 1 failed, 1 refused")
        assert "trial 3 failed: the loss is not a number" in text
        assert "Optimum: trial" in text
        assert "What matters is not known: not asked for" in text
        assert "Best at their cost" in text
        again = report_text(results, repetitions=[0.05, 0.07], importance="no")
        assert "Trained again 2 times, the optimum scores 0.06 ± 0.014" in again

    def test_files(self, results, tmp_path):
        pytest.importorskip("matplotlib")
        pytest.importorskip("sklearn")
        paths = write_report(results, tmp_path / "new")
        assert sorted(path.name for path in paths) == [
            *("best_so_far.png", "importance.png", "pareto.png"),
            *("report.txt", "results.ecsv"),
        ]
        assert all(path.stat().st_size for path in paths)
        again = QTable.read(paths[1])
        assert list(best_trials(again)["trial"]) == list(best_trials(results)["trial"])
        write_report(made_up(3), tmp_path / "few")
        assert not (tmp_path / "few" / "importance.png").exists()
        assert "10 completed trials" in (tmp_path / "few" / "report.txt").read_text()


class TestPlots:
    @pytest.fixture
    def axes(self):
        figure = pytest.importorskip("matplotlib.figure")
        return figure.Figure().subplots()

    def test_importance(self, results, axes):
        pytest.importorskip("sklearn")
        from astro_cnnfit.tuning.plots import plot_importance

        table = hyperparameter_importance(results, repeats=1, trees=10)
        assert plot_importance(table, axes=axes) is axes
        labels = [label.get_text() for label in axes.get_yticklabels()]
        assert labels[-1] == "learning rate"
        assert "38 trials" in axes.get_title()

    def test_pareto(self, results, axes):
        from astro_cnnfit.tuning.plots import plot_pareto

        assert plot_pareto(results, axes=axes) is axes
        front = pareto_front(results)
        texts = [text.get_text() for text in axes.texts]
        assert texts == [str(trial) for trial in front["trial"]]
        # The diverged trial does not flatten the others.
        assert axes.get_ylim()[1] < 1
        assert axes.get_ylabel() == "val_rmse"
        results["status"] = "failed"
        with pytest.raises(ValueError, match="must hold a completed trial"):
            plot_pareto(results, axes=axes)

    def test_best_so_far_of_one_search(self, results, axes):
        from astro_cnnfit.tuning.plots import plot_best_so_far

        plot_best_so_far(results, axes=axes)
        np.testing.assert_array_equal(axes.lines[0].get_ydata(), best_so_far(results))
        assert axes.get_ylim()[1] < 1

    def test_best_so_far_of_several_seeds(self, axes):
        from astro_cnnfit.tuning.plots import plot_best_so_far

        groups = {name: [made_up(20 + s, s) for s in range(3)] for name in ("A", "B")}
        plot_best_so_far(groups, axes=axes)
        labels = [text.get_text() for text in axes.get_legend().get_texts()]
        assert labels == ["A (median of 3)", "B (median of 3)"]
        curves = [best_so_far(table)[:20] for table in groups["A"]]
        np.testing.assert_allclose(axes.lines[0].get_ydata(), np.median(curves, axis=0))

    def test_new_figure_is_made(self, results):
        plt = pytest.importorskip("matplotlib.pyplot")
        from astro_cnnfit.tuning.plots import plot_pareto

        with plt.rc_context({"backend": "agg"}):
            axes = plot_pareto(results, "parameters")
            assert axes.get_xlabel() == "parameters"
            plt.close(axes.figure)

    def test_matplotlib_is_named_where_it_is_missing(self, results, monkeypatch):
        from astro_cnnfit.tuning.plots import plot_pareto

        monkeypatch.setattr("astro_cnnfit.figure_style.find_spec", lambda name: None)
        with pytest.raises(ImportError, match=r"pip install 'astro_cnnfit\[plot\]'"):
            plot_pareto(results)
