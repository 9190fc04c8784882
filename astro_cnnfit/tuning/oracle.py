# Licensed under a 3-clause BSD style license - see LICENSE
"""
Keras Tuner's oracles, made a function of the seed and of the recorded trials.

Keras Tuner keeps the state of an oracle in files that a kill can leave half written,
and does not keep that of its random numbers. Here an oracle keeps no files of its
own: it is made anew from the records of a search, and what it proposes for trial
number n depends on the seed, on n and on what is known by then. A search that was
killed thus goes on as if it had not been.
"""

import copy
import math

import numpy as np

from .hypermodel import hyperparameters
from .objectives import OBJECTIVES
from .records import read_records, read_started, write_start
from .requirements import import_keras_tuner
from .space import SearchSpace

__all__ = ["METHODS", "make_oracle"]

keras_tuner = import_keras_tuner()

# Refused trials are not counted, up to so many times the trials that are wanted.
_MOST_REFUSED = 10
# Points among which the next is sought where the best one was tried before.
_CANDIDATES = 256


class _FromRecords:
    """What all oracles here have: memory, numbers and an end."""

    def __init__(self, directory, settings, **arguments):
        objective = settings["objective"]
        super().__init__(
            objective=keras_tuner.Objective(objective, OBJECTIVES[objective][1]),
            max_trials=None,
            hyperparameters=hyperparameters(SearchSpace.from_dict(settings["space"])),
            allow_new_entries=False,
            # It takes 0 for none, and no more than 32 bits.
            seed=1
            + int(np.random.SeedSequence(settings["seed"]).generate_state(1)[0] >> 1),
            max_consecutive_failed_trials=np.inf,
            **arguments,
        )
        self.settings = settings
        self.records_directory = directory
        self.refused = set()
        self.verbose = 0
        self._recall()

    def _recall(self):
        """Take up what the records know."""
        for record in read_records(self.records_directory):
            trial = self._known_trial(record)
            completed = record["status"] == "completed"
            trial.status = "COMPLETED" if completed else "FAILED"
            trial.score = rounded(record["score"]) if completed else None
            if record["status"] == "refused":
                self.refused.add(trial.trial_id)
            self.end_order.append(trial.trial_id)
        # The oracle takes from the end.
        for start in reversed(read_started(self.records_directory)):
            self._retry_queue.append(self._known_trial(start).trial_id)
        self.trials = dict(sorted(self.trials.items()))

    def _known_trial(self, record):
        values = self.hyperparameters.copy()
        values.values = dict(record["hyperparameters"])
        identity = f"{record['trial']:04d}"
        trial = keras_tuner.engine.trial.Trial(values, identity, status="RUNNING")
        self._record_values(trial)
        self.trials[identity] = trial
        self.start_order.append(identity)
        return trial

    def populate_space(self, trial_id):
        """Propose a trial, or end the search."""
        enough = self.settings["max_trials"]
        refused = len(self.refused)
        if len(self.trials) - refused >= enough or refused >= _MOST_REFUSED * enough:
            return {"status": "STOPPED", "values": None}
        numbers = np.random.SeedSequence([self.settings["seed"], int(trial_id)])
        self._seed_state, other = (int(value) for value in numbers.generate_state(2))
        self._random_state = np.random.RandomState(other)
        return super().populate_space(trial_id)

    def end_trial(self, trial):
        """Take note of a trial's end."""
        known = read_records(self.records_directory)
        status = {f"{record['trial']:04d}": record["status"] for record in known}
        if status.get(trial.trial_id) == "refused":
            self.refused.add(trial.trial_id)
        # What went to a worker and back need not be the same to the last digit.
        trial.hyperparameters = self.trials[trial.trial_id].hyperparameters
        super().end_trial(trial)

    def score_trial(self, trial):
        """Give a completed trial its score."""
        super().score_trial(trial)
        trial.score = rounded(trial.score)

    def _save_trial(self, trial):
        # Called when a trial is made, but also when its score comes in.
        if trial.status == "RUNNING" and not trial.metrics.metrics:
            number, values = int(trial.trial_id), trial.hyperparameters.values
            write_start(self.records_directory, number, values)

    def save(self, fname=None):
        """Write nothing: the records are the memory."""

    def reload(self, fname=None):
        """Read nothing: the records were read already."""


class RandomOracle(_FromRecords, keras_tuner.oracles.RandomSearchOracle):
    """Random search."""


class BayesianOracle(_FromRecords, keras_tuner.oracles.BayesianOptimizationOracle):
    """
    A Gaussian process of the scores, and the point with the best prospect.

    Keras Tuner's own, but for four things: it begins sooner, a failed or refused
    trial is as bad as the worst (Keras Tuner forgets it, and may propose its
    neighbours for ever), scores far worse than the median do not stretch the
    process, and no point is tried twice.
    """

    def __init__(self, directory, settings):
        number = settings["initial_points"]
        super().__init__(directory, settings, num_initial_points=number)

    def populate_space(self, trial_id):
        """Propose a trial, or end the search."""
        response = super().populate_space(trial_id)
        if response["status"] == "RUNNING" and self._duplicate(response["values"]):
            values = self._best_untried()
            status = "STOPPED" if values is None else "RUNNING"
            return {"status": status, "values": values}
        return response

    def _best_untried(self):
        """The best prospect of many random points that were not tried."""
        found = []
        while (
            len(found) < _CANDIDATES and (values := self._random_values()) is not None
        ):
            found.append(values)
        if not found:
            return None
        places = np.array([self._vector(values) for values in found])
        mean, sigma = self.gpr.predict(places, return_std=True)
        return found[int(np.argmin(mean - self.beta * sigma))]

    def _vector(self, values):
        return [hp.value_to_prob(values[hp.name]) for hp in self._nonfixed_space()]

    def _vectorize_trials(self):
        everything = self.trials
        try:
            self.trials = self._finished(everything)
            x, y = super()._vectorize_trials()
            if self.ongoing_trials:
                # What the process makes of trials that are still running depends
                # on its last fit, which after a resume there was not.
                self.gpr.fit(x, y)
                running = {t.trial_id: t for t in self.ongoing_trials.values()}
                self.trials = {**self.trials, **running}
                x, y = super()._vectorize_trials()
        finally:
            self.trials = everything
        median, best = np.median(y), np.min(y)
        return x, np.minimum(y, median + 2 * (median - best))

    def _finished(self, trials):
        """Ended trials; those without a score have the worst."""
        completed = [t.score for t in trials.values() if t.status == "COMPLETED"]
        worst = (min if self.objective.direction == "max" else max)(completed)
        found = {}
        for identity, trial in trials.items():
            if trial.status == "FAILED":
                trial = copy.copy(trial)
                trial.status, trial.score = "COMPLETED", worst
            if trial.status == "COMPLETED":
                found[identity] = trial
        return found


METHODS = {"bayesian": BayesianOracle, "random": RandomOracle}
"""Ways to choose the next trial."""


def make_oracle(directory, settings):
    """
    The oracle of a search, as far as it has come.

    Parameters
    ----------
    directory : path-like
        Where the search lies.
    settings : dict
        What its ``search.json`` holds.

    Returns
    -------
    keras_tuner.Oracle
    """
    return METHODS[settings["method"]](directory, settings)


def rounded(score):
    """
    A score as the oracle sees it.

    Sums in another order change the last digits of a score; they must not change the
    next trial.

    Parameters
    ----------
    score : float

    Returns
    -------
    float
        With six digits.
    """
    return float(f"{score:.6g}") if math.isfinite(score) else score
