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

    # One graph for each set of shapes: of one function for all of them, TensorFlow
    # thinks that it is traced too often, and says so.
    graphs = {}

    @functools.wraps(function)
    def call(*args):
        plain = {index: args[index] for index in static}
        tensors = [
            tf.convert_to_tensor(value)
            for index, value in enumerate(args)
            if index not in static
        ]
        kind = (*plain.values(), *((tuple(t.shape), t.dtype) for t in tensors))
        if kind not in graphs:

            def of_tensors(*tensors):
                rest = iter(tensors)
                return function(
                    *(plain[i] if i in static else next(rest) for i in range(len(args)))
                )

            specs = [tf.TensorSpec(t.shape, t.dtype) for t in tensors]
            # There is no Python to be rewritten: all that depends on tensors is an
            # operation of Keras.
            graph = tf.function(of_tensors, autograph=False)
            graphs[kind] = graph.get_concrete_function(*specs)
        return graphs[kind](*tensors)

    return call
