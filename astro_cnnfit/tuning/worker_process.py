# Licensed under a 3-clause BSD style license - see LICENSE
"""
The chief or a worker of a search, as `workers` begins them.

``python -m astro_cnnfit.tuning.worker_process DIRECTORY``, with Keras Tuner's
variables ``KERASTUNER_TUNER_ID``, ``KERASTUNER_ORACLE_IP`` and
``KERASTUNER_ORACLE_PORT`` set.
"""

import os
import sys
import threading
from pathlib import Path

from .loop import run_trials
from .records import read_settings
from .requirements import import_keras_tuner, quiet
from .workers import load_data

__all__ = ["main"]


def main(directory):
    """
    Serve trials as the chief, or run them as a worker, until there are no more.

    Parameters
    ----------
    directory : path-like
        Where the search lies.
    """
    threading.Thread(target=_end_with_parent, daemon=True).start()
    directory, name = Path(directory), os.environ["KERASTUNER_TUNER_ID"]
    settings = read_settings(directory)
    tuner = _member(directory, settings)
    if name == "chief":
        with quiet():
            tuner.search(verbose=0)
        return
    from .trial import Trainer

    trainer = Trainer(directory, settings, load_data(directory))
    run_trials(tuner.oracle, name, trainer, settings["objective"])


def _member(directory, settings):
    """Keras Tuner's part in it: the chief's server, or a client of it."""
    base = import_keras_tuner().engine.base_tuner.BaseTuner
    from .oracle import make_oracle

    class Member(base):
        def save(self):
            """Write nothing: the records are the memory."""

        def reload(self):
            """Read nothing."""

    with quiet():
        return Member(
            make_oracle(directory, settings),
            directory=str(directory),
            project_name="workers",
        )


def _end_with_parent():
    # What began this process holds the other end open as long as it lives.
    while os.read(0, 1):
        pass
    os._exit(1)


if __name__ == "__main__":
    main(sys.argv[1])
