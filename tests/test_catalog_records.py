# Licensed under a 3-clause BSD style license - see LICENSE
"""Tests of what a run keeps, and of what it refuses to go on with."""

import json
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from astropy.table import Table

from astro_cnnfit.catalog import records
from astro_cnnfit.catalog.fingerprint import (
    configuration,
    fingerprint,
    rows_digest,
)
from astro_cnnfit.catalog.lock import locked
from astro_cnnfit.catalog.resume import check_resume
from astro_cnnfit.catalog.tiles import Tile

pytest.importorskip("pyarrow")


class TestFingerprint:
    def test_spelling_of_a_path_is_no_difference(self, plan_bytes, monkeypatch):
        plan, _ = plan_bytes
        one = plan()
        folder = os.path.dirname(one.tasks[0].tile.path)
        monkeypatch.chdir(folder)
        others = [
            replace(task, tile=replace(task.tile, path=f"./{task.name}.fits"))
            for task in one.tasks
        ]
        old, new = (
            fingerprint(one.settings, tasks, one.unassigned)
            for tasks in (one.tasks, others)
        )
        assert configuration(old) == configuration(new)
        check_resume(old, new, {}, "out")

    def test_rows_are_compared_by_content(self):
        rows = Table({"id": np.array([1, 2]), "name": ["a", "bb"]})
        wide = Table(
            {"id": np.array([1, 2], ">i8"), "name": np.array(["a", "bb"], "U9")}
        )
        assert rows_digest(rows) == rows_digest(wide)
        for column, value in (("id", 3), ("name", "c")):
            other = rows.copy()
            other[column][1] = value
            assert rows_digest(other) != rows_digest(rows)
        assert rows_digest(rows[:1]) != rows_digest(rows)

    def test_masked_values_count(self):
        rows = Table({"id": [1, 2], "mag": np.ma.array([1.0, 2.0], mask=[0, 0])})
        other = rows.copy()
        other["mag"].mask[1] = True
        assert rows_digest(rows) != rows_digest(other)

    def test_it_is_plain(self, plan_bytes):
        plan, _ = plan_bytes
        one = plan(psf_oversampling=2.0)
        record = fingerprint(one.settings, one.tasks, one.unassigned)
        assert json.loads(json.dumps(record)) == record
        assert record["settings"]["psf_oversampling"] == 2.0


class TestResume:
    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            (
                {"psf_oversampling": 2.0},
                r"settings.psf_oversampling: 1.0 then, 2.0 now",
            ),
            (
                {"sersic": {"model": "sersic", "refine": True}},
                "settings.sersic.refine: null then, true now",
            ),
            (
                {"models": {"sersic": {"name": "sersic", "sha256": "ab"}}},
                "settings.sersic.model.*then.*now",
            ),
            ({"precision": "bfloat16"}, 'settings.precision: "float32" then'),
        ],
    )
    def test_other_settings_are_refused(self, plan_bytes, tmp_path, changes, message):
        plan, run = plan_bytes
        run(plan(), tmp_path / "out")
        before = sorted(path.name for path in (tmp_path / "out").rglob("*"))
        with pytest.raises(ValueError, match=message):
            run(plan(**changes), tmp_path / "out")
        assert before == sorted(path.name for path in (tmp_path / "out").rglob("*"))

    def test_batch_size_and_workers_may_change(self, plan_bytes, tmp_path):
        plan, run = plan_bytes
        run(plan(), tmp_path / "out")
        again = run(plan(batch_size=7), tmp_path / "out", retries=5)
        assert again.summary["measured"] == 0

    def test_other_rows_are_refused(self, plan_bytes, tmp_path):
        plan, run = plan_bytes
        run(plan(), tmp_path / "out")
        with pytest.raises(ValueError, match=r"tile t0.rows: 4 then, 5 now"):
            run(plan(rows=5), tmp_path / "out")

    @pytest.mark.parametrize(
        ("numbers", "message"),
        [((0, 1, 2, 3), "t3: no rows then, 4 now"), ((0, 1), "t2: 4 rows then, none")],
    )
    def test_other_tiles_are_refused(self, plan_bytes, tmp_path, numbers, message):
        plan, run = plan_bytes
        run(plan(), tmp_path / "out")
        with pytest.raises(ValueError, match=message):
            run(plan(numbers), tmp_path / "out")

    def test_other_hdu_is_refused(self, plan_bytes, tmp_path):
        plan, run = plan_bytes
        one = plan()
        run(one, tmp_path / "out")
        task = one.tasks[1]
        one.tasks[1] = replace(task, tile=replace(task.tile, hdu=2))
        with pytest.raises(ValueError, match=r"tile t1.tile.hdu: null then, 2 now"):
            run(one, tmp_path / "out")

    def test_changed_tile_is_refused(self, plan_bytes, tmp_path):
        plan, run = plan_bytes
        run(plan(), tmp_path / "out")
        path = tmp_path / "tiles" / "t1.fits"
        path.write_bytes(b"tile X end")
        with pytest.raises(ValueError, match=r"tile t1: t1.fits has changed .*10 b"):
            run(plan(), tmp_path / "out")

    def test_touched_or_vanished_tile_is_the_same(self, plan_bytes, tmp_path):
        plan, run = plan_bytes
        run(plan(), tmp_path / "out")
        tiles = tmp_path / "tiles"
        os.utime(tiles / "t1.fits", (1, 1))
        again = plan()
        (tiles / "t2.fits").unlink()
        assert run(again, tmp_path / "out").summary["measured"] == 0

    def test_tile_that_is_mended_may_bring_its_galaxies(self, plan_bytes, tmp_path):
        # Without its header, galaxies are known to be on no tile, or on others.
        plan, run = plan_bytes
        whole = plan()
        broken = plan()
        path = tmp_path / "tiles" / "t1.fits"
        path.write_bytes(b"")
        task = broken.tasks[1]
        broken.tasks[1] = replace(task, rows=task.rows[:0])
        lost = Table({"id": task.rows["id"], "reason": ["no tile"] * 4})
        result = run(replace(broken, unassigned=lost), tmp_path / "out", retries=0)
        assert result.summary["failed_tiles"] == 1
        with pytest.raises(ValueError, match=r"t1.rows: 0 then, 4 now"):
            run(whole, tmp_path / "out")
        path.write_bytes(b"tile 1 end")
        again = run(whole, tmp_path / "out")
        assert again.summary["rows"] == 12
        assert again.summary["measured"] == 4

    def test_mended_tile_may_not_take_galaxies_from_others(self, plan_bytes, tmp_path):
        plan, run = plan_bytes
        one = plan()
        path = tmp_path / "tiles" / "t1.fits"
        path.write_bytes(b"")
        run(one, tmp_path / "out", retries=0)
        path.write_bytes(b"tile 1 end")
        one.tasks[0] = replace(one.tasks[0], rows=one.tasks[0].rows[:3])
        with pytest.raises(ValueError, match=r"t0.rows: 4 then, 3 now"):
            run(one, tmp_path / "out")

    def test_damaged_side_file_is_measured_again(self, plan_bytes, tmp_path):
        plan, run = plan_bytes
        run(plan(), tmp_path / "out")
        (tmp_path / "out" / "tiles" / "t1.json").write_text('{"task": "t1"')
        again = run(plan(), tmp_path / "out")
        assert again.summary["measured"] == 4
        assert again.summary["rows"] == 12

    def test_part_of_another_size_is_measured_again(self, plan_bytes, tmp_path):
        plan, run = plan_bytes
        part = run(plan(), tmp_path / "out").output / "catalog/tile=t1/galaxies.parquet"
        part.write_bytes(part.read_bytes()[:-9])
        again = run(plan(), tmp_path / "out")
        assert again.summary["measured"] == 4
        assert len(again.table()) == 12


class TestTidy:
    def test_leftovers_go_and_what_counts_stays(self, tmp_path):
        left = ["run.7.partial", "tiles/a.7.partial", "catalog/tile=a/.g.7.partial"]
        left += ["catalog/tile=b/galaxies.parquet", "tiles/b.json"]
        kept = ["catalog/tile=a/galaxies.parquet", "tiles/a.json", "notes.txt"]
        for name in left + kept:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("")
        records.tidy(tmp_path, {"a"})
        assert not any((tmp_path / name).exists() for name in left)
        assert all((tmp_path / name).exists() for name in kept)
        assert not (tmp_path / "catalog/tile=b").exists()


class TestFailures:
    def test_identifiers_are_exact(self, tmp_path):
        ids = np.array([2**60 + 1, 2**60 + 3])
        failures = [
            {"tile": "a", "ids": ids, "reason": "OSError: x", "attempts": 3},
            {"tile": "b", "ids": ids[:0], "reason": "gone", "attempts": 1},
            {"tile": "", "ids": ids[1:], "reason": "no tile", "attempts": 0},
        ]
        records.write_failures(tmp_path, failures)
        table = records.read_failures(tmp_path)
        assert list(table["count"]) == [2, 0, 1]
        assert list(table["tile"]) == ["a", "b", ""]
        assert list(table["attempts"]) == [3, 1, 0]
        assert [list(own) for own in table["ids"]] == [list(ids), [], [ids[1]]]

    def test_identifiers_may_be_text(self, tmp_path):
        failures = [
            {"tile": "a", "ids": Table({"id": ["J1", "J22"]})["id"], "reason": "r",
             "attempts": 1},
        ]  # fmt: skip
        records.write_failures(tmp_path, failures)
        assert list(records.read_failures(tmp_path)["ids"][0]) == ["J1", "J22"]

    def test_none(self, tmp_path):
        records.write_failures(tmp_path, [])
        assert len(records.read_failures(tmp_path)) == 0


class TestLock:
    def test_second_driver_is_refused_and_told_of_the_first(self, tmp_path):
        with locked(tmp_path), pytest.raises(ValueError, match=rf"\({os.getpid()} on "):
            locked(tmp_path).__enter__()
        with locked(tmp_path):
            pass

    def test_lock_of_a_dead_process_is_taken_over(self, tmp_path):
        code = (
            "import os, sys\n"
            "from astro_cnnfit.catalog.lock import locked\n"
            "with locked(sys.argv[1]):\n"
            "    os.kill(os.getpid(), 9)\n"
        )
        process = subprocess.run([sys.executable, "-c", code, tmp_path], check=False)
        assert process.returncode == -9
        assert (tmp_path / "run.lock").stat().st_size > 0
        with locked(tmp_path):
            pass


def test_a_stack_has_no_checksum(plan_bytes, tmp_path):
    plan, run = plan_bytes
    one = plan((0,))
    tile = Tile("t0", one.tasks[0].tile.path, kind="stack")
    one.tasks[0] = replace(one.tasks[0], tile=tile)
    run(one, tmp_path / "out")
    side = json.loads((tmp_path / "out/tiles/t0.json").read_text())
    assert side["inputs"][0]["sha256"] is None
    assert side["inputs"][0]["size"] == 10
