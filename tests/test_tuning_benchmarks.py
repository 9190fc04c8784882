# Licensed under a 3-clause BSD style license - see LICENSE
"""What the benchmarks of the search compute with, and what the page makes of it."""

from pathlib import Path

import astropy.units as u
import numpy as np
import pytest
from astropy.table import QTable

DOCS = Path(__file__).parents[1] / "docs"


def table(scores, refused=()):
    """Results with these scores."""
    number = len(scores)
    found = QTable({"trial": np.arange(number), "filters": 8 + np.arange(number)})
    for name in ("mae", "rmse", "pearson_r", "val_loss", "score"):
        found[name] = np.array(scores, dtype=float)
    found["score_std"] = np.full(number, np.nan)
    found["parameters"] = 100 * found["filters"]
    found["mflop"] = found["seconds_per_galaxy"] = 1.0 * found["filters"]
    found["epochs"], found["seconds"] = 5, np.full(number, 4.0) * u.s
    found["status"], found["reason"] = np.array(["completed"] * number), ""
    for row in refused:
        found["status"][row], found["score"][row] = "refused", np.nan
    found.meta = {"objective": "val_rmse", "initial_points": 2, "seed": 1, "epochs": 5}
    return found


@pytest.fixture
def searches():
    """Two methods, three seeds; two random trials that are the same, then better."""
    rng = np.random.default_rng(0)
    start = rng.uniform(0.4, 0.5, (3, 2))
    better, worse = rng.uniform(0.2, 0.25, (3, 5)), rng.uniform(0.35, 0.4, (3, 5))
    return {
        "bayesian": [table([*a, *b]) for a, b in zip(start, better, strict=True)],
        "random": [table([*a, *b, 0.1]) for a, b in zip(start, worse, strict=True)],
    }


class TestComparison:
    @pytest.fixture
    def module(self, load_benchmark):
        return load_benchmark("tuning.bayesian_against_random")

    def test_blocks_are_averaged(self, module):
        stamps = np.arange(32, dtype=np.float16).reshape(2, 4, 4)
        found = module.halved(stamps)
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found[0], [[2.5, 4.5], [10.5, 12.5]])

    def test_equal_numbers_of_trained_networks_are_compared(self, module, searches):
        searches["random"][0] = table([0.5, 0.4, 0.4, 0.4, 0.3, 0.3, 0.3], refused=[3])
        curves = module.best_curves(searches)
        assert curves["bayesian"].shape == curves["random"].shape == (3, 6)

    def test_summary(self, module, searches):
        found = module.summary(searches)
        # Both begin alike; the eighth trial of the random search has no counterpart.
        assert found["lower"] == {
            **{"lower": 5, "equal": 2, "higher": 0},
            "lower_from": 3,
        }
        assert [row["trials"] for row in found["compared"]] == [5, 7]
        assert found["compared"][-1]["seeds_lower"] == 3
        assert found["gain"]["mean"] > 5 * found["gain"]["error"]
        assert found["random_trials"] == 2
        assert found["trials"]["random"]["completed"] == 24
        assert found["trials"]["random"]["seconds_a_trial"] == 4
        module.report(found)

    def test_lower_for_good(self, module):
        assert module.first_for_good(np.array([False, True, False, True])) == 4
        assert module.first_for_good(np.array([True, True])) == 1
        assert module.first_for_good(np.array([True, False])) is None

    def test_figure(self, module, searches, tmp_path):
        pytest.importorskip("matplotlib")
        module.draw(searches, tmp_path)
        assert (tmp_path / "tuning_bayesian_against_random.png").stat().st_size


def test_a_search_is_collected(load_benchmark):
    module = load_benchmark("tuning.searches")
    found = module.collect(table([0.5, 0.3, 0.4], refused=[0]))
    assert found["trials"] == {"completed": 2, "failed": 0, "refused": 1}
    assert found["importance"] is None
    assert [row["trial"] for row in found["best"]] == ["1", "2"]
    assert [row["trial"] for row in found["pareto"]] == ["1"]
    assert found["optimum"][0]["optimum"] == "9"
    assert found["hours"] == pytest.approx(12 / 3600)
    assert "not known" in found["robustness"]["text"]


class TestPages:
    @pytest.fixture
    def pages(self, load_pages):
        self.results = {}
        return load_pages("tuning_pages", self.results)

    def test_what_has_not_been_run_says_so(self, pages):
        assert pages.comparison() == "This benchmark has not been run."
        assert pages.searches().count("has not been run") == 3

    @pytest.mark.parametrize(
        ("swap", "error", "words"),
        [
            (False, None, "is the better one here"),
            (True, None, "**the Bayesian search is the worse one here.**"),
            (False, 10.0, "**no significant difference was found.**"),
        ],
    )
    def test_verdict(self, pages, load_benchmark, searches, swap, error, words):
        module = load_benchmark("tuning.bayesian_against_random")
        if swap:
            searches = {
                "bayesian": searches["random"],
                "random": searches["bayesian"],
            }
        result = module.summary(searches)
        if error:
            result["gain"]["error"] = error
        settings = {"trials": 7, "train": 20, "validation": 10, "stamp_size": 30}
        settings["epochs"] = 5
        head = {"seed": [1, 2, 3], "date": "today", "settings": settings}
        self.results["tuning_bayesian_against_random"] = {**head, **result}
        text = pages.comparison()
        assert words in text
        assert "with each of 3 seeds" in text
        assert ("not below" in text) == swap

    def test_a_search(self, pages, load_benchmark):
        module = load_benchmark("tuning.searches")
        found = module.collect(table(np.linspace(0.5, 0.3, 12)))
        found["conclusion"] = "It stays as it is."
        self.results["tuning_casnet_a"] = found
        text = pages.searches()
        assert "12 trials (12 completed)" in text
        assert "What matters:" in text
        assert text.count("It stays as it is.") == 1
        assert text.count("has not been run") == 2
