# Licensed under a 3-clause BSD style license - see LICENSE
"""
Parts of the documentation that are made from the package's own tables.

They are written as ``docs/generated/*.inc`` and included by the pages, so that
no table is kept twice.
"""

import json
from pathlib import Path

import astro_cnnfit
from astro_cnnfit.flags import flag_table

WEIGHTS = Path(astro_cnnfit.__file__).parent / "weights"

# Keys of model.json in the order of a card; any other key follows.
CARD_ORDER = (
    "description",
    "architecture",
    "arguments",
    "needs_psf",
    "stamp_size",
    "psf_size",
    "trained_ranges",
    "training_command",
    "seed",
    "metrics",
    "versions",
    "sha256",
)


def model_files():
    """List the descriptions of the bundled networks."""
    return sorted(WEIGHTS.glob("*/model.json"))


def has_weights():
    """Say whether networks are there to run the examples with."""
    return bool(model_files())


def write_all(folder):
    """Write every part into ``folder``."""
    folder.mkdir(exist_ok=True)
    parts = {
        "flags.inc": flag_table(),
        "columns.inc": _columns(),
        "networks.inc": _networks(),
    }
    for name, text in parts.items():
        (folder / name).write_text(text + "\n", encoding="utf-8")


def _columns():
    from astro_cnnfit.sersic.results import column_table

    return column_table()


def _networks():
    cards = [
        _card(path.parent.name, json.loads(path.read_text(encoding="utf-8")))
        for path in model_files()
    ]
    return "\n\n".join(cards) or "This build of the documentation has no networks."


def _card(name, description):
    heading = f"{name}\n{'-' * len(name)}\n"
    order = [key for key in CARD_ORDER if key in description]
    order += [key for key in description if key not in order and key != "name"]
    rows = [
        f"   * - {key.replace('_', ' ')}\n     - {_cell(description[key])}"
        for key in order
    ]
    table = ".. list-table::\n   :widths: 20 80\n   :stub-columns: 1\n"
    return f"{heading}\n{table}\n" + "\n".join(rows)


def _cell(value):
    """Write one value of a description; nested ones as a list of its items."""
    if isinstance(value, dict):
        if not value:
            return "-"
        items = [f"{key}: {_inline(item)}" for key, item in value.items()]
        return "\n       ".join(f"| {item}" for item in items)
    return value if isinstance(value, str) and " " in value else _inline(value)


def _inline(value):
    return f"``{value if isinstance(value, str) else json.dumps(value)}``"
