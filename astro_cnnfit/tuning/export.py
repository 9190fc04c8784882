# Licensed under a 3-clause BSD style license - see LICENSE
"""What a search found, as a network, and as a model like the bundled ones."""

import datetime as dt
import platform
from importlib.metadata import version

import keras
import numpy as np

from astro_cnnfit.evaluation import (
    mean_absolute_error,
    pearson_r,
    root_mean_square_error,
)
from astro_cnnfit.evaluation.precision import record_precision
from astro_cnnfit.networks import ARCHITECTURES, build
from astro_cnnfit.parameters import effective_snr, encode
from astro_cnnfit.psf import fwhm
from astro_cnnfit.training.calibration import fit_calibration
from astro_cnnfit.training.checkout import commit
from astro_cnnfit.training.tasks import TASKS
from astro_cnnfit.weights import Network, write_model
from astro_cnnfit.weights.storage import rounded, stored

from .best import read_weights
from .points import input_sizes, point

__all__ = ["best_model", "export_model"]


def best_model(directory, settings, record):
    """
    Build the network of a trial with its weights.

    Parameters
    ----------
    directory : path-like
        Where the search lies.
    settings, record : dict
        The search's settings, and the trial's record.

    Returns
    -------
    keras.Model
    """
    model = build(settings["space"]["architecture"], **_arguments(settings, record))
    model.set_weights(read_weights(directory, record["trial"]))
    return model


def export_model(
    directory, settings, record, data, path, *, name=None, storage, command=None
):
    """
    Calibrate a trial's network and write it with its description.

    Parameters
    ----------
    directory : path-like
        Where the search lies.
    settings, record : dict
        The search's settings, and the trial's record.
    data : `~astro_cnnfit.tuning.TuningData`
        The search's data; the errors are calibrated on its validation set.
    path : `~pathlib.Path`
        Folder to write to.
    name : str, optional
        The model's name; by default the folder's.
    storage : {'float16', 'int8'}
        How weights are written.
    command : str, optional
        The command to record.

    Returns
    -------
    `~pathlib.Path`
        The folder.
    """
    stored([], storage)  # refuses what it does not know
    kind = settings["space"]["architecture"]
    architecture = ARCHITECTURES[kind]
    arguments = _arguments(settings, record)
    full = build(kind, **arguments)
    full.set_weights(rounded(read_weights(directory, record["trial"]), storage))
    number = len(architecture.latent)
    none = {"scale": [1.0] * number, "covariance": np.zeros((number, number)).tolist()}
    description = {
        "name": name or path.name,
        "architecture": kind,
        "arguments": arguments,
        "trained_ranges": _OF_TASK[architecture.task].ranges(architecture, data.train),
        "calibration": none,
        "training": _provenance(settings, record, command),
        "sha256": "",
    }
    inputs, truth = data.validation
    true = _OF_TASK[architecture.task].latent(architecture, truth)
    parts = [np.asarray(array, dtype=np.float32) for array in inputs]
    mean, covariance = Network(full, description).predict(*parts)
    description["calibration"] = fit_calibration(
        mean, covariance, true,
        latent=architecture.latent, features=architecture.features,
    )  # fmt: skip
    description["metrics"] = _OF_TASK[architecture.task].metrics(
        architecture, mean, true
    )
    folder = write_model(path, full, description, storage)
    record_precision(folder, *parts, command=command)
    return folder


def _arguments(settings, record):
    kind = settings["space"]["architecture"]
    found = point(kind, record["hyperparameters"]).arguments
    return {**found, **input_sizes(kind, settings["sizes"])}


class _Casnet:
    """Networks of one measure."""

    @staticmethod
    def latent(architecture, truth):
        return architecture.targets(truth).astype(float)

    @staticmethod
    def ranges(architecture, train):
        values = architecture.targets(train[1]).T
        return _ranges(dict(zip(architecture.latent, values, strict=True)))

    @staticmethod
    def metrics(architecture, mean, true):
        return {
            name: _metrics(mean[:, place], true[:, place])
            for place, name in enumerate(architecture.latent)
        }


class _Sersic:
    """Networks of the Sersic parameters."""

    @staticmethod
    def latent(architecture, truth):
        return encode(truth)

    @staticmethod
    def ranges(architecture, train):
        (_, psfs), params = train
        widths = fwhm(np.asarray(psfs, dtype=float))
        values = {"r_eff": params[:, 3], "n": params[:, 4], "ellip": params[:, 5]}
        values |= {"psf_fwhm": widths, "snr": effective_snr(params, widths)}
        return _ranges(values)

    @staticmethod
    def metrics(architecture, mean, true):
        return TASKS["sersic"].metrics(mean, true)


_OF_TASK = {"casnet": _Casnet, "sersic": _Sersic}


def _ranges(values):
    found = {k: np.quantile(v, [0.001, 0.999]).tolist() for k, v in values.items()}
    return {k: [float(f"{x:.4g}") for x in v] for k, v in found.items()}


def _metrics(mean, true):
    """The figures of Tohill et al. (2021), Section 4.1."""
    values = {
        "bias": np.mean(mean - true),
        "MAE": mean_absolute_error(mean, true),
        "RMSE": root_mean_square_error(mean, true),
    }
    if mean.std() > 0 and true.std() > 0:
        values["r"] = pearson_r(mean, true)
    return {key: float(f"{value:.4g}") for key, value in values.items()}


def _provenance(settings, record, command):
    packages = ("astro_cnnfit", "keras", keras.backend.backend(), "numpy")
    run = record["executions"][record["best_execution"]]
    left_out = ("sizes", "versions")
    return {
        "command": command,
        "search": {key: v for key, v in settings.items() if key not in left_out},
        "trial": record["trial"],
        "hyperparameters": record["hyperparameters"],
        "score": record["score"],
        "commit": commit(),
        "backend": keras.backend.backend(),
        "versions": {package: version(package) for package in packages},
        "python": platform.python_version(),
        "processor": platform.machine(),
        "epochs": run["epochs"],
        "best_epoch": run["best_epoch"],
        "seconds": round(run["seconds"]),
        "val_loss": run["val_loss"],
        "date": dt.date.today().isoformat(),
    }
