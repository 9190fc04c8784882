# Licensed under a 3-clause BSD style license - see LICENSE
"""How far a search has come."""

from tqdm.auto import tqdm

from .objectives import OBJECTIVES
from .records import best_record, read_records

__all__ = ["Progress"]


class Progress:
    """
    A bar over the trials of a search, with the time that is left.

    Parameters
    ----------
    directory : path-like
        Where the search lies.
    settings : dict
        What its ``search.json`` holds.
    show : bool
        Whether to show a bar.
    """

    def __init__(self, directory, settings, show):
        self.directory, self.settings = directory, settings
        self.bar = tqdm(
            total=settings["max_trials"],
            initial=self._count(),
            disable=not show,
            unit="trial",
        )

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.bar.close()

    @property
    def finished(self):
        """Whether all trials are there."""
        return self._count() >= self.settings["max_trials"]

    def update(self, record=None):
        """
        Look at what was recorded.

        Parameters
        ----------
        record : dict, optional
            The last trial's.
        """
        del record
        step = self._count() - self.bar.n
        if self.bar.disable or step <= 0:
            return
        objective = self.settings["objective"]
        best = best_record(read_records(self.directory), OBJECTIVES[objective][1])
        if best is not None:
            self.bar.set_postfix({objective: f"{best['score']:.4g}"}, refresh=False)
        self.bar.update(step)

    def _count(self):
        records = read_records(self.directory)
        return sum(record["status"] != "refused" for record in records)
