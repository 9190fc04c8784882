# Licensed under a 3-clause BSD style license - see LICENSE
"""Tests of the docstrings of public names: they say what the code takes and gives."""

import importlib
import inspect
import re
from pathlib import Path

import pytest

import astro_cnnfit

REFERENCE = Path(__file__).parents[1] / "docs" / "reference.rst"

# What numpydoc is to find fault with: a missing docstring, parameters that are not
# documented, documented ones that are not there, no returns.
CHECKS = {"GL08", "PR01", "PR02", "PR05", "PR10", "RT01", "SS01", "SS04"}


def modules():
    """Modules with a page in the reference, and the package."""
    listed = ()
    if REFERENCE.is_file():
        text = REFERENCE.read_text(encoding="utf-8")
        listed = re.findall(r"automodapi:: (\S+)", text)
    return list(dict.fromkeys(["astro_cnnfit", *listed]))


def public_names(module):
    """Functions, classes and their methods that a module makes public."""
    for name in importlib.import_module(module).__all__:
        value = getattr(importlib.import_module(module), name)
        if not str(getattr(value, "__module__", "")).startswith(astro_cnnfit.__name__):
            continue
        if inspect.isroutine(value):
            yield f"{module}.{name}", CHECKS
        if inspect.isclass(value):
            # The fields of these are documented where they stand.
            fields = getattr(value, "__dataclass_fields__", ())
            plain = fields or hasattr(value, "_fields")
            yield f"{module}.{name}", CHECKS - {"PR01"} if plain else CHECKS
            for method, code in vars(value).items():
                own = inspect.isfunction(code) and method not in fields
                if own and method[0] != "_":
                    yield f"{module}.{name}.{method}", CHECKS


@pytest.mark.parametrize("module", modules())
def test_docstrings_of_public_names(module):
    validate = pytest.importorskip("numpydoc.validate").validate
    faults = [
        f"{name}: {code} {message}"
        for name, checks in public_names(module)
        for code, message in validate(name)["errors"]
        if code in checks
    ]
    assert not faults
