# Licensed under a 3-clause BSD style license - see LICENSE
"""Dask and pyarrow, or one clear message that names the extra."""

from importlib import import_module

__all__ = ["import_distributed", "import_pyarrow"]


def import_distributed():
    """
    Import Dask's scheduler.

    Returns
    -------
    module
        ``distributed``.

    Raises
    ------
    ImportError
        If it is not installed.
    """
    return _import("distributed", "to measure on several cores or machines")


def import_pyarrow():
    """
    Import pyarrow with its Parquet part.

    Returns
    -------
    module
        ``pyarrow``.

    Raises
    ------
    ImportError
        If it is not installed.
    """
    _import("pyarrow.parquet", "to write and read catalogues")
    return import_module("pyarrow")


def _import(module, purpose):
    try:
        return import_module(module)
    except ImportError as error:
        raise ImportError(
            f"{module.partition('.')[0]} is needed {purpose} ({error}). Install it "
            "with: pip install 'astro_cnnfit[dask]'"
        ) from None
