# Licensed under a 3-clause BSD style license - see LICENSE
"""
Training on a fixed set of labelled stamps, epoch by epoch.

As the papers train: shuffled batches, the loss on a validation set after each
epoch, an early stop when it no longer falls, the best weights at the end. It
serves a few hundred galaxies of one's own survey, from weights that come with
the package, as well as tens of thousands from the start.
"""

import logging
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from keras import layers, ops
from safetensors.numpy import load_file, save_file
from tqdm.auto import tqdm

from astro_cnnfit.compiled import compiled
from astro_cnnfit.networks.casnet import loss as root_mean_square
from astro_cnnfit.weights.files import numpy_values

from .checkpoint import load_checkpoint, save_checkpoint
from .labelled import checked, divided, fingerprint
from .optimizer import learning_rates, make_optimizer

__all__ = ["train_epochs"]

log = logging.getLogger(__name__)

_BEST = "best.safetensors"
_ORDER, _TRANSFORM = range(2)


@dataclass(frozen=True)
class _Run:
    """What must be the same when a run resumes."""

    batch_size: int
    optimizer: str
    learning_rate: float
    schedule: str
    seed: int
    freeze: bool
    data: int

    def as_dict(self):
        return asdict(self)


def train_epochs(
    model,
    stamps,
    targets,
    *,
    validation=0.1,
    loss=root_mean_square,
    epochs=300,
    batch_size=512,
    optimizer="adam",
    learning_rate=1e-3,
    schedule="constant",
    patience=15,
    transform=None,
    freeze=False,
    seed=1,
    folder=None,
    after_epoch=None,
    progress_bar=False,
):
    """
    Train a network on labelled stamps.

    Parameters
    ----------
    model : keras.Model
        The network, with random weights or trained ones. Its weights are changed.
    stamps : `~numpy.ndarray` or list of `~numpy.ndarray`
        (N, size, size), or the inputs of a network that has several.
    targets : `~numpy.ndarray`
        (N, m), what the loss compares the output with.
    validation : float or tuple
        Share of the galaxies that is held out, or (stamps, targets) of others.
    loss : callable
        Function of (targets, output) with a scalar tensor as result.
    epochs : int
        At most this many.
    batch_size : int
        Stamps per step. What is left over at the end of an epoch waits for the
        next, which has another order.
    optimizer : str
        A key of `~astro_cnnfit.training.optimizer.OPTIMIZERS` or another name that
        Keras knows, such as 'nadam'.
    learning_rate : float
        Its largest value.
    schedule : {'constant', 'cosine'}
        Whether the learning rate is kept throughout, or rises and then falls to zero
        along a cosine within ``epochs``.
    patience : int
        Epochs without a lower loss on the validation set, after which training
        stops.
    transform : callable, optional
        Function of (stamps, targets, rng) for every batch, such as
        `~astro_cnnfit.training.augmentation.random_symmetry`.
    freeze : bool
        Keep the convolutions and their normalisation as they are and train the
        dense layers alone: for a few hundred galaxies.
    seed : int
        Of the held-out galaxies, the order and the transformations.
    folder : path-like, optional
        Where to keep a checkpoint after each epoch. One found there is resumed.
    after_epoch : callable, optional
        Called after each epoch with (epoch, loss, validation loss), the epoch from
        1; what it raises ends the training.
    progress_bar : bool
        Show a bar over the epochs.

    Returns
    -------
    dict
        ``loss`` and ``val_loss``, a number an epoch, ``best_epoch`` (from 1) and
        ``seconds``. The model has the weights of that epoch.

    Raises
    ------
    ValueError
        If shapes or numbers are out of range, a stamp or target is not finite, or
        the folder holds a checkpoint of another run.
    """
    galaxies = checked(stamps, targets)
    if min(epochs, batch_size, patience) < 1 or not learning_rate > 0:
        raise ValueError(
            "epochs, batch_size, patience and learning_rate must be positive, "
            f"got {epochs}, {batch_size}, {patience} and {learning_rate}"
        )
    galaxies, held_out = divided(galaxies, validation, seed)
    batch_size = min(batch_size, len(galaxies.rows))
    data = fingerprint(galaxies) ^ fingerprint(held_out)
    run = _Run(batch_size, optimizer, learning_rate, schedule, seed, freeze, data)
    steps = epochs * (len(galaxies.rows) // batch_size)
    trainable = _freeze(model) if freeze else []
    try:
        _compile(model, run, steps, loss)
        epoch_of = _Epochs(model, galaxies, held_out, loss, transform, run)
        limits = epochs, patience, after_epoch
        return _train(model, epoch_of, run, folder, *limits, progress_bar)
    finally:
        for layer in trainable:
            layer.trainable = True


def _train(model, epoch_of, run, folder, epochs, patience, after_epoch, progress_bar):
    state = {"step": 0}
    if folder is not None:
        Path(folder).mkdir(parents=True, exist_ok=True)
        state = load_checkpoint(folder, model, run)
    if not state["step"]:
        state = {"step": 0, "loss": [], "val_loss": [], "seconds": 0.0}
        best = numpy_values(model.weights)
    else:
        log.info("resuming after epoch %d", state["step"])
        best = _read_best(folder)
    bar = tqdm(
        total=epochs, initial=state["step"], disable=not progress_bar, unit="epoch"
    )
    while state["step"] < epochs and not _stalled(state["val_loss"], patience):
        clock = time.monotonic()
        loss, val_loss = epoch_of(state["step"])
        state["step"] += 1
        state["loss"].append(loss)
        state["val_loss"].append(val_loss)
        state["seconds"] += time.monotonic() - clock
        if _best_epoch(state["val_loss"]) == state["step"]:
            best = numpy_values(model.weights)
            _write_best(folder, best)
        if folder is not None:
            save_checkpoint(folder, model, run, state)
        log.info("epoch %d: loss %.5f, validation %.5f", state["step"], loss, val_loss)
        bar.set_postfix(loss=f"{loss:.4f}", val_loss=f"{val_loss:.4f}", refresh=False)
        bar.update()
        if after_epoch is not None:
            after_epoch(state["step"], loss, val_loss)
    bar.close()
    if not np.isfinite(state["val_loss"]).any():
        raise ValueError(
            "training did not reach a finite loss: learning_rate is too large, "
            f"got {run.learning_rate}"
        )
    model.set_weights(best)
    state["best_epoch"] = _best_epoch(state["val_loss"])
    del state["step"]
    return state


class _Epochs:
    """One epoch after the other, a function of seed and epoch."""

    def __init__(self, model, galaxies, held_out, loss, transform, run):
        self.model, self.run = model, run
        self.galaxies, self.held_out = galaxies, held_out
        self.loss, self.transform = loss, transform
        self.forward = compiled(lambda *parts: model(list(parts), training=False))

    def __call__(self, epoch):
        """Train for one epoch; return its mean loss and that of the others."""
        size = self.run.batch_size
        order = self._rng(epoch, _ORDER).permutation(len(self.galaxies.rows))
        steps = len(order) // size
        total = 0.0
        for step in range(steps):
            # In the order in which they lie in memory, or on disk.
            which = np.sort(order[step * size : (step + 1) * size])
            inputs, targets = self.galaxies.take(which)
            if self.transform is not None:
                rng = self._rng(epoch, step, _TRANSFORM)
                inputs[0], targets = self.transform(inputs[0], targets, rng)
            total += float(self.model.train_on_batch(inputs, targets))
        return total / steps, self._validate()

    def _validate(self):
        """The loss of all held-out galaxies at once."""
        count = len(self.held_out.rows)
        size = min(self.run.batch_size, count)
        outputs, true = [], []
        for start in range(0, count, size):
            # The last batch is filled up with its last galaxy.
            which = np.minimum(np.arange(start, start + size), count - 1)
            inputs, targets = self.held_out.take(which)
            outputs.append(ops.convert_to_numpy(self.forward(*inputs)))
            true.append(targets)
        output, true = (np.concatenate(part)[:count] for part in (outputs, true))
        return float(ops.convert_to_numpy(self.loss(true, output)))

    def _rng(self, *key):
        return np.random.default_rng([self.run.seed, *key])


def _compile(model, run, steps, loss):
    rate = learning_rates(run.learning_rate, run.schedule, steps)
    optimizer = make_optimizer(run.optimizer, rate)
    model.compile(optimizer=optimizer, loss=loss)
    optimizer.build(model.trainable_variables)


def _freeze(model):
    """Freeze all layers but dense ones; return those that were not."""
    frozen = [
        layer
        for layer in model.layers
        if layer.weights and layer.trainable and not isinstance(layer, layers.Dense)
    ]
    for layer in frozen:
        layer.trainable = False
    return frozen


def _best_epoch(losses):
    """The epoch of the lowest loss, from 1; losses that are NaN count as infinite."""
    return int(np.argmin(np.where(np.isnan(losses), np.inf, losses))) + 1


def _stalled(losses, patience):
    return bool(losses) and len(losses) - _best_epoch(losses) >= patience


def _write_best(folder, arrays):
    if folder is None:
        return
    partial = Path(folder) / (_BEST + ".partial")
    save_file({f"{i:04d}": array for i, array in enumerate(arrays)}, partial)
    os.replace(partial, Path(folder) / _BEST)


def _read_best(folder):
    arrays = load_file(Path(folder) / _BEST)
    return [arrays[name] for name in sorted(arrays)]
