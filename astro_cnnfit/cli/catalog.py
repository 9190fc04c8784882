# Licensed under a 3-clause BSD style license - see LICENSE
"""Measure a catalogue on the tiles of a survey; a run that stopped goes on."""

from importlib.util import find_spec
from pathlib import Path

from astro_cnnfit.keras_start import load_keras
from astro_cnnfit.wording import counted

from .exit_codes import DONE, INCOMPLETE
from .files import check_folder_of
from .report import complain, say

__all__ = ["EXAMPLES", "GOES_ON", "add_arguments", "run"]

GOES_ON = True

EXAMPLES = {
    "See first whether all is there, and how much it is:":
        "astro-cnnfit catalog survey.toml --check",
    "Measure it, or go on, with four processes, and write one FITS table:":
        "astro-cnnfit catalog survey.toml --workers 4 --fits survey.fits",
    "On a Dask cluster:":
        "astro-cnnfit catalog survey.toml --scheduler tcp://node1:8786",
}  # fmt: skip


def add_arguments(parser):
    """Add the arguments of ``astro-cnnfit catalog``."""
    parser.add_argument(
        "config",
        metavar="CONFIG.toml",
        help="says where tiles and catalogue are, what is measured, and where to",
    )
    parser.add_argument(
        "--workers", type=int, metavar="N", help="processes of this machine"
    )
    parser.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="of a Dask cluster; 'serial' measures in this process",
    )
    parser.add_argument(
        "--fits", metavar="FILE", help="the catalogue as one FITS table at the end"
    )
    parser.add_argument(
        "--hats", metavar="FOLDER", help="the catalogue in the format HATS at the end"
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="check everything and say what would be done, no more",
    )


def run(options):
    """
    Run ``astro-cnnfit catalog``.

    Returns
    -------
    dict
        With the status, `INCOMPLETE` if tiles could not be measured or the run
        stopped before its end.
    """
    from astro_cnnfit.catalog.config import read_config

    arguments = read_config(options.config)
    if options.workers is not None:
        arguments.update(workers=options.workers, client=None)
    if options.scheduler is not None:
        arguments.update(workers=None, client=options.scheduler)
    _check_exports(options)
    load_keras(options.debug)
    if options.check:
        return _check(arguments)
    from astro_cnnfit.catalog import measure_catalog
    from astro_cnnfit.catalog.scheduler import RunStopped

    try:
        result = measure_catalog(**arguments, progress_bar=True)
    except RunStopped as stopped:
        complain(f"catalog: stopped: {stopped}")
        return {"status": INCOMPLETE, "error": f"stopped: {stopped}"}
    written = _export(options, result)
    return _report(result) | written


def _check_exports(options):
    if options.fits is not None:
        path = check_folder_of(options.fits, "--fits")
        if path.suffix != ".fits":
            raise ValueError(f"--fits must end on .fits, got {path.name}")
    if options.hats is None:
        return
    from astro_cnnfit.catalog.hats import check_folder

    folder = Path(options.hats)
    check_folder_of(folder.with_name(f"{folder.name}.new"), "--hats")
    check_folder(folder, overwrite=True, argument="--hats")
    if find_spec("hats_import") is None:
        raise ImportError("--hats needs hats-import, which comes with the extra 'hats'")


def _check(arguments):
    from astro_cnnfit.catalog.cluster import check_client
    from astro_cnnfit.catalog.plan import make_plan
    from astro_cnnfit.catalog.run import check_output

    check_client(arguments.pop("client"), arguments.pop("workers", None))
    output = arguments.pop("output")
    arguments.pop("retries", None)
    plan = make_plan(**arguments)
    done = check_output(plan, output)
    empty = sum(len(task.rows) == 0 for task in plan.tasks)
    say(
        f"{counted(plan.rows)} on {counted(len(plan.tasks), 'tile', 'tiles')} "
        f"({empty} without galaxies); "
        f"{len(plan.unassigned)} on no tile",
        f"{counted(done, 'tile is', 'tiles are')} done in {output}",
    )
    galaxies = {"galaxies": plan.rows, "galaxies_on_no_tile": len(plan.unassigned)}
    tiles = {"tiles": len(plan.tasks), "empty_tiles": empty, "done_tiles": done}
    return {**galaxies, **tiles, "output": output}


def _export(options, result):
    from astro_cnnfit.catalog import to_fits, to_hats

    written = {"fits": None, "hats": None}
    if not result.summary["rows"]:
        return written
    if options.fits is not None:
        # Those of a run which stopped earlier have fewer rows.
        to_fits(result.output, options.fits, overwrite=True)
        say(f"FITS table: {options.fits}")
        written["fits"] = options.fits
    if options.hats is not None:
        to_hats(result.output, options.hats, overwrite=True)
        say(f"HATS catalogue: {options.hats}")
        written["hats"] = options.hats
    return written


def _report(result):
    from astro_cnnfit.catalog.summary import format_summary

    say(*format_summary(result.summary), f"Catalogue: {result.output / 'catalog'}")
    failed = [
        {name: row[name] for name in ("tile", "count", "reason")}
        for row in result.failures
        if row["tile"]
    ]
    found = {"output": result.output, "summary": result.summary, "failures": failed}
    if not result.summary["failed_tiles"]:
        return {"status": DONE, **found}
    for row in failed:
        say(f"  {row['tile']} ({counted(row['count'])}): {row['reason']}")
    say(f"Failures: {result.output / 'failures.parquet'}; the same command tries again")
    return {"status": INCOMPLETE, **found}
