# Licensed under a 3-clause BSD style license - see LICENSE
"""
A network for one's own survey, from galaxies with labels.

Tens of thousands of galaxies train a network from the start; a few hundred are
enough to fine-tune one that comes with the package. What is written is a model
like the bundled ones, with errors calibrated on galaxies that were held out.
"""

import datetime as dt
import platform
from importlib.metadata import version
from pathlib import Path

import keras
import numpy as np

from astro_cnnfit.evaluation.precision import record_precision
from astro_cnnfit.measures import LATENT_MEASURES
from astro_cnnfit.networks import ARCHITECTURES, build
from astro_cnnfit.weights import Network, write_model
from astro_cnnfit.weights.files import numpy_values, read_arrays, read_description
from astro_cnnfit.weights.storage import rounded, stored

from .augmentation import random_symmetry
from .calibration import fit_calibration
from .checkout import commit
from .epochs import train_epochs

__all__ = ["retrain"]


def retrain(
    name,
    stamps,
    labels,
    output,
    *,
    validation=0.1,
    start_from=None,
    arguments=None,
    ranges=None,
    storage="float16",
    policy="float32",
    provenance=None,
    seed=1,
    **settings,
):
    """
    Train or fine-tune a network of morphology on labelled galaxies.

    Parameters
    ----------
    name : str
        Architecture: 'casnet_a', 'casnet_c' or 'cas'.
    stamps : `~numpy.ndarray`
        (N, size, size) as the network takes them: of unit maximum for CASNET
        (`~astro_cnnfit.morphology.preparation.unit_maximum_stamps`), in noises of
        the sky for 'cas'.
    labels : `~numpy.ndarray`
        (N, 12) in the order of `~astro_cnnfit.measures.LATENT_MEASURES`; for
        CASNET its one quantity, (N,), will do.
    output : path-like
        Folder for the model and, on the way, a checkpoint after each epoch, from
        which a killed run goes on.
    validation : float or tuple
        Share of the galaxies to hold out, or (stamps, labels) of others. They
        tell when to stop, and calibrate the errors.
    start_from : str or path-like, optional
        Name or folder of a model of the same architecture to begin with.
    arguments : dict, optional
        Of the architecture. By default its own, or those of ``start_from``.
    ranges : dict, optional
        Smallest and largest value of what was trained on, by name, to be written
        in the description. That of the labels is added.
    storage : {'float16', 'int8'}
        How weights are written.
    policy : str
        Keras dtype policy: 'mixed_bfloat16' is faster on processors that have it.
    provenance : dict, optional
        More plain values for the description.
    seed : int
        Of the weights, the held-out galaxies and the order.
    **settings
        Passed to `~astro_cnnfit.training.epochs.train_epochs`: ``epochs``,
        ``patience``, ``optimizer``, ``learning_rate``, ``freeze``, ... Without
        ``transform``, CASNET's stamps are turned and mirrored at random.

    Returns
    -------
    `~pathlib.Path`
        The output folder, for `~astro_cnnfit.weights.load_network`.

    Raises
    ------
    ValueError
        If the architecture is not one of these, shapes do not fit, or
        ``start_from`` is another architecture.
    """
    architecture = _architecture(name)
    stored([], storage)  # refuses what it does not know before hours of training
    output = Path(output)
    truth, held_out = _latent(labels, architecture), validation
    if isinstance(validation, tuple):
        held_out = validation[0], architecture.targets(np.asarray(validation[1]))
    else:
        (stamps, labels), (some, theirs) = _split(stamps, labels, validation, seed)
        held_out, validation = (some, architecture.targets(theirs)), (some, theirs)
    keras.utils.set_random_seed(seed)
    model, arguments, origin = _begin(name, arguments, start_from, policy)
    if len(architecture.latent) == 1:
        settings.setdefault("transform", random_symmetry)
    history = train_epochs(
        model, stamps, architecture.targets(np.asarray(labels)),
        validation=held_out, loss=architecture.loss, seed=seed, folder=output,
        **settings,
    )  # fmt: skip
    description = {
        "name": name,
        "architecture": name,
        "arguments": arguments,
        "trained_ranges": {**_ranges(truth, architecture.latent), **(ranges or {})},
        "training": _provenance(settings, policy, seed, history, origin, provenance),
        "sha256": "",
    }
    return _finish(model, description, validation, storage, output)


def _architecture(name):
    if name not in ARCHITECTURES or ARCHITECTURES[name].task == "sersic":
        known = [key for key, row in ARCHITECTURES.items() if row.task != "sersic"]
        raise ValueError(
            f"name must be an architecture for morphology ({', '.join(known)}), "
            f"got {name!r}"
        )
    return ARCHITECTURES[name]


def _latent(labels, architecture):
    """The latent quantities among the labels, (N, K)."""
    labels = np.asarray(labels, dtype=float)
    if labels.ndim == 1:
        labels = labels[:, None]
    if labels.ndim == 2 and labels.shape[1] == len(architecture.latent):
        return labels
    if labels.ndim != 2 or labels.shape[1] != len(LATENT_MEASURES):
        raise ValueError(
            f"labels must have shape (N, {len(LATENT_MEASURES)}) or hold "
            f"{', '.join(architecture.latent)} alone, got {labels.shape}"
        )
    return labels[:, [LATENT_MEASURES.index(name) for name in architecture.latent]]


def _split(stamps, labels, share, seed):
    stamps, labels = np.asarray(stamps), np.asarray(labels)
    if len(stamps) != len(labels) or not 0 < share < 1 or len(labels) < 2:
        raise ValueError(
            "stamps and labels must be two or more, and validation (stamps, labels) "
            f"or a share between 0 and 1, got {len(stamps)}, {len(labels)}, {share!r}"
        )
    order = np.random.default_rng(seed).permutation(len(labels))
    count = min(max(round(share * len(labels)), 1), len(labels) - 1)
    rows = np.sort(order[count:]), np.sort(order[:count])
    return tuple((stamps[part], labels[part]) for part in rows)


def _begin(name, arguments, start_from, policy):
    """The network, its arguments, and where its weights came from."""
    if start_from is None:
        arguments = arguments or {}
        return build(name, policy=policy, **arguments), arguments, None
    folder, description = read_description(start_from)
    own = arguments in (None, description["arguments"])
    if description["architecture"] != name or not own:
        raise ValueError(
            f"start_from must be a model of the same architecture and arguments, "
            f"{name} {arguments or {}}, got {description['architecture']} "
            f"{description['arguments']}"
        )
    model = build(name, policy=policy, **description["arguments"])
    model.set_weights(read_arrays(folder, description["sha256"]))
    origin = {key: description.get(key) for key in ("sha256", "training")}
    return model, description["arguments"], origin


def _finish(model, description, validation, storage, output):
    """Calibrate what will be written, and write it."""
    name = description["architecture"]
    architecture = ARCHITECTURES[name]
    number = len(architecture.latent)
    full = build(name, **description["arguments"])
    full.set_weights(rounded(numpy_values(model.weights), storage))
    none = {"scale": [1.0] * number, "covariance": np.zeros((number, number)).tolist()}
    network = Network(full, {**description, "calibration": none})
    stamps, labels = validation
    true = _latent(labels, architecture)
    mean, covariance = network.predict(np.asarray(stamps))
    description["calibration"] = fit_calibration(
        mean, covariance, true,
        latent=architecture.latent, features=architecture.features,
    )  # fmt: skip
    description["metrics"] = {
        quantity: _metrics(mean[:, place], true[:, place])
        for place, quantity in enumerate(architecture.latent)
    }
    folder = write_model(output, full, description, storage)
    record_precision(folder, np.asarray(stamps))
    return folder


def _metrics(mean, true):
    """The figures of Tohill et al. (2021), Section 4.1, on the held-out galaxies."""
    error = mean - true
    values = {
        "bias": error.mean(),
        "MAE": np.abs(error).mean(),
        "RMSE": np.sqrt(np.mean(error**2)),
    }
    if len(true) > 1 and mean.std() > 0 and true.std() > 0:
        values["r"] = np.corrcoef(mean, true)[0, 1]
    return {key: float(f"{value:.4g}") for key, value in values.items()}


def _ranges(latent, names):
    low, high = np.quantile(latent, [0.001, 0.999], axis=0)
    return {
        name: [float(f"{low[place]:.4g}"), float(f"{high[place]:.4g}")]
        for place, name in enumerate(names)
    }


def _provenance(settings, policy, seed, history, origin, more):
    packages = ("astro_cnnfit", "keras", keras.backend.backend(), "numpy")
    plain = {
        key: value
        for key, value in settings.items()
        if isinstance(value, (int, float, str)) and key != "progress_bar"
    }
    return {
        "command": None,
        "config": {**plain, "policy": policy, "seed": seed},
        "commit": commit(),
        "started_from": origin,
        "backend": keras.backend.backend(),
        "versions": {package: version(package) for package in packages},
        "python": platform.python_version(),
        "processor": platform.machine(),
        "epochs": len(history["loss"]),
        "best_epoch": history["best_epoch"],
        "seconds": round(history["seconds"]),
        "loss": history["loss"][history["best_epoch"] - 1],
        "val_loss": history["val_loss"][history["best_epoch"] - 1],
        "date": dt.date.today().isoformat(),
        **(more or {}),
    }
