# Licensed under a 3-clause BSD style license - see LICENSE
"""
A network that learns from another one as well as from the truth.

Known as distillation (Hinton et al. 2015): what a network that was trained long says
of a stamp is less noisy than the truth, which is one draw of it.
"""

import numpy as np
from keras import ops

from astro_cnnfit.networks.likelihood import mean_and_root, student_loss, taught_loss
from astro_cnnfit.weights import load_network

from .ahead import one_ahead

__all__ = ["TaughtStream", "half_taught_loss"]


class TaughtStream:
    """
    Batches of another stream, with the teacher's opinion beside the truth.

    Parameters
    ----------
    stream : `~astro_cnnfit.training.stream.SceneStream`
        Where stamps and truth come from.
    teacher : str
        Name or folder of a model with the same targets. It runs in bfloat16: what that
        changes is far less than what it does not know.
    """

    def __init__(self, stream, teacher):
        self.stream = stream
        self.teacher = load_network(teacher, precision="bfloat16")
        self.sha256 = self.teacher.sha256

    def batches(self, start, stop):
        """Batches of steps ``start`` to ``stop``, one made ahead."""
        return one_ahead(self.batch, start, stop, self.stream.executor)

    def batch(self, step):
        """
        The batch of one step.

        Returns
        -------
        inputs : list of `~numpy.ndarray`
        targets : `~numpy.ndarray`
            (N, 2 K + K K) standardised truth and
            `~astro_cnnfit.networks.likelihood.mean_and_root` of the teacher.
        """
        inputs, targets = self.stream.batch(step)
        output = ops.convert_to_numpy(self.teacher.forward(*inputs))
        taught = mean_and_root(output, targets.shape[1])
        return inputs, np.concatenate([targets, taught], axis=1)


def half_taught_loss(targets, output):
    """
    Mean of the losses of the truth and of the teacher's opinion.

    Parameters
    ----------
    targets : tensor
        (N, 2 K + K K) from `TaughtStream`.
    output : tensor
        (N, K + K (K + 1) / 2)

    Returns
    -------
    tensor
        A scalar.
    """
    number = int((targets.shape[1] + 1) ** 0.5) - 1
    own = student_loss(targets[:, :number], output)
    return 0.5 * (own + taught_loss(targets[:, number:], output))
