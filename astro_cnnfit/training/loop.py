# Licensed under a 3-clause BSD style license - see LICENSE
"""The training loop: batches in, checkpoints on the way, weights out."""

import logging
import time
from pathlib import Path

import keras
from tqdm.auto import tqdm

from astro_cnnfit.networks import ARCHITECTURES, build
from astro_cnnfit.networks.narrowing import narrowed_sersic
from astro_cnnfit.weights.files import read_arrays, read_description

from .checkout import commit
from .checkpoint import load_checkpoint, save_checkpoint
from .finish import finish
from .optimizer import OPTIMIZERS, learning_rates
from .tasks import TASKS
from .teaching import TaughtStream, half_taught_loss

__all__ = ["train"]

log = logging.getLogger(__name__)


def train(config, output, *, data=None, progress_bar=False, command=None):
    """
    Train a network, or go on where a killed run stopped.

    Parameters
    ----------
    config : `~astro_cnnfit.training.TrainingConfig`
        What to train and how.
    output : path-like
        Folder for checkpoints and, at the end, ``model.json`` and
        ``weights.safetensors``. A checkpoint found there is resumed.
    data : object, optional
        What the task draws from: stamps of real sky for Sersic networks (None:
        those of ``ASTRO_CNNFIT_TEST_DATA``), two libraries of galaxies, for
        training and for calibration, for those of morphology.
    progress_bar : bool
        Show a bar.
    command : str, optional
        The command to record in the description.

    Returns
    -------
    `~pathlib.Path`
        The output folder.

    Raises
    ------
    ValueError
        If the folder holds a checkpoint of another configuration, or the task
        needs ``data`` and none are given.
    """
    task = TASKS[ARCHITECTURES[config.architecture].task]
    data = task.data(data)
    output = Path(output)
    output.mkdir(parents=True, exist_ok=True)
    keras.utils.set_random_seed(config.seed)
    model = _compiled_model(config)
    state = load_checkpoint(output, model, config)
    state.setdefault("commit", commit())
    if state["step"] == 0 and config.start_from:
        state["started_from"] = _start_from(model, config)
    stream = task.stream(config, data)
    if config.teacher:
        stream = TaughtStream(stream, config.teacher)
        state["teacher"] = stream.sha256
    start = state["step"]
    if start:
        log.info("resuming at step %d of %d", start, config.steps)
    bar = tqdm(
        stream.batches(start, config.steps),
        total=config.steps,
        initial=start,
        disable=not progress_bar,
        unit="batch",
        mininterval=1.0,
    )
    clock = time.monotonic()
    for step, (inputs, targets) in enumerate(bar, start + 1):
        loss = float(model.train_on_batch(inputs, targets))
        state["loss"] = loss if step == 1 else 0.99 * state["loss"] + 0.01 * loss
        if step % 20 == 0:
            bar.set_postfix(loss=f"{state['loss']:.4f}", refresh=False)
        minutes = (time.monotonic() - clock) / 60
        if minutes > config.checkpoint_minutes or step == config.steps:
            state.update(step=step, seconds=state["seconds"] + 60 * minutes)
            save_checkpoint(output, model, config, state)
            log.info("step %d of %d, loss %.4f", step, config.steps, state["loss"])
            clock = time.monotonic()
    return finish(model, config, output, state, data, command)


def _compiled_model(config):
    model = build(config.architecture, policy=config.policy, **config.arguments)
    rate = learning_rates(config.learning_rate, "cosine", config.steps, config.warmup)
    optimizer = OPTIMIZERS[config.optimizer](rate)
    loss = ARCHITECTURES[config.architecture].loss
    model.compile(optimizer, loss=half_taught_loss if config.teacher else loss)
    optimizer.build(model.trainable_variables)
    return model


def _start_from(model, config):
    """Give a model the weights of another one; return where these came from."""
    folder, description = read_description(config.start_from)
    origin = description["architecture"], description["arguments"]
    arrays = read_arrays(folder, description["sha256"])
    if origin != (config.architecture, config.arguments):
        if not _differ_in_filters(description, config):
            raise ValueError(
                f"start_from must be a model of the same architecture and arguments, "
                f"but for the filters of 'sersic', {config.architecture} "
                f"{config.arguments}, got {origin}"
            )
        arrays = narrowed_sersic(arrays, config.arguments["filters"])
    model.set_weights(arrays)
    return {
        "sha256": description["sha256"],
        "training": description.get("training"),
    }


def _differ_in_filters(description, config):
    """Whether two Sersic networks have other filters, and nothing else."""
    same = {**description["arguments"], "filters": config.arguments.get("filters")}
    return (
        description["architecture"] == config.architecture == "sersic"
        and same == config.arguments
    )
