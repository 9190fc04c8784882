# Licensed under a 3-clause BSD style license - see LICENSE
"""
A mean and a full covariance as a network's output, and their likelihood.

The output holds K standardised means and the K (K + 1) / 2 entries of the lower
triangle L of the inverse covariance L L^T, the logarithm on its diagonal.
"""

import numpy as np
from keras import ops

__all__ = [
    "covariances",
    "diagonal_places",
    "mean_and_root",
    "n_outputs",
    "student_loss",
    "taught_loss",
]

_LOG_PRECISION = (-2.0, 7.0)
_FREEDOM = 8.0
# Of a whitened residual: its square is a number in float32, and its logarithm large.
_FARTHEST = 1e15


def n_outputs(dimension):
    """
    Number of outputs for means and triangle.

    Parameters
    ----------
    dimension : int

    Returns
    -------
    int
    """
    return dimension + dimension * (dimension + 1) // 2


def student_loss(true, output):
    """
    Negative log likelihood of the truth, and a little mean error.

    The likelihood is a multivariate Student's t of 8 degrees of freedom: a
    galaxy that is taken for its neighbour is 1000 sigma off, and its square
    would undo hours of training.

    Parameters
    ----------
    true : tensor
        (N, K) standardised.
    output : tensor
        (N, K + K (K + 1) / 2)

    Returns
    -------
    tensor
        A scalar.
    """
    residual, factor, log_diagonal = _parts(true, output)
    whitened = ops.sum(ops.expand_dims(residual, 2) * factor, axis=1)
    squared = _squared(whitened, -1)
    return _surprise(squared, log_diagonal) + ops.mean(ops.abs(residual))


def taught_loss(taught, output):
    """
    `student_loss` of what another network says, rather than of the truth.

    The truth is one draw from what can be said of a galaxy; a network that was
    trained long says all of it at once. The squared distance is the mean over the
    teacher's posterior, so that the loss is least where both agree.

    Parameters
    ----------
    taught : tensor
        (N, K + K K) from `mean_and_root`.
    output : tensor
        (N, K + K (K + 1) / 2)

    Returns
    -------
    tensor
        A scalar.
    """
    dimension = int((taught.shape[1] + 0.25) ** 0.5)
    residual, factor, log_diagonal = _parts(taught[:, :dimension], output)
    root = ops.reshape(taught[:, dimension:], (-1, dimension, dimension))
    whitened = ops.sum(ops.expand_dims(residual, 2) * factor, axis=1)
    spread = ops.matmul(ops.transpose(root, (0, 2, 1)), factor)
    squared = _squared(whitened, -1) + _squared(spread, (1, 2))
    return _surprise(squared, log_diagonal) + ops.mean(ops.abs(residual))


def _parts(mean, output):
    """Residual, triangle and its diagonal's logarithm."""
    dimension = mean.shape[1]
    triangle = output[:, dimension:]
    log_diagonal = ops.take(triangle, diagonal_places(dimension), axis=1)
    log_diagonal = ops.clip(log_diagonal, *_LOG_PRECISION)
    factor = _factor(triangle, log_diagonal, dimension)
    return mean - output[:, :dimension], factor, log_diagonal


def _squared(whitened, axes):
    return ops.sum(ops.square(ops.clip(whitened, -_FARTHEST, _FARTHEST)), axes)


def _surprise(squared, log_diagonal):
    """Negative logarithm of Student's t, but for a constant."""
    dimension = log_diagonal.shape[1]
    surprise = 0.5 * (_FREEDOM + dimension) * ops.log1p(squared / _FREEDOM)
    return ops.mean(surprise - ops.sum(log_diagonal, -1))


def diagonal_places(dimension):
    """
    Which entries of the lower triangle are its diagonal.

    Parameters
    ----------
    dimension : int
        K.

    Returns
    -------
    `~numpy.ndarray` of int
        (K,)
    """
    rows, columns = np.tril_indices(dimension)
    return np.flatnonzero(rows == columns)


def _factor(triangle, log_diagonal, dimension):
    """Lower triangle L of the inverse covariance L L^T, (N, K, K)."""
    rows, columns = np.tril_indices(dimension)
    place = np.zeros((len(rows), dimension**2), np.float32)
    place[np.arange(len(rows)), rows * dimension + columns] = 1
    diagonal = diagonal_places(dimension)
    off = place.copy()
    off[diagonal] = 0
    flat = ops.matmul(triangle, ops.convert_to_tensor(off))
    flat = flat + ops.matmul(
        ops.exp(log_diagonal), ops.convert_to_tensor(place[diagonal])
    )
    return ops.reshape(flat, (-1, dimension, dimension))


def covariances(output, dimension):
    """
    Standardised mean and covariance from the network's output.

    Parameters
    ----------
    output : `~numpy.ndarray`
        (N, K + K (K + 1) / 2)
    dimension : int
        K.

    Returns
    -------
    mean : `~numpy.ndarray`
        (N, K) float64.
    covariance : `~numpy.ndarray`
        (N, K, K) float64.
    """
    mean, inverse = _mean_and_inverse(output, dimension)
    return mean, np.swapaxes(inverse, 1, 2) @ inverse


def mean_and_root(output, dimension):
    """
    What a network teaches another one.

    Parameters
    ----------
    output : `~numpy.ndarray`
        (N, K + K (K + 1) / 2)
    dimension : int
        K.

    Returns
    -------
    `~numpy.ndarray`
        (N, K + K K) float32: standardised means, and a root R of the covariance
        R R^T.
    """
    mean, inverse = _mean_and_inverse(output, dimension)
    root = np.swapaxes(inverse, 1, 2).reshape(len(mean), -1)
    return np.concatenate([mean, root], axis=1).astype(np.float32)


def _mean_and_inverse(output, dimension):
    """Means, and inverses of the triangles."""
    output = np.asarray(output, dtype=float)
    factor = np.zeros((len(output), dimension, dimension))
    factor[:, *np.tril_indices(dimension)] = output[:, dimension:]
    places = np.arange(dimension)
    log_diagonal = np.clip(factor[:, places, places], *_LOG_PRECISION)
    factor[:, places, places] = np.exp(log_diagonal)
    return output[:, :dimension], np.linalg.inv(factor)
