# Licensed under a 3-clause BSD style license - see LICENSE
"""
Parts of the documentation that are made from the package's own tables.

They are written as ``docs/generated/*.inc`` and included by the pages, so that
no table is kept twice.
"""

import ast
from pathlib import Path

import astro_cnnfit
from astro_cnnfit.parameters import PARAMETERS

PACKAGE = Path(astro_cnnfit.__file__).parent


def model_files():
    """List the descriptions of the bundled networks."""
    return sorted((PACKAGE / "weights").glob("*/model.json"))


def has_default_network():
    """Say whether the network that the examples use is there."""
    return any(path.parent.name == "sersic" for path in model_files())


def inner_names():
    """List the modules within the parts of the package, and what they define."""
    names = []
    for path in PACKAGE.glob("*/*.py"):
        module = f"astro_cnnfit.{path.parent.name}.{path.stem}"
        tree = ast.parse(path.read_text(encoding="utf-8"))
        own = [getattr(node, "name", "_") for node in tree.body]
        public = [name for name in own if not name.startswith("_")]
        names += [module, *public, *(f"{module}.{name}" for name in public)]
    return names


def write_all(folder):
    """Write every part but the networks' cards into ``folder``."""
    folder.mkdir(exist_ok=True)
    parts = {
        "parameters.inc": _parameters(),
        "columns.inc": _columns(),
        "morphology_columns.inc": _morphology_columns(),
        "companions.inc": _companions(),
        "zeropoints.inc": _zeropoints(),
        "not_zeropoints.inc": _not_zeropoints(),
    }
    for name, text in parts.items():
        (folder / name).write_text(text + "\n", encoding="utf-8")


def _parameters():
    header = ("parameter", "unit", "from", "to", "what it is", "what networks see")
    rows = [
        (row.name, row.unit or "-", *row.bounds, row.description, row.transform)
        for row in PARAMETERS
    ]
    return list_table([header, *rows], "   :header-rows: 1")


def _columns():
    from astro_cnnfit.sersic.results import column_table

    return column_table()


def _morphology_columns():
    from astro_cnnfit.morphology import COLUMNS
    from astro_cnnfit.sersic.columns import describe

    # Which flags concern morphology, and their bits, the page says itself.
    return describe(COLUMNS, bits=False)


def _companions():
    from astro_cnnfit.inputs.extensions import COMPANIONS

    rows = [("extension", "what is made of it", "found in")]
    for row in COMPANIONS:
        names = ", ".join(f"``{name}``" for name in row.names)
        rows.append((names, row.description, row.found_in))
    return list_table(rows, "   :header-rows: 1", "   :widths: 28 44 28")


def _zeropoints():
    from astro_cnnfit.inputs.zeropoints import CONVENTIONS

    rows = [("unit or keyword", "what it says", "found in")]
    rows += [(row.names, row.meaning, row.found_in) for row in CONVENTIONS]
    return list_table(rows, "   :header-rows: 1", "   :widths: 24 46 30")


def _not_zeropoints():
    from astro_cnnfit.inputs.zeropoints import NOT_USED

    rows = [("keyword", "why not"), *NOT_USED]
    return list_table(rows, "   :header-rows: 1", "   :widths: 60 40")


def list_table(rows, *options):
    """Write rows as a table; a cell that is a bare hyphen stands for nothing."""
    lines = [".. list-table::", *options, ""]
    for row in rows:
        first, *others = (_cell(cell) for cell in row)
        lines += [f"   * - {first}", *(f"     - {cell}" for cell in others)]
    return "\n".join(lines)


def _cell(cell):
    if isinstance(cell, float):
        return f"{cell:.4g}"
    # A bare hyphen would begin a list.
    return r"\-" if cell == "-" else str(cell)
