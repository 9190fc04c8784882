# Licensed under a 3-clause BSD style license - see LICENSE
"""Keras Tuner with what its Bayesian search needs, or one clear message."""

import warnings
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec

__all__ = ["import_keras_tuner", "quiet"]

_NEEDED = {
    "keras_tuner": "keras-tuner",
    "sklearn": "scikit-learn",
    "grpc": "grpcio",
    "tensorboard": "tensorboard",
}


def import_keras_tuner():
    """
    Import Keras Tuner.

    Returns
    -------
    module

    Raises
    ------
    ImportError
        If it, its extra ``bayesian`` or tensorboard, without which its search does
        not run, is not installed.
    """
    missing = [name for module, name in _NEEDED.items() if not _is_there(module)]
    if missing:
        raise ImportError(
            "the hyperparameter search needs Keras Tuner with its Bayesian search "
            f"and tensorboard; not installed: {', '.join(missing)}. "
            "Install them with: pip install 'astro_cnnfit[tune]'"
        )
    with quiet():
        return import_module("keras_tuner")


@contextmanager
def quiet():
    """Keep warnings of Keras Tuner and scikit-learn about themselves away."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _is_there(module):
    try:
        return find_spec(module) is not None
    except ValueError:
        return False
