# Licensed under a 3-clause BSD style license - see LICENSE
"""Simulated surveys, the benchmark on them, and what the page makes of it."""

import copy
import json
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import QTable
from astropy.wcs import WCS

pytest.importorskip("pyarrow", reason="catalogues need pyarrow")
pytest.importorskip("h5py", reason="stacks need h5py")

DOCS = Path(__file__).parents[1] / "docs"
SIZE = 160


@pytest.fixture
def tiles(load_benchmark):
    """The simulator."""
    return load_benchmark("scale.simulated_tiles")


@pytest.fixture
def survey(tiles, tmp_path):
    """Three tiles, the third a copy of the first."""
    return tiles.simulate_tiles(tmp_path, 3, 4, size=SIZE, seed=3)


class TestTiles:
    def test_galaxies_are_where_the_catalogue_says(self, survey):
        rows = QTable.read(survey.catalog)
        assert survey.galaxies == len(rows) == 12
        for path in survey.tiles:
            with fits.open(path) as hdus:
                assert isinstance(hdus[1], fits.CompImageHDU)
                image, wcs = hdus[1].data, WCS(hdus[1].header)
            assert image.shape == (SIZE, SIZE)
            own = rows[rows["tile_true"] == path.name.split(".")[0]]
            places = wcs.world_to_pixel_values(own["ra"], own["dec"])
            np.testing.assert_allclose(places, [own["x"], own["y"]], atol=1e-6)
            bright = own["mag_true"].argmin()
            centre = np.rint([own["y_true"][bright], own["x_true"][bright]]).astype(int)
            assert image[tuple(centre)] > np.median(image) + 5 * 2.26

    def test_identifiers_and_psfs(self, survey):
        ids = QTable.read(survey.catalog)["id"]
        assert ids.dtype == np.int64
        assert ids.min() > 2**53
        assert len(set(ids.tolist())) == len(ids)
        for path in survey.tiles:
            psf = fits.getdata(survey.psf.format(stem=path.name.split(".")[0]))
            assert psf.shape == (25, 25)
            assert psf.sum() == pytest.approx(1, abs=1e-5)

    def test_each_galaxy_is_deepest_inside_its_own_tile(self, survey):
        rows = QTable.read(survey.catalog)
        depths = []
        for path in survey.tiles:
            wcs = WCS(fits.getheader(path, 1))
            x, y = wcs.world_to_pixel_values(rows["ra"], rows["dec"])
            depths.append(np.min([x, y, SIZE - 1 - x, SIZE - 1 - y], axis=0))
        own = [int(name[-5:]) for name in rows["tile_true"]]
        assert np.argmax(depths, axis=0).tolist() == own

    def test_copies_are_told_apart_by_their_place(self, survey):
        first, _, third = survey.tiles
        np.testing.assert_array_equal(fits.getdata(first, 1), fits.getdata(third, 1))
        assert fits.getheader(first, 1)["CRVAL2"] != fits.getheader(third, 1)["CRVAL2"]

    def test_too_many_galaxies(self, tiles, tmp_path):
        with pytest.raises(ValueError, match="at most 12 with size=160, got 50"):
            tiles.simulate_tiles(tmp_path, 1, 50, size=SIZE)

    def test_a_stack(self, survey, load_benchmark, tmp_path):
        import h5py

        stacks = load_benchmark("scale.stacks")
        found = stacks.simulate_stack(tmp_path / "stack.h5", survey, 10, 61)
        with h5py.File(found["path"]) as file:
            stamps = file["stamps"][:]
        assert stamps.shape == (10, 61, 61)
        # Two tiles have eight galaxies; then they come again.
        np.testing.assert_array_equal(stamps[8:], stamps[:2])
        catalog = QTable.read(found["catalog"])
        assert catalog["index"].tolist() == list(range(10))
        rows = QTable.read(survey.catalog)
        x, y = (int(np.rint(rows[name][0])) for name in "xy")
        assert stamps[0, 30, 30] == fits.getdata(survey.tiles[0], 1)[y, x]


def row(rate, fraction=0.8, **more):
    """One measured rate."""
    cpu = {"reading": 0.1, "cutting": 0.0, "inference": 2.0, "writing": 0.0}
    share = {"reading": 0.1, "cutting": 0.2, "inference": 0.65, "writing": 0.05}
    return {
        **{"galaxies": 1000, "seconds": 1000 / rate, "per_second": rate},
        **{"fraction": fraction, "start_seconds": 12.0, "worker_memory": 2**30},
        **{"bytes_read": 4_000_000, "bytes_written": 300_000},
        **{"cpu_milliseconds_a_galaxy": {"all": 2.1, **cpu}},
        **{"looks_a_galaxy": {"sersic": 1.25}},
        **{"summary": {"share": share}, "milliseconds_a_galaxy": 1e3 / rate},
        **more,
    }


@pytest.fixture
def result():
    """What the benchmark writes, of one target."""
    target = {"forward_per_second": 1000.0, "mflop": 100.0}
    target["forward_runs"] = [{"sersic": {"mflop": 100.0}}] * 2
    target |= {
        "tiles": row(800.0),
        "hdf5": row(920.0, 0.92),
        "memory": row(950.0, 0.95),
    }
    settings = {"galaxies": 1000, "on_a_tile": 2500, "size": 4096, "stamps": 500}
    return {
        "rates": {
            "float32": {"sersic": target},
            "bfloat16": {"sersic": {"not_run": "precision must be 'float32'"}},
        },
        "scaling": [row(800.0, asked=10), row(805.0, asked=100)],
        "settings": {**settings, "workers": 2},
        **{"cores": 2, "processor": "a processor", "date": "today"},
    }


class TestBenchmark:
    @pytest.fixture
    def module(self, load_benchmark):
        return load_benchmark("speed.end_to_end")

    def test_claims(self, module, result):
        assert all(module.claims(result).values())
        module.report({**result, "claims": module.claims(result)})
        result["rates"]["float32"]["sersic"]["tiles"]["fraction"] = 0.6
        result["scaling"][1]["worker_memory"] *= 1.2
        found = module.claims(result)
        assert not found["fraction_from_tiles"]
        assert found["fraction_from_memory"]
        assert not found["constant_memory"]
        assert found["linear_time"]
        # What is not measured is not claimed.
        assert "linear_time" not in module.claims({**result, "scaling": []})

    def test_parts_are_found_again(self, module, result):
        parts = module.parts_of(result)
        assert set(parts) == {
            ("float32", "sersic"), ("bfloat16", "sersic"),
            ("scaling", 10), ("scaling", 100),
        }  # fmt: skip
        arguments = module.parse_arguments([])
        again = module.assemble(arguments, {"workers": 2}, parts)
        assert again["rates"] == result["rates"]
        assert again["scaling"] == result["scaling"]

    def test_what_is_measured(self, module):
        keys = list(module.configurations(module.parse_arguments([])))
        assert keys[:2] == [("float32", "sersic"), ("float32", "cas")]
        assert keys[-1] == ("scaling", 100_000)
        arguments = module.parse_arguments(["--million"])
        assert list(module.configurations(arguments)) == [("scaling", 1_000_000)]

    def test_a_run_that_was_killed_goes_on(self, module, tmp_path, monkeypatch):
        measured, wanted = [], {"a": 1.0, "b": 2.0}

        def configurations(arguments):
            return {("float32", n): partial(measure, n) for n in wanted}

        def measure(name, parts):
            if name not in wanted or wanted[name] is None:
                raise KeyboardInterrupt
            measured.append(name)
            return {"not_run": name}

        monkeypatch.setattr(module, "configurations", configurations)
        arguments = module.parse_arguments(["--output", str(tmp_path)])
        wanted["b"] = None
        with pytest.raises(KeyboardInterrupt):
            module.measure_missing(arguments, "speed")
        found = json.loads((tmp_path / "speed.json").read_text())["rates"]["float32"]
        assert list(found) == ["a"]
        assert found["a"]["measured"]["code"]
        wanted["b"] = 2.0
        module.measure_missing(arguments, "speed")
        assert measured == ["a", "b"]
        # Of other code nothing is kept unless that is asked for.
        monkeypatch.setattr("parts.code", lambda: "other")
        arguments.any_code = True
        module.measure_missing(arguments, "speed")
        assert measured == ["a", "b"]
        arguments.any_code = False
        module.measure_missing(arguments, "speed")
        assert measured == ["a", "b", "a", "b"]
        arguments.size = 64
        module.measure_missing(arguments, "speed")
        assert len(measured) == 6

    def test_a_size_that_is_measured_already(self, module):
        arguments = module.parse_arguments([])
        parts = {("float32", "sersic"): {"tiles": row(800.0)}}
        found = module.measure_size(arguments, 1000, parts)
        assert found["asked"] == 1000
        assert found["milliseconds_a_galaxy"] == pytest.approx(1.25)

    def test_what_a_galaxy_takes(self, sources):
        stages = {"reading": 0.1, "cutting": 0.3, "writing": 0.0}
        summary = {"cpu_seconds": stages, "looks": {"sersic": 1250}}
        found = sources.a_galaxy(summary, 2.0, 1000)
        assert found["looks_a_galaxy"] == {"sersic": 1.25}
        cpu = found["cpu_milliseconds_a_galaxy"]
        assert cpu["all"] == 2.0
        assert cpu["inference"] == pytest.approx(1.6)

    @pytest.fixture
    def sources(self, load_benchmark):
        return load_benchmark("speed.catalog_sources")

    def test_targets_and_their_arguments(self, sources):
        assert sources.arguments_of("cas", "other")["sersic"] is None
        assert sources.arguments_of("both", "other")["sersic"]["model"] == "other"

    def test_a_child_measures_the_forward_pass(self, sources):
        settings = {"networks": ["sersic"], "precision": "float32", "batch_size": 4}
        settings |= {"part": 0, "seconds": 0.01, "model": "galnet1"}
        steps = sources.forward(settings)
        assert next(steps) is None
        found = next(steps)["sersic"]
        assert found["per_second"] > 0
        assert 1 < found["mflop"] < 1000

    def test_stamps_in_memory(self, sources, survey, load_benchmark, tmp_path):
        stacks = load_benchmark("scale.stacks")
        stack = stacks.simulate_stack(tmp_path / "stack.h5", survey, 8, 61)
        settings = {"target": "sersic", "precision": "float32", "batch_size": 4}
        settings |= {"model": "sersic", "stamps": 8}
        steps = sources.memory({**settings, **stack, "part": 1, "parts": 2})
        next(steps)
        found = next(steps)
        assert found["per_second"] > 0
        assert found["stamps"] == 4
        assert found["looks"] >= 4

    def test_surveys_are_made_once(self, load_benchmark, tmp_path):
        surveys = load_benchmark("scale.surveys")
        first = surveys.make_stacks(tmp_path, 6, 4, SIZE, 3)
        times = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.f*")}
        assert times
        assert surveys.make_stacks(tmp_path, 6, 4, SIZE, 3) == first
        assert surveys.make_tiles(tmp_path, 8, 4, SIZE, 3)["tiles"]
        assert times == {path: path.stat().st_mtime_ns for path in times}

    @pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
    def test_peak_memory(self, load_benchmark):
        assert load_benchmark("processes").peak_memory() > 2**24

    def test_a_child_that_fails(self, load_benchmark, tmp_path):
        script = tmp_path / "fails.py"
        script.write_text("raise SystemExit('no such thing')")
        with pytest.raises(RuntimeError, match="no such thing"):
            load_benchmark("processes").run_together(script, "x", {}, 2)

    def test_children_begin_together(self, load_benchmark, tmp_path):
        script = tmp_path / "child.py"
        script.write_text(
            "import json, sys\n"
            "print('ready', flush=True)\n"
            "sys.stdin.readline()\n"
            "print(json.dumps({'part': json.loads(sys.argv[4])['part']}))\n"
        )
        found = load_benchmark("processes").run_together(script, "x", {}, 2)
        assert [one["part"] for one in found] == [0, 1]


class TestPages:
    @pytest.fixture
    def pages(self, load_pages):
        self.results = {}
        return load_pages("catalog_pages", self.results)

    @pytest.fixture
    def survey_pages(self, pages, load_pages):
        return load_pages("survey_pages", self.results)

    def test_what_has_not_been_run_says_so(self, pages, survey_pages):
        for make in (*pages.PARTS.values(), *survey_pages.PARTS.values()):
            assert make() == "This benchmark has not been run."

    def test_speed(self, pages, load_benchmark, result):
        result["claims"] = load_benchmark("speed.end_to_end").claims(result)
        self.results["catalog_speed"] = result
        text = pages.speed()
        assert "0.92" in text
        assert "precision must be 'float32'" in text
        assert "missed" not in text
        missed = copy.deepcopy(result)
        missed["claims"]["linear_time"] = False
        self.results["catalog_speed"] = missed
        assert "**Goals that are missed: time per galaxy" in pages.speed()
        assert "2.000 (65%)" in pages.stages()
        assert "1.25" in pages.stages()
        assert "1,020" in pages.scaling()

    def test_a_billion(self, survey_pages, result):
        self.results["catalog_speed"] = result
        text = survey_pages.billion()
        # 1e10 measurements, 400 a second and core.
        assert "6,940" in text
        assert "$278" in text
        # 4 kB read and 300 B written for each.
        assert "\n     - 40\n" in text
        assert "\n     - 3\n" in text
        # 1.25e18 operations at a fifth of 495 TFLOP/s.
        assert "\n     - 3.5\n" in text
        assert "accelerator, measured" in text
        assert "inference: it takes 65% of" in text
        assert "4,000,000 tasks" in text

    def test_a_billion_on_a_device(self, survey_pages, result):
        self.results["catalog_speed"] = result
        rates = {"float32": {"per_second": {"host": 1e5, "call": 2e4}}}
        accelerator = {"device": "a GPU", "networks": {"sersic": rates}}
        self.results["accelerator"] = accelerator
        text = survey_pages.billion()
        # 1.25e10 stamps, 1e5 a second.
        assert "hours of a GPU (a GPU, measured)\n     - 35\n" in text
        accelerator["networks"] = {}
        assert "(a GPU, measured)\n     - \\-\n" in survey_pages.billion()

    def test_a_benchmark_that_is_under_way(self, pages, survey_pages, result):
        self.results["catalog_speed"] = {**result, "rates": {}}
        for make in (pages.speed, pages.stages, survey_pages.billion):
            assert make() == pages.NOT_RUN
        result["rates"].pop("float32")
        self.results["catalog_speed"] = result
        assert pages.speed() == pages.NOT_RUN

    def test_parts_of_other_code_are_told(self, pages, result):
        measured = {"date": "2026-01-02", "code": "a"}
        result["rates"]["float32"]["sersic"]["measured"] = measured
        result["scaling"][0]["measured"] = measured | {"date": "2026-01-03"}
        assert "by 2 states of it" in pages._dates(result)

    def test_faults(self, pages):
        found = {"rows": 60, "failed_rows": 5, "duplicates": 0, "half_files": 0}
        self.results["catalog_faults"] = {
            "settings": {"tiles": 12, "galaxies": 5, "workers": 2},
            "faults": {"tile vanishes": {**found, "as_expected": False}},
            "date": "today",
        }
        assert "tile vanishes" in pages.faults()
        assert "**no**" in pages.faults()
