# Licensed under a 3-clause BSD style license - see LICENSE
"""Cards of the bundled networks, made from the ``model.json`` beside the weights."""

import json

from generated_pages import list_table, model_files

__all__ = ["NONE", "cards", "write_all"]

# Architectures that measure morphology.
MORPHOLOGY = ("cas", "casnet_a", "casnet_c")
NONE = "This build of the documentation has no networks."
HEADER = "   :header-rows: 1"

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
    for path in model_files():
        architecture = json.loads(path.read_text(encoding="utf-8"))["architecture"]
        place = "morphology_networks" if architecture in MORPHOLOGY else "networks"
        parts[f"{place}.inc"].append(path.parent.name)
    for name, shown in parts.items():
        (folder / name).write_text(cards(shown) + "\n", encoding="utf-8")


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
    parts = [
        f"{name}\n{'-' * len(name)}",
        list_table(rows, "   :stub-columns: 1", "   :widths: 20 80"),
        "Trained on galaxies within, lengths in pixels,",
        list_table([("", "from", "to"), *ranges], HEADER),
    ]
    return "\n\n".join(parts + _reached(description.get("metrics")))


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


def _value(value):
    """Write one fact; several as one line each."""
    if isinstance(value, dict):
        lines = [f"| {key}: ``{json.dumps(item)}``" for key, item in value.items()]
        return "\n       ".join(lines) or "none"
    return f"``{value}``"
