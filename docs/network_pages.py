# Licensed under a 3-clause BSD style license - see LICENSE
"""Cards of the bundled networks, made from the ``model.json`` beside the weights."""

import ast
import inspect
import json
from dataclasses import MISSING, fields
from itertools import pairwise

from generated_pages import list_table, model_files

from astro_cnnfit.training import TrainingConfig

__all__ = ["NONE", "cards", "write_all"]

# Architectures that measure morphology.
MORPHOLOGY = ("cas", "casnet_a", "casnet_c")
NONE = "This build of the documentation has no networks."
HEADER = "   :header-rows: 1"

# What each network is for, and where it is known to fail.
USE = {
    "sersic": (
        "One Sersic profile for each galaxy of any optical or near-infrared image "
        "whose PSF is known and sampled by 1.8 pixels or more, from S/N 8 on.",
        "Galaxies of several components get one profile, whose index says little. "
        "Errors are too small on skies with correlated noise of shallower surveys and "
        "where the PSF is wrong. At S/N below 20, sizes and indices lean towards those "
        "of the training. Blends are measured as one.",
    ),
    "sersic_wide": (
        "To repeat how ``sersic`` was made; otherwise take that one.",
        "Those of ``sersic``.",
    ),
    "galnet1": (
        "Images of KiDS's seeing without a PSF, and comparisons with the paper.",
        "Other seeing, for it cannot know the PSF: sizes, indices and axis ratios are "
        "off. No S/N below 55. Its errors are the same for all galaxies.",
    ),
    "galnet2": (
        "Comparisons with the paper.",
        "Those of ``galnet1``, but for the seeing. Trained for minutes, it falls short "
        "of the paper's.",
    ),
    "cas": (
        "C, A, S, Gini, M20 and radii without noise, of resolved galaxies (R_p of 3.5 "
        "to 38 pixels) at S/N per pixel of 1.5 to 100; alone or in the combination.",
        "Pairs and galaxies with several nuclei: the centre of least asymmetry is "
        "ambiguous. The strongest asymmetries come out too low at low S/N. Correlated "
        "noise, and neighbours that were left in, make A scatter more than its errors "
        "say. It knows no PSF: what is blurred counts as blurred.",
    ),
    "casnet_a": (
        "Comparisons with the paper.",
        "It learned A as the classical code measures it on noisy images, its bias "
        "included. Three epochs of training; one galaxy to a stamp, cleaned before.",
    ),
    "casnet_c": (
        "Comparisons with the paper.",
        "As ``casnet_a``; eight epochs.",
    ),
    "casnet_a_tuned": (
        "Comparisons with the paper, at a small part of the operations.",
        "As ``casnet_a``, but for the length of its training.",
    ),
    "casnet_c_tuned": (
        "Comparisons with the paper, at a small part of the operations.",
        "As ``casnet_c``, but for the length of its training.",
    ),
}

# What a card says of a network's training, in this order, where it is known.
TRAINING = (
    "command",
    "date",
    "commit",
    "backend",
    "versions",
    "python",
    "processor",
    "real_sky_stamps",
    "data",
    "steps",
    "epochs",
    "best_epoch",
    "seconds",
    "loss",
    "val_loss",
    "config",
    "started_from",
    "teacher",
)


def write_all(folder):
    """Write the cards into ``folder``, those of morphology apart."""
    parts = {"networks.inc": [], "morphology_networks.inc": []}
    for path in sorted(model_files(), key=_place):
        architecture = json.loads(path.read_text(encoding="utf-8"))["architecture"]
        place = "morphology_networks" if architecture in MORPHOLOGY else "networks"
        parts[f"{place}.inc"].append(path.parent.name)
    texts = {name: cards(shown) for name, shown in parts.items()}
    texts |= {"training_times.inc": times(), "training_config.inc": settings()}
    for name, text in texts.items():
        (folder / name).write_text(text + "\n", encoding="utf-8")


def _place(path):
    """Place of a network's card, the package's own before the papers'."""
    names = list(USE)
    name = path.parent.name
    return names.index(name) if name in names else len(names)


def cards(names):
    """Write the cards of bundled networks."""
    folder = {path.parent.name: path for path in model_files()}
    return "\n\n".join(_card(name, folder[name]) for name in names) or NONE


def _card(name, path):
    description = json.loads(path.read_text(encoding="utf-8"))
    training = description.get("training", {})
    facts = {key: description[key] for key in ("architecture", "arguments", "sha256")}
    facts |= {key: training[key] for key in TRAINING if training.get(key) is not None}
    rows = [(key.replace("_", " "), _value(value)) for key, value in facts.items()]
    ranges = [(key, *limits) for key, limits in description["trained_ranges"].items()]
    use, failures = USE.get(name, ("-", "-"))
    parts = [
        f"{name}\n{'-' * len(name)}",
        f"**For:** {use}",
        f"**Known failures:** {failures}",
        "Trained on galaxies within, lengths in pixels,",
        list_table([("", "from", "to"), *ranges], HEADER),
        *_reached(description.get("metrics")),
        "How it was made:",
        list_table(rows, "   :stub-columns: 1", "   :widths: 20 80"),
    ]
    return "\n\n".join(parts)


def _reached(metrics):
    """What the network reached, in either form of the metrics."""
    if not metrics:
        return []
    text = "On galaxies drawn like those of its training, but never seen in it:"
    first = next(iter(metrics.values()))
    if isinstance(next(iter(first.values())), dict):
        text = text[:-1] + ", the scatter, and in brackets the mean, of the errors:"
        rows = _in_bins(metrics)
    else:
        names = list(dict.fromkeys(name for row in metrics.values() for name in row))
        rows = [("", *names)]
        rows += [
            (key, *(row.get(name, r"\-") for name in names))
            for key, row in metrics.items()
        ]
    return [text, list_table(rows, HEADER)]


def _in_bins(metrics):
    """Quantities against bins of the S/N."""
    names = list(dict.fromkeys(name for found in metrics.values() for name in found))
    rows = [("", *metrics)]
    for name in names:
        cells = (found.get(name) for found in metrics.values())
        rows.append((name, *(_scatter(cell) for cell in cells)))
    return rows


def _scatter(found):
    return f"{found['std']:.3g} ({found['bias']:+.3f})" if found else r"\-"


def times():
    """How long the bundled networks were trained."""
    rows = [("network", "stamps shown", "minutes", "stamps an hour")]
    for path in model_files():
        training = json.loads(path.read_text(encoding="utf-8"))["training"]
        if "steps" not in training:
            continue
        samples = training["config"]["samples"]
        hours = training["seconds"] / 3600
        numbers = (f"{samples:,}", f"{60 * hours:.0f}", f"{samples / hours:,.0f}")
        rows.append((f"``{path.parent.name}``", *numbers))
    return list_table(rows, HEADER)


def settings():
    """Fields of a training configuration, from the class that holds them."""
    rows = [("key", "default", "meaning")]
    for field in fields(TrainingConfig):
        if field.default is not MISSING:
            default = f"``{field.default!r}``"
        elif field.default_factory is not MISSING:
            default = f"``{field.default_factory()!r}``"
        else:
            default = "needed"
        rows.append((f"``{field.name}``", default, _meanings()[field.name]))
    return list_table(rows, HEADER, "   :widths: 22 20 58")


def _meanings():
    """What stands below each field of the class."""
    tree = ast.parse(inspect.getsource(TrainingConfig)).body[0]
    found = dict(OWN_MEANINGS)
    for node, following in pairwise(tree.body):
        is_text = isinstance(following, ast.Expr) and isinstance(
            following.value, ast.Constant
        )
        if isinstance(node, ast.AnnAssign) and is_text:
            found[node.target.id] = " ".join(following.value.value.split())
    return found


# Fields whose names say all to those who wrote them.
OWN_MEANINGS = {
    "architecture": "``'sersic'``, ``'galnet1'``, ``'galnet2'``, ``'cas'``, "
    "``'casnet_a'`` or ``'casnet_c'``.",
    "batch_size": "Stamps a step. Larger ones need a higher learning rate.",
    "learning_rate": "The highest; a tenth of that of a first training is right for "
    "one that goes on.",
    "seed": "Of weights and scenes. The same seed repeats the run.",
    "checkpoint_minutes": "How often the run is saved; what a kill may cost.",
}


def _value(value):
    """Write one fact; several as one line each."""
    if isinstance(value, float):
        return f"``{value:.4g}``"
    if isinstance(value, dict):
        lines = [f"| {key}: ``{json.dumps(item)}``" for key, item in value.items()]
        return "\n       ".join(lines) or "none"
    return f"``{value}``"
