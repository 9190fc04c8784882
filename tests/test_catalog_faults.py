# Licensed under a 3-clause BSD style license - see LICENSE
"""Tests of drivers that end before their run, and of the benchmark of faults."""

import os
import pickle
import signal
import subprocess
import sys
import time
from collections import Counter

import numpy as np
import pytest
from astropy.table import Table

from astro_cnnfit.catalog import records

pytest.importorskip("pyarrow")
pytest.importorskip("distributed")
psutil = pytest.importorskip("psutil")

# A driver with two workers, and tiles that take their time.
DRIVER = """
import pickle, sys, time
from functools import partial
from pathlib import Path
from astropy.table import QTable
from astro_cnnfit.catalog.dataset import write_part
from astro_cnnfit.catalog.part import measure_part
from astro_cnnfit.catalog.run import run_plan

def measure(task, settings, output):
    time.sleep(0.4)
    table = QTable({"id": task.rows["id"], "flux_fit": task.rows["x"] * 10})
    path, size = write_part(table, output, task.name)
    return {
        "task": task.name, "rows": len(table), "flags": {}, "bytes": size,
        "seconds": {"reading": 0.4},
    }

if __name__ == "__main__":
    plan = pickle.loads(Path(sys.argv[1]).read_bytes())
    function = partial(measure_part, measure=measure)
    run_plan(plan, sys.argv[2], workers=2, function=function)
"""


def wait_until(true, seconds=120):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "nothing happens"
        time.sleep(0.02)


def measured(output):
    return len(list((output / "tiles").glob("*.json")))


@pytest.fixture
def can_be_interrupted():
    """Let children take Ctrl-C, which what a shell runs in the background ignores."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("can_be_interrupted")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_driver_that_ends_leaves_no_worker_and_the_run_goes_on(
    plan_bytes, tmp_path, how
):
    plan, run = plan_bytes
    # So many that a busy machine does not end before it is stopped.
    one = plan(range(40))
    (tmp_path / "plan.pickle").write_bytes(pickle.dumps(one))
    (tmp_path / "driver.py").write_text(DRIVER)
    output = tmp_path / "out"
    names = ("driver.py", "plan.pickle", "out")
    driver = subprocess.Popen(
        [sys.executable, *(str(tmp_path / name) for name in names)],
        start_new_session=True,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: measured(output) >= 2 or driver.poll() is not None)
        assert driver.poll() is None
        family = psutil.Process(driver.pid).children(recursive=True)
        if how == signal.SIGINT:
            # As a terminal does, to all of them.
            os.killpg(driver.pid, how)
        else:
            os.kill(driver.pid, how)
        assert driver.wait(60) != 0
    finally:
        driver.kill()
        driver.wait()
    assert len(family) >= 2
    assert not psutil.wait_procs(family, timeout=10)[1]
    assert not (output / "summary.json").exists()
    done = dict(records.read_sides(output, [task.name for task in one.tasks]))
    assert 2 <= len(done) < 40
    result = run(plan(range(40)), output)
    table = result.table()
    expected = {int(i) for task in one.tasks for i in task.rows["id"]}
    assert Counter(table["id"].tolist()) == Counter(expected)
    assert result.summary["measured"] == 4 * (40 - len(done))
    assert not list(output.rglob("*.partial"))


class TestBenchmark:
    @pytest.fixture
    def faults(self, load_benchmark):
        return load_benchmark("scale.faults")

    @pytest.fixture
    def output(self, plan_bytes, tmp_path):
        """A run over tiles that are named as those of the benchmark."""
        plan, run = plan_bytes
        self.whole = run(plan(), tmp_path / "whole").table()
        return run(plan(), tmp_path / "out").output

    def test_undisturbed_run_is_as_expected(self, faults, output):
        failures = records.read_failures(output)[:0]
        found = faults.outcome(
            output, self.whole, {"failures": failures, "expected": set()}
        )
        assert found["as_expected"]
        assert found["same_numbers"]
        assert found["rows"] == 12
        assert found["duplicates"] == found["half_files"] == found["failed_rows"] == 0

    def test_what_is_not_as_it_should_be_is_seen(self, faults, output):
        none = records.read_failures(output)[:0]

        def as_expected(whole=self.whole, failures=none, **told):
            told = {"failures": failures, "expected": set(), **told}
            return faults.outcome(output, whole, told)["as_expected"]

        assert not as_expected(self.whole[:-1])
        assert not as_expected(expected={1})
        assert not as_expected(fine=False)
        ids = np.empty(1, object)
        ids[0] = np.asarray(self.whole["id"][:1])
        failed = Table({"tile": ["tile_00001"], "reason": ["r"], "attempts": [1]})
        failed["ids"] = ids
        assert not as_expected(failures=failed, expected={1})
        assert not as_expected(failures=failed)
        (output / ".a.partial").write_text("")
        assert not as_expected()

    def test_reasons_name_no_place_of_one_machine(self, faults):
        row = {"reason": "OSError: tile 'a': /some/where/a.fits: not readable"}
        assert faults._reason(row) == "OSError: tile 'a': a.fits: not readable"
