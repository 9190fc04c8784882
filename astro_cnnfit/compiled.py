# Licensed under a 3-clause BSD style license - see LICENSE
"""One traced function per set of shapes, whichever backend Keras runs on."""

import functools

import keras

__all__ = ["compiled"]


def compiled(function, static=()):
    """
    Compile a function of tensors with the backend's own compiler.

    Parameters
    ----------
    function : callable
        Positional arguments are arrays or tensors; results are tensors.
    static : tuple of int
        Positions of arguments that are plain values and not traced.

    Returns
    -------
    callable
        The same function, traced once per combination of shapes (TensorFlow
        and JAX) or as it is (other backends).
    """
    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        return jax.jit(function, static_argnums=static)
    if backend == "tensorflow":
        return _compiled_by_tensorflow(function, static)
    return function


def _compiled_by_tensorflow(function, static):
    import tensorflow as tf

    # One for each set of shapes: of one function for all of them, TensorFlow thinks
    # that it is traced too often, and says so.
    traced = {}

    @functools.wraps(function)
    def call(*args):
        # Plain floats as arguments would be traced anew for each value; tensors
        # are traced for each shape.
        args = [
            value if index in static else tf.convert_to_tensor(value)
            for index, value in enumerate(args)
        ]
        kind = tuple(
            value if index in static else (tuple(value.shape), value.dtype)
            for index, value in enumerate(args)
        )
        if kind not in traced:
            traced[kind] = tf.function(function)
        return traced[kind](*args)

    return call
