# Licensed under a 3-clause BSD style license - see LICENSE
"""
A model on disk: ``model.json`` beside ``weights.safetensors``.

Neither can hold code. The description names an architecture of the registry
and says how the weights came to be; the weights are arrays in the order of the
network's variables, in float16 or, large kernels, in int8 (`storage`).
"""

import hashlib
import json
import os
from pathlib import Path

import numpy as np
from keras import ops
from safetensors import SafetensorError
from safetensors.numpy import load, save_file

from astro_cnnfit.networks import ARCHITECTURES

from .checking import check_description, inside, parse_description
from .storage import restored, stored

__all__ = [
    "available",
    "is_bundled",
    "numpy_values",
    "read_arrays",
    "read_description",
    "write_description",
    "write_model",
]

BUNDLED = Path(__file__).parent
DESCRIPTION = "model.json"
WEIGHTS = "weights.safetensors"
# Ten times the largest network of the package.
MOST_BYTES = 1_000_000_000


def available(tasks=None):
    """
    Names of the bundled models.

    Parameters
    ----------
    tasks : sequence of str, optional
        Only those of networks for these; see `~astro_cnnfit.networks.Architecture`.

    Returns
    -------
    tuple of str
    """
    paths = sorted(BUNDLED.glob(f"*/{DESCRIPTION}"))
    return tuple(
        path.parent.name for path in paths if tasks is None or _task(path) in tasks
    )


def _task(path):
    """What the network of a bundled description measures."""
    return ARCHITECTURES[json.loads(path.read_text())["architecture"]].task


def is_bundled(folder):
    """
    Whether a folder is one of the package's own.

    Parameters
    ----------
    folder : `~pathlib.Path`

    Returns
    -------
    bool
    """
    return Path(folder).parent == BUNDLED


def write_model(folder, model, description, storage="float16"):
    """
    Write weights and description.

    Parameters
    ----------
    folder : path-like
        Where to.
    model : keras.Model
        The trained network.
    description : dict
        Plain values; the weights' checksum is added.
    storage : {'float16', 'int8'}
        How numbers are kept. 'int8' takes half the space: large kernels are
        rounded to 255 levels per output channel.

    Returns
    -------
    `~pathlib.Path`
        The folder.

    Raises
    ------
    ValueError
        If there is no such storage, or a weight is not finite.
    """
    folder = Path(folder)
    arrays = stored(numpy_values(model.weights), storage)
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / (WEIGHTS + ".partial")
    save_file(arrays, partial)
    checksum = hashlib.sha256(partial.read_bytes()).hexdigest()
    partial.chmod(0o644)  # safetensors writes files that only their owner may read
    os.replace(partial, folder / WEIGHTS)
    write_description(folder, {**description, "sha256": checksum})
    return folder


def write_description(folder, description):
    """
    Write or replace ``model.json``.

    Parameters
    ----------
    folder : path-like
        Where the model lies.
    description : dict
        Plain values.
    """
    text = json.dumps(description, indent=1) + "\n"
    partial = Path(folder) / (DESCRIPTION + ".partial")
    partial.write_text(text)
    os.replace(partial, Path(folder) / DESCRIPTION)


def numpy_values(variables):
    """
    Values of Keras variables.

    Parameters
    ----------
    variables : sequence of keras.Variable

    Returns
    -------
    list of `~numpy.ndarray`
    """
    # By way of a tensor: NumPy 2 warns of TensorFlow's variables.
    tensors = [ops.copy(variable) for variable in variables]
    return [np.asarray(ops.convert_to_numpy(t), order="C") for t in tensors]


def read_description(name_or_path, tasks=None):
    """
    Read the description of a model.

    Parameters
    ----------
    name_or_path : str or path-like
        Name of a bundled model, or a folder with ``model.json`` and
        ``weights.safetensors``.
    tasks : sequence of str, optional
        Name only bundled models for these, where there is no such one.

    Returns
    -------
    folder : `~pathlib.Path`
    description : dict

    Raises
    ------
    ValueError
        If there is no such model or the description is not one.
    """
    folder = BUNDLED / str(name_or_path)
    if not (isinstance(name_or_path, str) and name_or_path in available()):
        folder = Path(name_or_path)
    path = inside(folder / DESCRIPTION)
    if not path.is_file():
        known = ", ".join(repr(name) for name in available(tasks))
        raise ValueError(
            f"model must be one of {known} or a folder with {DESCRIPTION}, "
            f"got {str(name_or_path)!r}"
        )
    try:
        description = parse_description(_content(path))
    except (ValueError, OSError) as error:
        raise ValueError(
            f"model has an unreadable description: {path}: {error}"
        ) from None
    try:
        check_description(description)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"model's description {error}: {path}") from None
    return folder, description


def _content(path):
    """Content of a file, whose size is looked at first."""
    if path.stat().st_size > MOST_BYTES:
        raise ValueError(f"more than {MOST_BYTES} bytes")
    return path.read_bytes()


def read_arrays(folder, checksum):
    """
    Read the weights as float32 arrays, in the network's order.

    Raises
    ------
    ValueError
        If the file is missing, damaged, or not the one described.
    """
    path = inside(Path(folder) / WEIGHTS)
    try:
        content = _content(path)
        # A KeyError names a type of numbers that NumPy does not have.
        arrays = load(content)
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise ValueError(f"model has unreadable weights: {path}: {error}") from None
    if hashlib.sha256(content).hexdigest() != checksum:
        raise ValueError(f"model's weights do not match their checksum: {path}")
    try:
        return restored(arrays)
    except ValueError as error:
        raise ValueError(f"model has unusable weights: {path}: {error}") from None
