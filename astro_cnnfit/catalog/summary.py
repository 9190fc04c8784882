# Licensed under a 3-clause BSD style license - see LICENSE
"""What a run did: while it goes on, and at its end."""

from collections import Counter

from tqdm.auto import tqdm

from astro_cnnfit.flags import FLAGS
from astro_cnnfit.wording import counted

__all__ = ["Progress", "STAGES", "format_summary", "summarise"]

STAGES = ("reading", "cutting", "inference", "writing")
"""What the time of a part goes to."""

_TILES = "tile", "tiles"


class Progress:
    """
    A bar of galaxies with speed and time left.

    Parameters
    ----------
    total, done : int
        Galaxies in all, and of those measured by an earlier run.
    shown : bool
        Whether to show it.
    note : str
        A line above the bar.
    """

    def __init__(self, total, done=0, *, shown=False, note=""):
        self.failed = 0
        self.bar = tqdm(
            total=total, initial=done, unit=" galaxies", disable=not shown,
            smoothing=0.05, unit_scale=True,
        )  # fmt: skip
        if shown and note:
            self.bar.write(note, file=self.bar.fp)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.bar.close()

    def advance(self, rows, *, failed=False):
        """
        Count the galaxies of a part that came to its end.

        Parameters
        ----------
        rows : int
            How many.
        failed : bool
            Whether they could not be measured.
        """
        if failed:
            self.failed += 1
            text = f"{counted(self.failed, *_TILES)} failed"
            self.bar.set_postfix_str(text, refresh=False)
        self.bar.update(rows)


def summarise(sides, failures, *, measured=0, seconds=0.0):
    """
    Sum a run up.

    Parameters
    ----------
    sides : iterable of dict
        Side files of all parts, those of earlier runs included.
    failures : list of dict
        As for `~astro_cnnfit.catalog.records.write_failures`.
    measured : int
        Galaxies that this run measured.
    seconds : float
        Time that it took.

    Returns
    -------
    dict
        ``rows``, ``tiles``, ``failed_rows``, ``failed_tiles``, ``rows_on_no_tile``,
        ``flags`` (rows with each), ``seconds`` by stage (of all workers together),
        ``cpu_seconds`` (processor time of the threads that read, cut and write),
        ``looks`` (stamps that each network saw), ``share`` of each stage, and of this
        run ``measured``, ``wall_seconds`` and ``galaxies_per_second``.
    """
    rows, tiles = 0, 0
    stages, cpu_seconds, looks = Counter(), Counter(), Counter()
    flags = {}
    for side in sides:
        rows += side["rows"]
        tiles += 1
        stages.update(side["seconds"])
        cpu_seconds.update(side.get("cpu_seconds", {}))
        looks.update(side.get("looks", {}))
        for column, counts in side["flags"].items():
            flags.setdefault(column, Counter()).update(counts)
    total = sum(stages.values())
    on_tiles = [failure for failure in failures if failure["tile"]]
    lost = sum(len(failure["ids"]) for failure in on_tiles)
    return {
        "rows": rows,
        "tiles": tiles,
        "failed_rows": lost,
        "failed_tiles": len(on_tiles),
        "rows_on_no_tile": sum(len(failure["ids"]) for failure in failures) - lost,
        "flags": {column: dict(counts) for column, counts in flags.items()},
        "seconds": dict(stages),
        "cpu_seconds": dict(cpu_seconds),
        "looks": dict(looks),
        "share": {name: time / total for name, time in stages.items() if total},
        "measured": measured,
        "wall_seconds": seconds,
        "galaxies_per_second": measured / seconds if seconds else None,
    }


def format_summary(summary):
    """
    A summary for people to read.

    Parameters
    ----------
    summary : dict
        As of `summarise`.

    Returns
    -------
    list of str
        Lines.
    """
    lines = [f"{counted(summary['rows'])} on {counted(summary['tiles'], *_TILES)}"]
    if summary["measured"] and summary["galaxies_per_second"]:
        lines.append(
            f"{summary['measured']} measured in {summary['wall_seconds']:.0f} s, "
            f"{counted(format(summary['galaxies_per_second'], '.0f'))} per second"
        )
    if summary["share"]:
        shares = (f"{name} {share:.0%}" for name, share in summary["share"].items())
        lines.append(f"time: {', '.join(shares)}")
    for column, counts in summary["flags"].items():
        order = [flag.name for flag in FLAGS if flag.name in counts]
        named = ", ".join(f"{name} {counts[name]}" for name in order)
        lines.append(f"{column}: {named or 'none'}")
    if summary["failed_tiles"]:
        lines.append(
            f"FAILED: {counted(summary['failed_tiles'], *_TILES)} with "
            f"{counted(summary['failed_rows'])}"
        )
    if summary["rows_on_no_tile"]:
        lines.append(
            f"{counted(summary['rows_on_no_tile'])} of the catalogue on no tile"
        )
    return lines
