# Licensed under a 3-clause BSD style license - see LICENSE
"""Tests of whole runs: their result, and what they survive."""

import errno
import json
import os
from collections import Counter
from contextlib import suppress
from itertools import count
from pathlib import Path

import numpy as np
import pytest

from astro_cnnfit.catalog.cluster import connected
from astro_cnnfit.catalog.plan import make_plan
from astro_cnnfit.catalog.run import CatalogRun, check_output, run_plan
from astro_cnnfit.catalog.scheduler import RunStopped
from astro_cnnfit.catalog.summary import format_summary

pytest.importorskip("pyarrow")


def rows(output):
    """Identifiers and values of a catalogue, as often as they are there."""
    table = CatalogRun(Path(output), {}).table()
    if not table.colnames:
        return Counter()
    return Counter(zip(table["id"].tolist(), table["flux_fit"].tolist(), strict=True))


def leftovers(output):
    """Files that should not be there once a run is at its end."""
    known = {"run.json", "run.lock", "summary.json", "failures.parquet"}
    names = {path.name for path in Path(output).iterdir() if path.is_file()} - known
    return names | {path.name for path in Path(output).rglob("*.partial")}


class TestUndisturbed:
    def test_every_galaxy_has_its_row(self, plan_bytes, tmp_path):
        plan, run = plan_bytes
        one = plan()
        result = run(one, tmp_path / "out")
        expected = {
            (int(row["id"]), float(row["x"] * 10)): 1
            for task in one.tasks
            for row in task.rows
        }
        assert rows(tmp_path / "out") == expected
        assert not leftovers(tmp_path / "out")
        assert result.summary["rows"] == result.summary["measured"] == 12
        assert result.summary["flags"] == {"flags": {"low_snr": 12}}
        assert result.summary["seconds"]["inference"] == 4.5
        assert result.summary["share"]["inference"] == pytest.approx(0.75, abs=0.01)
        assert result.summary["galaxies_per_second"] > 0

    def test_rows_on_no_tile_are_kept(self, plan_bytes, tmp_path):
        plan, run = plan_bytes
        result = run(plan(), tmp_path / "out")
        assert result.summary["rows_on_no_tile"] == 2
        assert result.summary["failed_tiles"] == 0
        (row,) = result.failures
        assert row["reason"] == "no tile"
        assert list(row["ids"]) == [5, 6]

    def test_side_file_says_how_the_part_came_to_be(self, plan_bytes, tmp_path):
        plan, run = plan_bytes
        run(plan(), tmp_path / "out")
        side = json.loads((tmp_path / "out/tiles/t1.json").read_text())
        assert side["rows"] == 4
        assert side["bytes"] == (tmp_path / "out" / side["part"]).stat().st_size
        (tile,) = side["inputs"]
        assert tile["size"] == 10
        assert len(tile["sha256"]) == 64
        assert side["versions"]["numpy"] == np.__version__
        for name in (
            "configuration",
            "rows_sha256",
            "flags",
            "seconds",
            "total_seconds",
        ):
            assert side[name]

    def test_summary_reads_well(self, plan_bytes, tmp_path):
        plan, run = plan_bytes
        one = plan()
        (tmp_path / "tiles" / "t1.fits").write_bytes(b"half")
        lines = format_summary(run(one, tmp_path / "out", retries=0).summary)
        assert lines[0] == "8 galaxies on 2 tiles"
        assert "galaxies per second" in lines[1]
        assert "inference 75%" in lines[2]
        assert lines[3:] == [
            "flags: low_snr 8",
            "FAILED: 1 tile with 4 galaxies",
            "2 galaxies of the catalogue on no tile",
        ]

    def test_progress_counts_galaxies(self, plan_bytes, tmp_path, capsys):
        plan, run = plan_bytes
        run(plan(), tmp_path / "out", progress_bar=True)
        assert "12.0/12.0" in capsys.readouterr().err


class TestFailures:
    def test_the_rest_is_measured_and_the_same_call_tries_again(
        self, plan_bytes, tmp_path
    ):
        plan, run = plan_bytes
        one = plan()
        tiles = tmp_path / "tiles"
        (tiles / "t0.fits").unlink()
        (tiles / "t2.fits").write_bytes(b"tile")
        result = run(one, tmp_path / "out", retries=1)
        found = {row["tile"]: row for row in result.failures if row["tile"]}
        assert set(found) == {"t0", "t2"}
        assert found["t0"]["reason"].startswith("FileNotFoundError")
        assert found["t2"]["reason"].endswith("t2.fits is truncated")
        assert {row["attempts"] for row in found.values()} == {2}
        assert list(found["t0"]["ids"]) == list(one.tasks[0].rows["id"])
        assert result.summary["failed_rows"] == 8
        assert len(result.table()) == 4
        assert not leftovers(tmp_path / "out")
        for name in ("t0", "t2"):
            (tiles / f"{name}.fits").write_bytes(b"mended end")
        again = run(plan(), tmp_path / "out")
        assert again.summary["failed_tiles"] == 0
        assert again.summary["measured"] == 8
        assert len(again.table()) == 12

    def test_part_of_a_tile_that_failed_does_not_stay(self, plan_bytes, tmp_path):
        plan, run = plan_bytes
        one = plan()
        run(one, tmp_path / "out")
        (tmp_path / "out/tiles/t1.json").unlink()
        (tmp_path / "tiles" / "t1.fits").unlink()
        result = run(one, tmp_path / "out", retries=0)
        assert result.summary["failed_tiles"] == 1
        assert len(result.table()) == 8

    def test_tile_that_changes_while_it_is_measured(
        self, plan_bytes, tmp_path, monkeypatch
    ):
        from astro_cnnfit.catalog import part

        plan, run = plan_bytes
        one = plan((0,))
        path = tmp_path / "tiles" / "t0.fits"
        digest = part.checksum

        def change(name):
            value = digest(name)
            path.write_bytes(path.read_bytes() + b" end")
            return value

        monkeypatch.setattr(part, "checksum", change)
        result = run(one, tmp_path / "out", retries=0)
        assert "was changed while it was measured" in result.failures["reason"][0]
        assert not (tmp_path / "out/catalog/tile=t0").exists()

    def test_another_version_on_a_worker(self, plan_bytes, tmp_path, monkeypatch):
        from astro_cnnfit.catalog import part

        plan, run = plan_bytes
        monkeypatch.setattr(part.astro_cnnfit, "__version__", "0.0.1")
        monkeypatch.setattr("astro_cnnfit.catalog.run._short", lambda record: {
            "version": "0.1.0", "configuration": ""
        })  # fmt: skip
        result = run(plan((0,)), tmp_path / "out", retries=0)
        assert "a worker has astro_cnnfit 0.0.1" in result.failures["reason"][0]

    def test_failing_tile_without_rows_is_told(self, plan_bytes, tmp_path):
        plan, run = plan_bytes
        one = plan((0,), rows=0)
        (tmp_path / "tiles" / "t0.fits").unlink()
        result = run(one, tmp_path / "out", retries=0)
        assert result.summary["failed_tiles"] == 1
        assert result.summary["failed_rows"] == 0


class Killed(BaseException):
    """Nothing that is written after it gets to the disk."""


class Disk:
    """Has the process die at one of the moments at which files come to be."""

    def __init__(self, monkeypatch, moment):
        self.left = moment
        for module, name in ((os, "replace"), (os, "fsync")):
            monkeypatch.setattr(module, name, self._dying(getattr(module, name)))
        unlink = Path.unlink
        monkeypatch.setattr(
            Path, "unlink", lambda *a, **k: self.left >= 0 and unlink(*a, **k)
        )

    def _dying(self, call):
        def before_or_after(*args, **kwargs):
            self.left -= 1
            if self.left < 0:
                raise Killed
            value = call(*args, **kwargs)
            self.left -= 1
            if self.left < 0:
                raise Killed
            return value

        return before_or_after


class TestKilled:
    def test_the_same_call_gives_what_an_undisturbed_one_does(
        self, plan_bytes, tmp_path, monkeypatch
    ):
        plan, run = plan_bytes
        whole = run(plan((0, 1)), tmp_path / "whole")
        expected = rows(whole.output)
        for moment in count():
            output = tmp_path / f"out{moment}"
            with monkeypatch.context() as patch:
                disk = Disk(patch, moment)
                with suppress(Killed):
                    run(plan((0, 1)), output)
            # What a reader takes for whole is whole.
            if (output / "catalog").exists():
                assert rows(output) <= expected
            again = run(plan((0, 1)), output)
            assert rows(output) == expected
            assert not leftovers(output)
            for key in ("rows", "tiles", "flags", "failed_tiles", "rows_on_no_tile"):
                assert again.summary[key] == whole.summary[key]
            if disk.left >= 0:
                break
        # Two moments at least for two parts, their side files, and three others.
        assert moment >= 14

    def test_interrupt_leaves_no_end(self, plan_bytes, tmp_path):
        plan, run = plan_bytes
        one = plan()
        run(one, tmp_path / "out")
        (tmp_path / "out/tiles/t2.json").unlink()

        def interrupted(*args):
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            run_plan(one, tmp_path / "out", client="serial", function=interrupted)
        assert not (tmp_path / "out/summary.json").exists()
        assert run(plan(), tmp_path / "out").summary["rows"] == 12


class TestFullDisk:
    def test_run_stops_and_goes_on(self, plan_bytes, tmp_path, monkeypatch):
        from astro_cnnfit.catalog import dataset

        plan, run = plan_bytes
        write, written = dataset.write_parquet, []

        def fill(table, path, *args):
            if len(written) == 1:
                path.parent.mkdir()
                path.with_name(".galaxies.parquet.1.partial").write_bytes(b"half")
                raise OSError(errno.ENOSPC, "No space left on device")
            written.append(path)
            return write(table, path, *args)

        with monkeypatch.context() as patch:
            patch.setattr(dataset, "write_parquet", fill)
            with pytest.raises(RunStopped, match="no space left on the disk"):
                run(plan(), tmp_path / "out")
        assert not (tmp_path / "out/failures.parquet").exists()
        result = run(plan(), tmp_path / "out")
        assert result.summary["measured"] == 8
        assert result.summary["failed_tiles"] == 0
        assert not leftovers(tmp_path / "out")


class TestOnCluster:
    def test_result_is_that_of_a_serial_run(self, plan_bytes, tmp_path):
        import sys

        import cloudpickle

        plan, run = plan_bytes
        one = plan(range(8))
        run(one, tmp_path / "serial")
        (tmp_path / "tiles" / "t3.fits").write_bytes(b"exit")
        (tmp_path / "tiles" / "t5.fits").unlink()
        measure = run.keywords["function"].keywords["measure"]
        module = sys.modules[measure.__module__]
        cloudpickle.register_pickle_by_value(module)
        try:
            with connected(workers=2) as client:
                result = run(one, tmp_path / "out", client=client, retries=1)
        finally:
            cloudpickle.unregister_pickle_by_value(module)
        lost = {row["tile"]: row["reason"] for row in result.failures if row["tile"]}
        assert set(lost) == {"t3", "t5"}
        assert lost["t3"].startswith("its worker died")
        ids = {int(i) for n in (3, 5) for i in one.tasks[n].rows["id"]}
        expected = rows(tmp_path / "serial")
        assert rows(tmp_path / "out") == {
            k: n for k, n in expected.items() if k[0] not in ids
        }
        assert not leftovers(tmp_path / "out")


@pytest.mark.parametrize(
    ("size", "error", "message"),
    [
        (0, ValueError, "chunk_size must be at least 1, got 0"),
        (2.5, TypeError, "chunk_size must be a whole number, got 2.5"),
        (True, TypeError, "chunk_size must be a whole number, got True"),
    ],
)
def test_bad_chunk_sizes(size, error, message):
    with pytest.raises(error, match=message):
        make_plan("tiles", None, chunk_size=size)


def test_chunk_size_is_that_of_stacks(tmp_path, bundled):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["stamps"] = np.zeros((5, 61, 61), "f4")
    plan = make_plan(tmp_path / "a.h5", None, chunk_size=np.int64(4))
    assert [len(task.rows) for task in plan.tasks] == [4, 1]


class TestCheck:
    def test_nothing_is_written(self, plan_bytes, tmp_path):
        plan, _ = plan_bytes
        assert check_output(plan(), tmp_path / "out") == 0
        assert not (tmp_path / "out").exists()

    def test_done_tiles_are_counted_and_others_refused(self, plan_bytes, tmp_path):
        plan, run = plan_bytes
        run(plan(), tmp_path / "out")
        assert check_output(plan(), tmp_path / "out") == 3
        with pytest.raises(ValueError, match="psf_oversampling"):
            check_output(plan(psf_oversampling=3.0), tmp_path / "out")

    @pytest.mark.parametrize("retries", [-1, 1.5])
    def test_bad_retries(self, plan_bytes, tmp_path, retries):
        plan, run = plan_bytes
        with pytest.raises(ValueError, match="retries must be a whole number"):
            run(plan(), tmp_path / "out", retries=retries)
