# Licensed under a 3-clause BSD style license - see LICENSE
"""Tests of what the benchmarks compute with; they are not run here."""

import numpy as np
import pytest

from astro_cnnfit.parameters import NAMES, total_flux
from astro_cnnfit.psf import fwhm


class TestEuclid:
    def test_magnitudes_lie_in_their_bin_and_sizes_shrink(self, load_benchmark):
        module = load_benchmark("euclid_scenes")
        rng = np.random.default_rng(1)
        bins = [module.draw_galaxies(rng, 500, low, low + 1) for low in (15, 19, 24)]
        for low, galaxies in zip((15, 19, 24), bins, strict=True):
            magnitude = module.magnitudes(galaxies)
            assert magnitude.min() >= low
            assert magnitude.max() <= low + 1
        sizes = [np.median(galaxies[:, NAMES.index("r_eff")]) for galaxies in bins]
        assert sizes[0] > sizes[1] > sizes[2]

    def test_psf_is_as_wide_as_that_of_vis(self, load_benchmark):
        psf, fine = load_benchmark("euclid_scenes").vis_psfs()
        assert psf.sum() == pytest.approx(1)
        width = fwhm(fine[np.newaxis].astype(np.float32)) / 3
        assert width == pytest.approx(1.7, rel=0.03)

    def test_light_of_the_targets_is_where_they_are(self, load_benchmark):
        module = load_benchmark("euclid_scenes")
        rng = np.random.default_rng(2)
        galaxies = module.draw_galaxies(rng, 3, 19, 20)
        galaxies[:, 3] = 6.0
        seen = list(module.scenes(rng, galaxies, largest=243))
        assert sorted(row for scene in seen for row in scene.rows) == [0, 1, 2]
        for scene in seen:
            x, y = np.rint(scene.params[:, :2]).astype(int).T
            level = scene.image[y, x] / scene.error[y, x]
            assert (level > 20).all()

    def test_dispersion_is_that_of_the_challenge(self, load_benchmark):
        module = load_benchmark("sersic_euclid")
        values = np.array([-2.0, -1.0, 0.0, 1.0, 5.0])
        assert module.dispersion(values) == pytest.approx(
            np.quantile(abs(values), 0.68)
        )
        # A bias of all makes it smaller, and leaves the scatter as it is.
        normal = np.random.default_rng(0).normal(0.3, 1, 4000)
        assert module.dispersion(normal) < module.scatter(normal)
        assert module.scatter(normal) == pytest.approx(1, abs=0.05)


class TestPeers:
    def test_guess_from_moments_is_near_the_truth(self, load_benchmark):
        module = load_benchmark("peers.stamps")
        bright = module.bright_stamps()
        ratio = bright["guess"][:, 2:4] / bright["true"][:, 2:4]
        assert np.all((ratio > 0.7) & (ratio < 1.5))
        np.testing.assert_allclose(
            bright["guess"][:, :2], bright["true"][:, :2], atol=0.1
        )
        np.testing.assert_allclose(
            bright["guess"][:, 6], bright["true"][:, 6], atol=0.1
        )

    def test_flux_and_its_error_follow_from_the_amplitude(self, load_benchmark):
        module = load_benchmark("peers.amplitude")
        values = [3.0, 5.0, 2.0, 0.1, -0.2, 0.3, 4.0]
        covariance = np.diag(np.square([0.03, 0.05, 0.0, 0.1, 0.1, 0.0, 0.2]))
        params, errors = module.params_of_amplitude(values, covariance)
        flux = total_flux(3.0, 5.0, 2.0, 0.3)
        assert params[2] == pytest.approx(flux)
        assert errors[2] == pytest.approx(flux * np.hypot(0.01, 0.02), rel=1e-3)
        assert params[6] == pytest.approx(4.0 - np.pi)
        np.testing.assert_allclose(errors[[0, 3, 6]], [0.1, 0.05, 0.2])

    @pytest.mark.filterwarnings("ignore:Using LMLSQFitter for models with bounds")
    def test_astropy_finds_a_bright_galaxy(self, load_benchmark):
        stamps = load_benchmark("peers.stamps")
        bright = stamps.bright_stamps()
        fit = load_benchmark("peers.astropy_lm").fit
        found, errors = fit(
            *(bright[key][0].astype(float) for key in ("stamps", "psfs", "errors")),
            bright["guess"][0],
        )
        np.testing.assert_allclose(found[2:5], bright["true"][0, 2:5], rtol=0.05)
        assert (errors > 0).all()

    def test_report_counts_failures_and_compares(self, load_benchmark):
        module = load_benchmark("peers.report")
        rng = np.random.default_rng(3)
        true = np.tile([0.1, 0.2, 1e4, 5.0, 2.0, 0.3, 1.0], (50, 1))
        true *= rng.uniform(0.8, 1.2, true.shape)
        good = true + 0.001 * rng.standard_normal(true.shape)
        poor = true * rng.uniform(0.8, 1.2, true.shape)
        poor[:3, 4], poor[3, 0], poor[4, 4] = 8.0, np.nan, 0.5
        errors = np.full_like(true, 0.001)
        found = {
            name: {"params": params, "errors": errors, "seconds": [seconds]}
            for name, params, seconds in (("network", good, 1e-3), ("astropy", poor, 1))
        }
        table = module.summary_table(found, true)
        assert list(table["failures"]) == [0, 4]
        # Not a number counts as off.
        assert list(table["n_off"]) == [0, 5]
        covered = module.coverage_table(found, true)
        table_dict = load_benchmark("common").table_dict
        result = {
            "methods": table_dict(table, "method"),
            "coverage": table_dict(covered, "method"),
        }
        met = module.claims(result, ["astropy"], 50, 5)["network"]
        assert met["times_faster"] == 1000
        assert all(met.values())

    def test_fitters_that_did_not_run_again_keep_their_figures(self, load_benchmark):
        with_kept = load_benchmark("peers.report").with_kept
        parts = {"bright": {}, "first_fit": {}, "exceptions": {}}
        settings = {"settings": {"n": 5, "crowded": False}, "seed": 1, **parts}
        former = settings | {
            "date": "2026-01-02",
            "methods": {
                "network": {"seconds": 1},
                "astropy": {"seconds": 2},
                "imfit": {"seconds": 3},
            },
            "coverage": {"network n": 0.5, "imfit n": 0.6},
            "not_run": {"pysersic": "absent"},
        }
        new = settings | {
            "date": "2026-03-04",
            "methods": {"network": 10, "astropy": 20},
            "coverage": {"network n": 0.7},
            "not_run": {},
        }
        order = ("network", "astropy", "imfit", "pysersic")
        merged = with_kept(new, former, order, ["astropy", "imfit"])
        assert list(merged["methods"].items()) == [
            ("network", 10),
            ("astropy", 20),
            ("imfit", {"seconds": 3}),
        ]
        assert merged["coverage"] == {"network n": 0.7, "imfit n": 0.6}
        assert merged["not_run"] == {"pysersic": "absent"}
        assert merged["kept"] == {
            "date": "2026-01-02",
            "methods": ["imfit"],
            "seconds_of_peers": {"astropy": 2},
        }
        assert merged["date"] == "2026-03-04"
        with pytest.raises(ValueError, match="other stamps: seed"):
            with_kept(new | {"seed": 2}, former, order, [])
