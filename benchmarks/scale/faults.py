# Licensed under a 3-clause BSD style license - see LICENSE
"""
What a catalogue run survives, on a cluster of two workers.

    python benchmarks/scale/faults.py

Small tiles are simulated and measured without Dask, undisturbed. Then the same run
meets one fault after the other, each in an output of its own, and then all faults of
tiles and workers at once. Each must end with the rows of the undisturbed run, less
those that it records as failed: none twice, and no half file.
"""

import argparse
import errno
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from functools import partial
from pathlib import Path

import numpy as np
import psutil
from astropy.table import Table

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parent))
from common import print_table, provenance, write_result
from simulated_tiles import ZEROPOINT, simulate_tiles

SEED = 20_265
# Tiles that are disturbed, by number.
EXITS, TRUNCATED, VANISHES = 2, 5, 7
DONE_BEFORE = 3
PATIENCE = 300.0


def main():
    """Meet all faults, and write down how each ended."""
    # As on the workers, so that numbers are the same.
    os.environ["TF_NUM_INTRAOP_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    given = parse_arguments()
    if given.drive:
        run(*given.drive, workers=2)
        return
    with tempfile.TemporaryDirectory() as folder:
        result = meet_faults(Path(folder), given)
    result = provenance(
        SEED, tiles=given.tiles, galaxies=given.galaxies, size=given.size, workers=2
    ) | {"faults": result}
    columns = (
        "rows",
        "failed_rows",
        "duplicates",
        "half_files",
        "as_expected",
        "seconds",
    )
    names = list(result["faults"])
    table = Table({"fault": names})
    for column in columns:
        table[column] = [result["faults"][name][column] for name in names]
    print_table(table, "Faults")
    write_result("catalog_faults", result, given.output)
    if not all(row["as_expected"] for row in result["faults"].values()):
        raise SystemExit(1)


def parse_arguments():
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--tiles", type=int, default=12)
    parser.add_argument("--galaxies", type=int, default=60, help="on each tile")
    parser.add_argument("--size", type=int, default=400, help="of a tile, in pixels")
    parser.add_argument("--output", help="folder of the JSON file")
    parser.add_argument("--only", nargs="+", choices=FAULTS, default=list(FAULTS))
    # How this script begins the drivers that it kills.
    parser.add_argument("--drive", nargs=2, help=argparse.SUPPRESS)
    return parser.parse_args()


def meet_faults(folder, given):
    """Run undisturbed, then with each fault; return how each ended."""
    from astro_cnnfit.catalog.cluster import connected

    survey = folder / "survey"
    simulate_tiles(survey, given.tiles, given.galaxies, given.size, SEED)
    whole = run(survey, folder / "serial", client="serial").table()
    result = {}
    with connected(workers=2) as client:
        for name in given.only:
            own, output = folder / "disturbed", folder / name.replace(" ", "_")
            # With their times of change.
            shutil.copytree(survey, own)
            start = time.perf_counter()
            told = FAULTS[name](own, output, client)
            result[name] = {
                **outcome(output, whole, told), "seconds": time.perf_counter() - start
            }  # fmt: skip
            shutil.rmtree(own)
            print(f"{name}: {result[name]}", flush=True)
    return result


def run(survey, output, *, between=None, measure=None, **options):
    """
    Measure the survey.

    Parameters
    ----------
    survey : path-like
        Folder of `simulate_tiles`.
    output : path-like
        Folder of the catalogue.
    between : callable, optional
        Called with the tiles' folder when all is planned and nothing measured.
    measure : callable, optional
        Instead of `~astro_cnnfit.catalog.measure.measure_task`.
    **options
        For `~astro_cnnfit.catalog.run.run_plan`, and ``refine``.

    Returns
    -------
    `~astro_cnnfit.catalog.run.CatalogRun`
    """
    from astro_cnnfit.catalog.part import measure_part
    from astro_cnnfit.catalog.plan import make_plan
    from astro_cnnfit.catalog.run import run_plan

    survey = Path(survey)
    plan = make_plan(
        survey / "tiles", survey / "catalog.parquet",
        psf=str(survey / "psfs" / "{stem}.fits"), zeropoint=ZEROPOINT,
        sersic={"refine": options.pop("refine", False)},
    )  # fmt: skip
    if between is not None:
        between(survey / "tiles")
    if measure is not None:
        options["function"] = partial(measure_part, measure=measure)
    return run_plan(plan, output, **options)


def tile_path(tiles, number):
    """Path of a tile."""
    return Path(tiles) / f"tile_{number:05d}.fits.fz"


def exit_at(names, task, settings, output):
    """Measure a task, but end the process, without a word, at some tiles."""
    from astro_cnnfit.catalog.measure import measure_task

    if task.tile.name in names:
        os._exit(1)
    return measure_task(task, settings, output)


def truncate(tiles):
    """Cut a tile in its middle."""
    path = tile_path(tiles, TRUNCATED)
    os.truncate(path, path.stat().st_size // 2)


def vanish(tiles):
    """Remove a tile."""
    tile_path(tiles, VANISHES).unlink()


def done(output):
    """Number of tiles that are measured and written down."""
    return len(list((Path(output) / "tiles").glob("*.json")))


def wait_until(true):
    """Wait for something to be true, with an end to patience."""
    end = time.monotonic() + PATIENCE
    while not true():
        if time.monotonic() > end:
            raise TimeoutError("nothing happens")
        time.sleep(0.05)


def when_some_are_done(output, act):
    """Begin a thread that acts in the middle of a run."""

    def wait_and_act():
        wait_until(lambda: done(output) >= DONE_BEFORE)
        act()

    thread = threading.Thread(target=wait_and_act, daemon=True)
    thread.start()
    return thread


def kill_a_worker(client):
    """Kill one of the workers."""
    pids = list(client.run(os.getpid).values())
    os.kill(pids[0], signal.SIGKILL)


def worker_killed(survey, output, client):
    """A worker is killed in the middle of the run."""
    thread = when_some_are_done(output, partial(kill_a_worker, client))
    result = run(survey, output, client=client)
    thread.join()
    return {"failures": result.failures, "expected": set()}


def driver_killed(survey, output, client, how=signal.SIGKILL):
    """The driver is killed in the middle of the run, and begun again."""
    left = interrupted_driver(survey, output, how)
    before = done(output)
    result = run(survey, output, client=client)
    measured = result.summary["measured"] < result.summary["rows"]
    return {
        "failures": result.failures, "expected": set(), "tiles_before": before,
        "workers_left": left, "fine": before >= DONE_BEFORE and not left and measured,
    }  # fmt: skip


def interrupted_driver(survey, output, how):
    """Begin a driver with two workers and end it; return how many of them are left."""
    command = [sys.executable, __file__, "--drive", str(survey), str(output)]
    # In a session of its own, as in a terminal, so that a key reaches its workers.
    driver = subprocess.Popen(
        command, start_new_session=True, stderr=subprocess.DEVNULL
    )
    wait_until(lambda: done(output) >= DONE_BEFORE or driver.poll() is not None)
    family = psutil.Process(driver.pid).children(recursive=True)
    if how == signal.SIGINT:
        os.killpg(driver.pid, how)
    else:
        os.kill(driver.pid, how)
    driver.wait()
    return len(psutil.wait_procs(family, timeout=20)[1])


def tile_exits(survey, output, client):
    """A tile ends every worker that reads it."""
    name = tile_path(survey, EXITS).name.removesuffix(".fits.fz")
    result = run(survey, output, client=client, measure=partial(exit_at, {name}))
    return {"failures": result.failures, "expected": {EXITS}}


def tile_truncated(survey, output, client):
    """A tile is cut short after the run was planned."""
    result = run(survey, output, client=client, between=truncate)
    return {"failures": result.failures, "expected": {TRUNCATED}}


def tile_vanishes(survey, output, client):
    """A tile is removed after the run was planned."""
    result = run(survey, output, client=client, between=vanish)
    return {"failures": result.failures, "expected": {VANISHES}}


def other_configuration(survey, output, client):
    """A run goes on with another configuration: it is refused, and nothing lost."""
    result = run(survey, output, client=client)
    try:
        run(survey, output, client=client, refine=True)
        refused = ""
    except ValueError as error:
        refused = str(error).split("inputs: ")[-1]
    return {
        "failures": result.failures, "expected": set(), "refused": refused,
        "fine": "settings.sersic.refine: false then, true now" in refused,
    }  # fmt: skip


def scheduler_lost(survey, output, client):
    """The scheduler ends in the middle of the run, which goes on with another."""
    from distributed import Client, LocalCluster

    from astro_cnnfit.catalog.scheduler import RunStopped

    cluster = LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=":0", silence_logs=50
    )
    with cluster, Client(
        cluster.scheduler_address, timeout="2s", set_as_default=False
    ) as own:  # fmt: skip
        thread = when_some_are_done(output, cluster.close)
        try:
            run(survey, output, client=own)
            told = ""
        except RunStopped as error:
            told = str(error)
        thread.join()
    before = done(output)
    result = run(survey, output, client=client)
    return {
        "failures": result.failures, "expected": set(), "told": told.split(" at ")[0],
        "tiles_before": before, "fine": "scheduler" in told,
    }  # fmt: skip


def full_at(marker, task, settings, output):
    """Measure a task, but on a disk that is full from some tile on."""
    from astro_cnnfit.catalog.measure import measure_task

    if Path(marker).exists() and task.tile.name >= Path(marker).read_text():
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    return measure_task(task, settings, output)


def disk_full(survey, output, client):
    """The disk fills up in the middle of the run, which goes on when it has room."""
    from astro_cnnfit.catalog.scheduler import RunStopped

    marker = survey / "full"
    marker.write_text(tile_path("", DONE_BEFORE).name)
    measure = partial(full_at, str(marker))
    try:
        run(survey, output, client=client, measure=measure)
        told = ""
    except RunStopped as error:
        told = str(error).split(" (")[0]
    before = done(output)
    marker.unlink()
    result = run(survey, output, client=client, measure=measure)
    return {
        "failures": result.failures, "expected": set(), "told": told,
        "tiles_before": before, "fine": "no space" in told,
    }  # fmt: skip


def second_driver(survey, output, client):
    """Another driver has the output: this one is refused until it has ended."""
    from astro_cnnfit.catalog.lock import locked

    with locked(output):
        try:
            run(survey, output, client=client)
            refused = ""
        except ValueError as error:
            refused = str(error)
    result = run(survey, output, client=client)
    return {
        "failures": result.failures, "expected": set(),
        "fine": "is being written by another process" in refused,
    }  # fmt: skip


def all_at_once(survey, output, client):
    """A worker killed, and a tile that exits, one truncated and one gone."""

    def disturb(tiles):
        truncate(tiles)
        vanish(tiles)

    name = tile_path(survey, EXITS).name.removesuffix(".fits.fz")
    thread = when_some_are_done(output, partial(kill_a_worker, client))
    result = run(
        survey, output, client=client, between=disturb, measure=partial(exit_at, {name})
    )
    thread.join()
    return {"failures": result.failures, "expected": {EXITS, TRUNCATED, VANISHES}}


FAULTS = {
    "worker killed": worker_killed,
    "driver killed": driver_killed,
    "driver interrupted": partial(driver_killed, how=signal.SIGINT),
    "tile ends its worker": tile_exits,
    "tile truncated": tile_truncated,
    "tile vanishes": tile_vanishes,
    "other configuration": other_configuration,
    "scheduler lost": scheduler_lost,
    "disk full": disk_full,
    "second driver": second_driver,
    "all at once": all_at_once,
}


def outcome(output, whole, told):
    """
    Compare what a run left with the undisturbed one.

    Parameters
    ----------
    output : path-like
        Folder of the catalogue.
    whole : `~astropy.table.QTable`
        The undisturbed catalogue.
    told : dict
        ``failures`` as the run recorded them, ``expected`` numbers of the tiles that
        must fail, ``fine`` if something else must be so, and anything to show.

    Returns
    -------
    dict
        ``as_expected`` is what counts.
    """
    from astro_cnnfit.catalog import read_catalog

    table, failures = read_catalog(output), told.pop("failures")
    lost = np.concatenate([np.empty(0, np.int64), *failures["ids"]])
    names = {
        tile_path("", number).name.split(".")[0] for number in told.pop("expected")
    }
    table.sort("id")
    kept = whole[~np.isin(whole["id"], lost)]
    kept.sort("id")
    same = np.array_equal(table["id"], kept["id"])
    half = [path for path in Path(output).rglob("*.partial")]
    as_expected = same and not half and set(failures["tile"]) == names
    return {
        "rows": len(table),
        "rows_undisturbed": len(whole),
        "failed_rows": len(lost),
        "duplicates": len(table) - len(np.unique(table["id"])),
        "half_files": len(half),
        "same_numbers": same and _same_numbers(table, kept),
        "reasons": {str(row["tile"]): _reason(row) for row in failures},
        "attempts": {str(row["tile"]): int(row["attempts"]) for row in failures},
        "as_expected": bool(as_expected and told.pop("fine", True)),
        **told,
    }


def _same_numbers(table, kept):
    """Whether all numbers are those of the undisturbed run, to the last bit."""
    return all(
        np.array_equal(
            np.asarray(table[name]), np.asarray(kept[name]),
            equal_nan=table[name].dtype.kind == "f",
        )
        for name in kept.colnames
    )  # fmt: skip


def _reason(row):
    """The reason without paths and addresses, which are of one machine."""
    words = row["reason"].split()
    return " ".join(Path(w).name if w.count("/") > 1 else w for w in words)[:120]


if __name__ == "__main__":
    main()
