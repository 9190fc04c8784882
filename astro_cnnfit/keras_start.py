# Licensed under a 3-clause BSD style license - see LICENSE
"""Loading Keras without the dozen lines that TensorFlow writes as it starts."""

import os
import sys
from contextlib import contextmanager

__all__ = ["load_keras"]


def load_keras(debug=False):
    """
    Import Keras and start its backend, with standard error turned off meanwhile.

    TensorFlow's messages about processors and accelerators that it looked for
    come from compiled code, before any setting of its can stop them. Exceptions
    are not affected.

    Parameters
    ----------
    debug : bool
        Whether to let the messages through.
    """
    if "keras" in sys.modules or debug:
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    with _no_stderr():
        import keras

        # The first operation looks for accelerators.
        keras.ops.convert_to_numpy(keras.ops.zeros(1) + 1)


@contextmanager
def _no_stderr():
    sys.stderr.flush()
    try:
        saved = os.dup(2)
    except OSError:
        # There is no standard error to turn off.
        yield
        return
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    try:
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(null)
