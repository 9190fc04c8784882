# Licensed under a 3-clause BSD style license - see LICENSE
"""The end of a run: errors calibrated, ranges and provenance written down."""

import datetime as dt
import platform
from importlib.metadata import version

import keras
import numpy as np

from astro_cnnfit.evaluation.precision import record_precision
from astro_cnnfit.networks import ARCHITECTURES, build
from astro_cnnfit.weights import Network, write_model
from astro_cnnfit.weights.files import numpy_values

from .calibration import fit_calibration
from .tasks import TASKS

__all__ = ["finish"]


def finish(model, config, output, state, data=None, command=None):
    """
    Calibrate the trained network and write it with its description.

    Parameters
    ----------
    model : keras.Model
        The trained network.
    config : `~astro_cnnfit.training.TrainingConfig`
        How it was trained.
    output : path-like
        Folder to write to.
    state : dict
        Step, loss and seconds of the run.
    data : object, optional
        What the task draws from, as in training: real sky, or galaxies.
    command : str, optional
        The command to record.

    Returns
    -------
    `~pathlib.Path`
    """
    architecture = ARCHITECTURES[config.architecture]
    task = TASKS[architecture.task]
    held_out = task.held_out(config, data)
    number = len(architecture.latent)
    none = {"scale": [1.0] * number, "covariance": np.zeros((number, number)).tolist()}
    description = {
        "architecture": config.architecture,
        "arguments": config.arguments,
        "trained_ranges": held_out.ranges,
        "calibration": none,
        "sha256": "",
    }
    full = build(config.architecture, **config.arguments)
    # What is written is float16; what is calibrated is what is written.
    full.set_weights([w.astype(np.float16) for w in numpy_values(model.weights)])
    mean, covariance = Network(full, description).predict(*held_out.inputs)
    description["calibration"] = fit_calibration(
        mean,
        covariance,
        held_out.latent,
        latent=architecture.latent,
        features=architecture.features,
    )
    description["training"] = _provenance(config, state, data, command)
    description["metrics"] = task.metrics(mean, held_out.latent)
    folder = write_model(output, full, description)
    # What the other precision costs is said of the very weights that were written.
    record_precision(folder, *held_out.inputs, command=command)
    return folder


def _provenance(config, state, data, command):
    packages = ("astro_cnnfit", "keras", keras.backend.backend(), "numpy")
    return {
        "command": command,
        "config": config.as_dict(),
        "commit": state.get("commit"),
        "started_from": state.get("started_from"),
        "teacher": state.get("teacher"),
        "backend": keras.backend.backend(),
        "versions": {name: version(name) for name in packages},
        "python": platform.python_version(),
        "processor": platform.machine(),
        "data": TASKS[ARCHITECTURES[config.architecture].task].describe(data),
        "steps": state["step"],
        "seconds": round(state["seconds"]),
        "loss": state["loss"],
        "date": dt.date.today().isoformat(),
    }
