# Licensed under a 3-clause BSD style license - see LICENSE
"""Tests of what the benchmarks of morphology compute with; they are not run here."""

import numpy as np
import pytest


@pytest.fixture
def rng():
    return np.random.default_rng(5)


class TestStatistics:
    def test_scatter_and_bias_of_normal_differences(self, load_benchmark, rng):
        module = load_benchmark("cas_statistics")
        found = module.statistics(rng.normal(0.02, 0.05, 40_000))
        assert found["bias"] == pytest.approx(0.02, abs=0.001)
        assert found["median"] == pytest.approx(0.02, abs=0.002)
        assert found["std"] == pytest.approx(0.05, rel=0.02)
        assert found["nmad"] == pytest.approx(0.05, rel=0.03)
        # Beyond 1.6 sigma above and 2.4 below.
        assert found["large"] == pytest.approx(0.0548 + 0.0082, abs=0.005)
        assert found["rmse"] == pytest.approx(np.hypot(0.02, 0.05), rel=0.02)

    def test_nothing_measured_is_not_a_number(self, load_benchmark):
        module = load_benchmark("cas_statistics")
        assert all(
            np.isnan(value) for value in module.statistics(np.array([])).values()
        )
        assert np.isnan(module.quartile_bias(np.array([]), np.array([]))).all()
        assert module.coverage(np.zeros(3), np.full(3, np.nan)) == {}

    def test_regression_to_the_mean_shows_in_quartiles(self, load_benchmark, rng):
        module = load_benchmark("cas_statistics")
        true = rng.uniform(0, 1, 4000)
        measured = 0.5 + 0.8 * (true - 0.5)
        bias = module.quartile_bias(measured - true, true)
        assert np.mean(measured - true) == pytest.approx(0, abs=0.005)
        np.testing.assert_allclose(bias, [0.075, 0.025, -0.025, -0.075], atol=0.01)

    def test_coverage_of_right_and_small_errors(self, load_benchmark, rng):
        module = load_benchmark("cas_statistics")
        difference = rng.normal(0, 0.1, 20_000)
        right = module.coverage(difference, np.full(20_000, 0.1))
        assert right["68%"] == pytest.approx(0.68, abs=0.01)
        assert right["95%"] == pytest.approx(0.95, abs=0.01)
        assert right["pull"] == pytest.approx(1, abs=0.03)
        small = module.coverage(difference, np.full(20_000, 0.05))
        assert small["68%"] == pytest.approx(0.38, abs=0.02)
        assert small["pull"] == pytest.approx(2, abs=0.06)

    def test_bootstrap_knows_that_versions_of_a_source_are_one(
        self, load_benchmark, rng
    ):
        module = load_benchmark("cas_statistics")
        sources = np.repeat(np.arange(100), 20)
        values = rng.standard_normal(100)[sources]

        def mean(rows):
            return [values[rows].mean()]

        by_source = module.bootstrap_error(mean, sources, rng, 200)
        by_row = module.bootstrap_error(mean, np.arange(2000), rng, 200)
        assert by_source[0] == pytest.approx(0.1, rel=0.25)
        assert by_row[0] == pytest.approx(1 / np.sqrt(2000), rel=0.25)

    def test_summary_counts_what_is_missing(self, load_benchmark, rng):
        module = load_benchmark("cas_statistics")
        true = rng.uniform(0, 1, 100)
        value = true + 0.05
        value[:10] = np.nan
        # The truth of another definition may be undefined: no fault of the method.
        true[90:] = np.nan
        error = np.full(100, 0.1)
        found = module.summary(value, error, true, np.arange(100), rng, 20)
        assert found["count"] == 80
        assert found["missing"] == pytest.approx(10 / 90)
        assert found["bias"] == pytest.approx(0.05)
        assert found["error"]["bias"] == pytest.approx(0, abs=1e-12)

    def test_better_is_judged_on_the_same_galaxies(self, load_benchmark, rng):
        module = load_benchmark("cas_statistics")
        true = np.zeros(200)
        first = rng.normal(0, 0.05, 200)
        second = rng.normal(0, 0.04, 200)
        # The other has no value where the first is far off.
        first[100:], second[100:] = first[100:] * 10, np.nan
        assert module.pairwise_better(first, 2 * second, true, "asymmetry")
        assert not module.pairwise_better(first, second / 2, true, "concentration")
        assert module.pairwise_better(first, np.full(200, np.nan), true, "gini") is None


class TestGoals:
    def test_goals_are_told_met_and_missed(self, load_benchmark):
        module = load_benchmark("cas_goals")
        figures = {
            "bias": 0.004, "std": 0.03, "large": 0.0, "nmad": 0.05, "68%": 0.69,
            "95%": 0.90, "quartiles": [0.01, 0.0, 0.0, -0.03],
        }  # fmt: skip
        own = {"concentration": figures, "asymmetry": figures}
        better = {"reg": {"asymmetry": True, "concentration": None}}
        sets = {
            "procedural": {
                "2-3": {"methods": {"network": own}, "better": {"network": better}}
            }
        }
        rows = module.check_goals(sets, ("network", "combined"))
        assert list(rows) == ["network"]
        missed = [row["goal"] for row in rows["network"] if not row["met"]]
        assert len(rows["network"]) == 3 + 2 * 4 + 1
        assert len(missed) == 3
        assert sum("95%" in goal for goal in missed) == 2
        assert any("asymmetry in quartiles" in goal for goal in missed)


class TestRegression:
    def test_cubic_bias_is_learned(self, load_benchmark, rng):
        module = load_benchmark("cas_regression")
        inputs = np.clip(rng.standard_normal((3000, 5)), -2.5, 2.5)
        x, y = inputs[:, 0], inputs[:, 3]
        targets = np.stack([x + 0.3 * x * y**2, y - 0.2 * x**3], axis=1)
        fit = module.fit_regression(inputs, targets, ridge=1e-6)
        found = module.predict_regression(fit, inputs)
        np.testing.assert_allclose(found, targets, atol=0.02)

    def test_undefined_rows_stay_undefined(self, load_benchmark, rng):
        module = load_benchmark("cas_regression")
        names = ("concentration", "asymmetry", "rpetro_ellip", "sn_per_pixel", "r50")
        measured = dict(zip(names, rng.uniform(1, 2, (5, 300)), strict=True))
        measured["sn_per_pixel"][3] = -1.0
        inputs = module.regression_inputs(measured)
        assert np.isnan(inputs[3]).all()
        assert inputs[0, 4] == measured["r50"][0] / measured["rpetro_ellip"][0]
        fit = module.fit_regression(inputs, inputs[:, :2])
        found = module.predict_regression(fit, inputs)
        np.testing.assert_array_equal(np.isnan(found[:, 0]), np.arange(300) == 3)

    def test_far_outliers_do_not_run_away(self, load_benchmark, rng):
        module = load_benchmark("cas_regression")
        inputs = rng.standard_normal((500, 5))
        fit = module.fit_regression(inputs, inputs[:, :1] ** 3)
        far = module.predict_regression(fit, np.full((1, 5), 1e6))
        assert np.abs(far) < 1e3


class TestRedshifting:
    def test_light_is_preserved_by_larger_pixels(self, load_benchmark, rng):
        module = load_benchmark("redshifting")
        image = np.zeros((51, 61))
        image[20:30, 25:40] = rng.uniform(1, 2, (10, 15))
        seen = module.resampled(image, (32.0, 25.0), 2.3, 25)
        assert seen.sum() * 2.3**2 == pytest.approx(image.sum())

    def test_surface_brightness_and_centre_stay(self, load_benchmark):
        module = load_benchmark("redshifting")
        y, x = np.mgrid[:201, :201]
        image = np.exp(-((x - 90.0) ** 2 + (y - 110.0) ** 2) / (2 * 20.0**2))
        seen = module.resampled(image, (90.0, 110.0), 3.0, 51, (0.3, -0.2))
        rows, columns = np.mgrid[:51, :51] - 25.0
        assert (seen * columns).sum() / seen.sum() == pytest.approx(0.3, abs=0.01)
        assert (seen * rows).sum() / seen.sum() == pytest.approx(-0.2, abs=0.01)
        assert seen.max() == pytest.approx(1, abs=0.02)

    def test_galaxies_shrink_and_fade(self, load_benchmark):
        module = load_benchmark("redshifting")
        redshifts = (0.2, 0.5, 1.0, 3.0, 7.0)
        sizes = [module.petrosian_pixels(z) for z in redshifts]
        lights = [module.brightness(z) for z in redshifts]
        assert sizes == sorted(sizes, reverse=True)
        assert lights == sorted(lights, reverse=True)
        # Half of the size of today at z = 1 (1 + z)^-0.97, at 8.01 kpc an arcsec.
        assert sizes[2] == pytest.approx(6.0 / 2**0.97 / 8.01 / 0.06, rel=0.01)
        # Dimming of 3.01 mag less an evolution of 21 (1 - 2^-0.13) = 1.81 mag.
        assert lights[2] == pytest.approx(10 ** (-0.4 * (3.01 - 1.81)), rel=0.01)

    def test_noise_has_the_correlation_of_its_file(self, load_benchmark, rng, tmp_path):
        from astropy.io import fits

        module = load_benchmark("redshifting")
        function = np.zeros((9, 9))
        function[4, 4] = 2.0
        function[[3, 5, 4, 4], [4, 4, 3, 5]] = 0.5
        fits.writeto(tmp_path / "cf.fits", function)
        noise = module.correlated_noise(tmp_path / "cf.fits", (20, 64, 64), rng)
        assert noise.std() == pytest.approx(1, abs=0.02)
        neighbours = np.mean(noise[:, 1:] * noise[:, :-1])
        assert neighbours == pytest.approx(0.25, abs=0.02)
        assert np.mean(noise[:, 2:] * noise[:, :-2]) == pytest.approx(0, abs=0.02)


class TestNoise:
    def test_fainter_galaxies_keep_noise_of_one(self, load_benchmark, rng):
        module = load_benchmark("cas_noise")
        galaxy = np.zeros((200, 21, 21), np.float32)
        galaxy[:, 5:15, 5:15] = 20.0
        noise = rng.standard_normal(galaxy.shape, dtype=np.float32)
        snr = np.full(200, 20.0)
        seen = module.fainter(galaxy + noise, snr, 4.0, rng)
        # The galaxy's S/N, and with it its level, goes down five times.
        assert seen[:, 5:15, 5:15].mean() == pytest.approx(4.0, abs=0.03)
        assert seen[:, :5].std() == pytest.approx(1, abs=0.02)

    def test_figures_are_those_of_the_paper(self, load_benchmark, rng):
        module = load_benchmark("cas_noise")
        true = rng.uniform(0, 0.5, 2000)
        targets = np.array(module.TARGETS)
        scatter = np.where(targets == 10, 0.0, 0.03)[:, None]
        values = true + scatter * rng.standard_normal((len(targets), 2000))
        values[targets == 3] += 0.02
        found = module.figures(values, true)
        assert found["scatter"] == pytest.approx(0.03, rel=0.05)
        assert found["bias_at_3"] == pytest.approx(0.02, abs=0.003)
        assert found["catastrophic"] == pytest.approx(0.0455, abs=0.006)
        assert found["true_mean"][0] == pytest.approx(0, abs=1e-12)


class TestSegments:
    def test_the_central_source_of_each_stamp_is_taken(self, load_benchmark, rng):
        module = load_benchmark("cas_segments")
        y, x = np.mgrid[:61, :61] - 30.0
        stamps = rng.standard_normal((3, 61, 61)).astype(np.float32)
        stamps[0] += 20 * np.exp(-(x**2 + y**2) / (2 * 4.0**2))
        stamps[1] += 20 * np.exp(-((x - 20) ** 2 + y**2) / (2 * 3.0**2))
        stamps[1, 25:36, 25:36] = -1.0
        segments = module.find_segments(stamps)
        assert segments[0, 30, 30]
        assert 100 < segments[0].sum() < 800
        # Nothing in the centre: a disc.
        assert segments[1].sum() == 81
        assert not segments[1, 30, 50]


def test_statmorph_measures_what_the_reference_does(load_benchmark):
    pytest.importorskip("statmorph")
    module = load_benchmark("peers.statmorph_cas")
    y, x = np.mgrid[:101, :101] - 50.0
    rng = np.random.default_rng(3)
    radius = np.hypot(x / 1.5, y)
    stamp = 100 * np.exp(-radius / 5) + rng.standard_normal((101, 101))
    stamps = np.stack([stamp, np.full((101, 101), -1.0)])
    segments = np.stack([radius < 15, radius < 5])
    found = module.measure(stamps, segments)
    assert found["concentration"][0] == pytest.approx(2.7, abs=0.3)
    assert found["asymmetry"][0] == pytest.approx(0, abs=0.1)
    # What it cannot measure is not a number.
    assert np.isnan(found["concentration"][1])


def test_large_stamps_of_methods_are_filled_up(load_benchmark):
    module = load_benchmark("cas_methods")

    def measure(stamps, _):
        return module.Measured(
            {"asymmetry": np.ones(len(stamps))}, {"asymmetry": np.ones(len(stamps))}
        )

    stamps = np.zeros((5, 3, 3))
    found = module.measure_all({"a": measure, "b": measure}, stamps, {"b": 2})
    assert np.isfinite(found["a"].values["asymmetry"]).all()
    np.testing.assert_array_equal(
        np.isfinite(found["b"].values["asymmetry"]), [True, True, False, False, False]
    )
