# Licensed under a 3-clause BSD style license - see LICENSE
"""
Faults by name, in the order in which a run meets them.

Each is called with a survey of its own, an output and a cluster, and returns what the
run recorded, which tiles must have failed and whether all else was as it should be.
"""

import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import psutil
from disturbances import (
    DONE_BEFORE,
    EXITS,
    TRUNCATED,
    VANISHES,
    done,
    exit_at,
    full_at,
    kill_a_worker,
    run,
    tile_path,
    truncate,
    vanish,
    wait_until,
    when_some_are_done,
)

__all__ = ["FAULTS"]

# The script that runs as a driver, to be killed.
DRIVER = Path(__file__).with_name("faults.py")


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
    command = [sys.executable, DRIVER, "--drive", str(survey), str(output)]
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
