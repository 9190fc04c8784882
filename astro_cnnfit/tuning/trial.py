# Licensed under a 3-clause BSD style license - see LICENSE
"""One trial: the cost of a network, its trainings, and what they gave."""

import gc
import logging
import time

import keras
import numpy as np
from keras import ops

from astro_cnnfit.compiled import compiled
from astro_cnnfit.evaluation import (
    mean_absolute_error,
    pearson_r,
    root_mean_square_error,
)
from astro_cnnfit.networks import ARCHITECTURES
from astro_cnnfit.training.epochs import train_epochs
from astro_cnnfit.weights.files import numpy_values

from .best import keep_weights
from .cost import beyond, network_cost, search_speed
from .hypermodel import build_network
from .objectives import OBJECTIVES
from .points import point
from .records import count_start, forget_starts, write_record

__all__ = ["Trainer"]

log = logging.getLogger(__name__)

# A trial that ended its process this often is not begun again.
_MOST_STARTS = 3
_OUT_OF_MEMORY = ("MemoryError", "ResourceExhausted", "RESOURCE_EXHAUSTED", "OOM")
_LONGEST_REASON = 200


class Trainer:
    """
    What runs the trials of a search.

    Parameters
    ----------
    directory : path-like
        Where the search lies.
    settings : dict
        What its ``search.json`` holds.
    data : `~astro_cnnfit.tuning.TuningData`
        What is learned.
    """

    def __init__(self, directory, settings, data):
        self.directory = directory
        self.settings = settings
        self.data = data
        self.name = settings["space"]["architecture"]
        self.architecture = ARCHITECTURES[self.name]
        self.targets = [
            self.architecture.targets(truth)
            for _, truth in (data.train, data.validation)
        ]
        self.speed = search_speed(directory)

    def __call__(self, number, values):
        """
        Run a trial and write down what became of it.

        Parameters
        ----------
        number : int
            Which trial.
        values : dict
            Its hyperparameters.

        Returns
        -------
        dict
            The record that was written.
        """
        clock = time.monotonic()
        # What comes from Keras Tuner's chief has another order.
        values = {name: values[name] for name in self.settings["space"]["dimensions"]}
        record = {
            "trial": number,
            "hyperparameters": values,
            "status": "failed",
            "reason": "",
            "score": None,
            "executions": [],
            "best_execution": None,
            **dict.fromkeys(("parameters", "mflop", "seconds_per_galaxy")),
        }
        starts = count_start(self.directory, number, values)
        if starts > _MOST_STARTS:
            record["reason"] = (
                f"ended its process {starts - 1} times, as for want of memory"
            )
        else:
            try:
                self._run(record)
            except (KeyboardInterrupt, SystemExit):
                forget_starts(self.directory, number)
                raise
        record["seconds"] = time.monotonic() - clock
        write_record(self.directory, record)
        if record["status"] == "completed":
            keep_weights(self.directory, self.settings)
        text = record["reason"] or f"{self.settings['objective']} {record['score']:.5g}"
        log.info("trial %d %s: %s", number, record["status"], text)
        return record

    def _run(self, record):
        """Fill in the record; whatever goes wrong is the trial's failure alone."""
        try:
            model = self._affordable(record)
            if model is None:
                return
            best = self._train_all(record, model)
            if not np.isfinite(record["score"]):
                raise FloatingPointError(
                    f"{self.settings['objective']} is {record['score']}"
                )
            record["status"] = "completed"
            keep_weights(self.directory, self.settings, record, best)
        except Exception as error:
            log.debug("trial %d", record["trial"], exc_info=True)
            record |= {"status": "failed", "score": None, "reason": _reason(error)}
        finally:
            if record["parameters"]:
                # Networks refer to themselves: their memory waits for the collector.
                model = best = None
                gc.collect()

    def _affordable(self, record):
        """The network with random weights, or None with the reason in the record."""
        try:
            model = self._build(record, 0)
        except ValueError as error:
            record |= {"status": "refused", "reason": _reason(error)}
            return None
        cost = network_cost(model, self.speed)
        record |= cost._asdict()
        record["reason"] = beyond(cost, self.settings)
        if record["reason"]:
            record["status"] = "refused"
            return None
        return model

    def _train_all(self, record, model):
        """Train as often as asked; return the weights of the best training."""
        metric, direction = OBJECTIVES[self.settings["objective"]]
        sign = -1 if direction == "max" else 1
        best = None
        for execution in range(self.settings["executions_per_trial"]):
            if execution:
                model = self._build(record, execution)
            run = self._train(model, record, execution)
            run["score"] = run[metric]
            scores = [sign * one["score"] for one in (*record["executions"], run)]
            record["executions"].append(run)
            if np.argmin(scores) == execution:
                best, record["best_execution"] = numpy_values(model.weights), execution
        record["score"] = float(np.mean([run["score"] for run in record["executions"]]))
        return best

    def _build(self, record, execution):
        keras.utils.set_random_seed(self._seed(record["trial"], execution))
        return build_network(self.name, record["hyperparameters"], self.data.sizes)

    def _seed(self, *key):
        sequence = np.random.SeedSequence([self.settings["seed"], *key])
        return int(sequence.generate_state(1)[0])

    def _train(self, model, record, execution):
        """Train once; return what was measured on the validation set."""
        training = dict(point(self.name, record["hyperparameters"]).training)
        training.pop("policy")
        history = train_epochs(
            model,
            self.data.train[0],
            self.targets[0],
            validation=(self.data.validation[0], self.targets[1]),
            loss=self.architecture.loss,
            epochs=self.settings["epochs"],
            patience=self.settings["patience"],
            seed=self._seed(record["trial"], execution),
            after_epoch=_refuse_nan,
            **training,
        )
        run = self._measure(model, training["batch_size"])
        run["val_loss"] = history["val_loss"][history["best_epoch"] - 1]
        run["epochs"] = len(history["loss"])
        run["best_epoch"] = history["best_epoch"]
        run["seconds"] = history["seconds"]
        return run

    def _measure(self, model, batch_size):
        """Errors of what the network gives for the validation set."""
        forward = compiled(lambda *parts: model(list(parts), training=False))
        inputs, true = self.data.validation[0], self.targets[1]
        batch_size = min(batch_size, len(true))
        outputs = []
        for start in range(0, len(true), batch_size):
            # The last batch is filled up with its last galaxy.
            rows = np.minimum(np.arange(start, start + batch_size), len(true) - 1)
            parts = [np.asarray(array[rows], dtype=np.float32) for array in inputs]
            outputs.append(ops.convert_to_numpy(forward(*parts)))
        # Means come first, whatever else a network gives.
        mean = np.concatenate(outputs)[: len(true), : true.shape[1]].astype(float)
        varies = (mean.std(axis=0) > 0) & (true.std(axis=0) > 0)
        correlations = [
            pearson_r(mean[:, i], true[:, i]) if varies[i] else 0.0
            for i in range(true.shape[1])
        ]
        return {
            "mae": mean_absolute_error(mean, true),
            "rmse": root_mean_square_error(mean, true),
            "pearson_r": float(np.mean(correlations)),
        }


def _refuse_nan(epoch, loss, val_loss):
    if not np.isfinite([loss, val_loss]).all():
        raise FloatingPointError(
            f"training diverged in epoch {epoch}: loss {loss:g}, validation "
            f"{val_loss:g}"
        )


def _reason(error):
    """What went wrong, in a line."""
    lines = str(error).strip().splitlines() or [""]
    name = type(error).__name__
    text = lines[0]
    if any(word in f"{name} {text}" for word in _OUT_OF_MEMORY):
        text = f"out of memory ({name}: {text})"
    elif not isinstance(error, FloatingPointError):
        text = f"{name}: {text}"
    return text[:_LONGEST_REASON]
