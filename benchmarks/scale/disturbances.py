# Licensed under a 3-clause BSD style license - see LICENSE
"""A small survey, measured while tiles, workers and disks go wrong."""

import errno
import os
import signal
import threading
import time
from functools import partial
from pathlib import Path

from simulated_tiles import ZEROPOINT

__all__ = [
    "DONE_BEFORE",
    "EXITS",
    "TRUNCATED",
    "VANISHES",
    "done",
    "exit_at",
    "full_at",
    "kill_a_worker",
    "run",
    "tile_path",
    "truncate",
    "vanish",
    "wait_until",
    "when_some_are_done",
]

# Tiles that are disturbed, by number.
EXITS, TRUNCATED, VANISHES = 2, 5, 7
DONE_BEFORE = 3
PATIENCE = 300.0


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


def full_at(marker, task, settings, output):
    """Measure a task, but on a disk that is full from some tile on."""
    from astro_cnnfit.catalog.measure import measure_task

    if Path(marker).exists() and task.tile.name >= Path(marker).read_text():
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
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
