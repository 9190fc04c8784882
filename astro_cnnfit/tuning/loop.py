# Licensed under a 3-clause BSD style license - see LICENSE
"""Trial after trial, as an oracle proposes them."""

import time

from .requirements import quiet

__all__ = ["run_trials"]


def run_trials(oracle, worker, run, objective, after_trial=None):
    """
    Run the trials that an oracle proposes until it has no more.

    Parameters
    ----------
    oracle : keras_tuner.Oracle
        Of this process, or a client of the chief's.
    worker : str
        Who asks; a worker that was lost and asks again gets its trial again.
    run : callable
        Function of (number, hyperparameters) that returns the trial's record and
        writes it down.
    objective : str
        The objective's name.
    after_trial : callable, optional
        Called with each record.
    """
    while True:
        with quiet():
            trial = oracle.create_trial(worker)
        if trial.status == "STOPPED":
            return
        if trial.status == "IDLE":
            time.sleep(0.1)
            continue
        record = run(int(trial.trial_id), dict(trial.hyperparameters.values))
        with quiet():
            trial.status = "FAILED"
            if record["status"] == "completed":
                oracle.update_trial(trial.trial_id, {objective: record["score"]})
                trial.status = "COMPLETED"
            oracle.end_trial(trial)
        if after_trial is not None:
            after_trial(record)
