# Licensed under a 3-clause BSD style license - see LICENSE
"""From tiles and positions to a catalogue, whatever happens on the way."""

import logging
import time
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from . import records
from .cluster import check_client, connected
from .fingerprint import configuration, fingerprint
from .lock import locked
from .optional import import_pyarrow
from .part import measure_part
from .plan import make_plan
from .resume import check_resume
from .scheduler import Failure, run_tasks
from .summary import Progress, summarise

__all__ = ["CatalogRun", "check_output", "measure_catalog", "run_plan"]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class CatalogRun:
    """A run that came to its end."""

    output: Path
    """Folder of the catalogue."""
    summary: dict
    """Rows, flags, failures, speed, and where the time went."""

    @property
    def failures(self):
        """What could not be measured, a `~astropy.table.Table` with a row a tile."""
        return records.read_failures(self.output)

    def table(self, columns=None):
        """
        Read the catalogue.

        Parameters
        ----------
        columns : sequence of str, optional
            Those that are wanted; all by default.

        Returns
        -------
        `~astropy.table.QTable`
            With units.
        """
        from .dataset import read_catalog

        return read_catalog(self.output, columns=columns)


def measure_catalog(
    tiles, catalog, *, output, client=None, workers=None, retries=2,
    progress_bar=False, **options,
):  # fmt: skip
    """
    Measure the galaxies of a catalogue on the tiles of a survey.

    A task is a tile with its galaxies. Each is read once, measured, and written as a
    part of a Parquet data set; the same call goes on where a run stopped, for
    whatever reason. A tile that cannot be measured is tried again, and then recorded
    while the run goes on.

    Parameters
    ----------
    tiles : path-like, list or `~astropy.table.Table`
        A folder, a glob pattern, paths, or a table of them with what belongs to
        each; see `~astro_cnnfit.catalog.tiles.parse_tiles`.
    catalog : `~astropy.table.Table` or path-like
        Galaxies: ``id, ra, dec``, or ``id, tile, x, y``, or for stacks
        ``id, tile, index``.
    output : path-like
        Folder of the result. A run in it goes on; one that was begun with other
        settings, models or inputs is refused.
    client : optional
        A `distributed.Client`, a cluster, or the address of a scheduler. None begins
        a cluster of this machine for the time of the call, for which a script needs
        its ``if __name__ == "__main__":``. 'serial' does without Dask.
    workers : int, optional
        Workers of the cluster of this machine; one a core by default.
    retries : int
        How often a tile is tried again.
    progress_bar : bool
        Show a bar with galaxies per second and time left.
    **options
        What is measured and where the rest lies, as for
        `~astro_cnnfit.catalog.plan.make_plan`: ``sersic``, ``cas``, ``psf``,
        ``mask``, ``error``, ``variance``, ``weight``, ``hdu``, ``zeropoint``,
        ``columns``, ``keep``, ``chunk_size``, ``batch_size``, ``precision``,
        ``psf_oversampling``.

    Returns
    -------
    `CatalogRun`

    Raises
    ------
    ValueError, TypeError
        If an argument cannot be used, or the output holds another run, or is written
        by another process; the message names what.
    FileNotFoundError
        If tiles or catalogue do not exist.
    ImportError
        If Dask or pyarrow is not installed.
    RunStopped
        If the scheduler is lost or the disk is full. What is written stays, and the
        same call goes on.
    """
    check_client(client, workers)
    import_pyarrow()
    plan = make_plan(tiles, catalog, **options)
    return run_plan(
        plan, output, client=client, workers=workers, retries=retries,
        progress_bar=progress_bar,
    )  # fmt: skip


def run_plan(
    plan, output, *, client=None, workers=None, retries=2, progress_bar=False,
    function=measure_part,
):  # fmt: skip
    """
    Measure what a plan says.

    Parameters
    ----------
    plan : `~astro_cnnfit.catalog.plan.Plan`
        What to measure.
    output, client, workers, retries, progress_bar
        As for `measure_catalog`.
    function : callable
        What a worker does, with the arguments of
        `~astro_cnnfit.catalog.part.measure_part`.

    Returns
    -------
    `CatalogRun`
    """
    check_client(client, workers)
    if not isinstance(retries, int) or retries < 0:
        raise ValueError(f"retries must be a whole number from 0 on, got {retries!r}")
    output = Path(output).resolve()
    with locked(output):
        record = fingerprint(plan.settings, plan.tasks, plan.unassigned)
        done = _done(output, record)
        records.tidy(output, done)
        records.forget_end(output)
        records.write_run(output, record)
        before, start = _rows(done), time.monotonic()
        todo = [task for task in plan.tasks if task.name not in done]
        log.info("%d of %d tiles are to be measured", len(todo), len(plan.tasks))
        run = partial(
            run_tasks, function, todo, retries=retries,
            arguments=(plan.settings, str(output), _short(record)),
        )  # fmt: skip
        failures = []
        with (
            _connected(client, workers, len(todo)) as dask,
            Progress(plan.rows, before, shown=progress_bar, note=_address(dask)) as bar,
            closing(run(dask)) as ends,
        ):
            for task, outcome in ends:
                if isinstance(outcome, Failure):
                    failures.append(_failure(task, outcome))
                else:
                    done[task.name] = _counted(outcome)
                bar.advance(len(task.rows), failed=task.name not in done)
        seconds = time.monotonic() - start
        return _finish(output, plan, done, failures, _rows(done) - before, seconds)


def check_output(plan, output):
    """
    Check that a plan can be run in an output, and how much of it is done.

    Parameters
    ----------
    plan : `~astro_cnnfit.catalog.plan.Plan`
        What to measure.
    output : path-like
        Folder of the catalogue, which may not exist yet.

    Returns
    -------
    int
        Tiles that are done.

    Raises
    ------
    ValueError
        If the output holds another run.
    """
    record = fingerprint(plan.settings, plan.tasks, plan.unassigned)
    return len(_done(Path(output), record))


def _done(output, record):
    """What parts of this run hold, by name; another run is refused."""
    old = records.read_run(output)
    if old is None:
        return {}
    of_old, own = configuration(old), configuration(record)
    done, inputs = {}, {}
    for name, side in records.read_sides(output, old["parts"]):
        rows = old["parts"][name]["sha256"]
        if (side.get("configuration"), side.get("rows_sha256")) == (of_old, rows):
            done[name], inputs[name] = _counted(side), side["inputs"]
    check_resume(old, record, inputs, output)
    return done if of_old == own else {}


def _rows(done):
    return sum(side["rows"] for side in done.values())


def _counted(side):
    """What the summary needs of a side file: there may be many."""
    known = ("rows", "seconds", "flags", "cpu_seconds", "looks")
    return {key: side[key] for key in known if key in side}


def _short(record):
    """What a worker needs to know of the run."""
    return {"version": record["version"], "configuration": configuration(record)}


@contextmanager
def _connected(client, workers, tasks):
    if not tasks:
        yield None
        return
    if client is None and workers is None:
        from .cluster import cores

        workers = min(cores(), tasks)
    # While one tile is measured, which one does at a time, the next is read.
    with connected(client, workers=workers, threads_per_worker=2) as dask:
        if dask is not None:
            log.info("Dask dashboard: %s", dask.dashboard_link)
        yield dask


def _address(dask):
    return "" if dask is None else f"Dask dashboard: {dask.dashboard_link}"


def _failure(task, outcome):
    return {
        "tile": task.name,
        "ids": task.rows["id"],
        "reason": outcome.reason,
        "attempts": outcome.attempts,
    }


def _finish(output, plan, done, failures, measured, seconds):
    failures = sorted(failures, key=lambda failure: failure["tile"])
    for reason in sorted(set(plan.unassigned["reason"])):
        rows = plan.unassigned[plan.unassigned["reason"] == reason]
        failures.append(
            {"tile": "", "ids": rows["id"], "reason": str(reason), "attempts": 0}
        )
    records.tidy(output, done)
    records.write_failures(output, failures)
    summary = summarise(done.values(), failures, measured=measured, seconds=seconds)
    records.write_summary(output, summary)
    return CatalogRun(output, summary)
