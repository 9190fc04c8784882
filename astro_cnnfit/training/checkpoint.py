# Licensed under a 3-clause BSD style license - see LICENSE
"""Checkpoints: all variables of model and optimiser, and where the run stands."""

import json
import os
from pathlib import Path

from safetensors import safe_open
from safetensors.numpy import save_file

from astro_cnnfit.weights.files import numpy_values

__all__ = ["load_checkpoint", "save_checkpoint"]

_NAME = "checkpoint.safetensors"


def save_checkpoint(folder, model, config, state):
    """
    Write a checkpoint, replacing the last one only when it is whole.

    Parameters
    ----------
    folder : path-like
        Where it lies.
    model : keras.Model
        Compiled model.
    config : `~astro_cnnfit.training.TrainingConfig`
        Kept beside the variables, to be compared when the run resumes.
    state : dict
        Step, loss and seconds, as plain values.
    """
    path = Path(folder) / _NAME
    arrays = {
        f"{index:04d}": values
        for index, values in enumerate(numpy_values(_variables(model)))
    }
    metadata = {"config": json.dumps(config.as_dict()), "state": json.dumps(state)}
    partial = path.with_suffix(".partial")
    save_file(arrays, partial, metadata=metadata)
    os.replace(partial, path)


def load_checkpoint(folder, model, config):
    """
    Restore the last checkpoint into a compiled model.

    Returns
    -------
    dict
        The state; step 0 where there is no checkpoint.

    Raises
    ------
    ValueError
        If the checkpoint is of another configuration.
    """
    path = Path(folder) / _NAME
    if not path.is_file():
        return {"step": 0, "loss": 0.0, "seconds": 0.0}
    with safe_open(path, framework="numpy") as file:
        metadata = file.metadata()
        _check_same(json.loads(metadata["config"]), config, path)
        for index, variable in enumerate(_variables(model)):
            values = file.get_tensor(f"{index:04d}")
            variable.assign(values.reshape(variable.shape))
    return json.loads(metadata["state"])


def _variables(model):
    return [*model.variables, *model.optimizer.variables]


def _check_same(old, config, path):
    new = json.loads(json.dumps(config.as_dict()))
    differing = [key for key in new if old.get(key) != new[key]]
    differing = [key for key in differing if key != "checkpoint_minutes"]
    if differing:
        changes = ", ".join(f"{k}: {old.get(k)} -> {new[k]}" for k in differing)
        raise ValueError(
            f"output holds a checkpoint of another configuration ({changes}); "
            f"remove it or name another folder: {path}"
        )
