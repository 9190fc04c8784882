# Licensed under a 3-clause BSD style license - see LICENSE
"""Packages that only some catalogues need, or one clear message."""

from importlib import import_module
from importlib.util import find_spec

__all__ = ["import_pyarrow", "require"]

# How each package is installed.
_INSTALL = {
    "distributed": "'astro_cnnfit[dask]'",
    "pyarrow": "'astro_cnnfit[dask]'",
    "h5py": "'astro_cnnfit[all]'",
    "zarr": "zarr",
}


def require(module):
    """
    Import a module of a package that may not be there.

    Parameters
    ----------
    module : str
        Such as 'pyarrow.parquet'.

    Returns
    -------
    module

    Raises
    ------
    ImportError
        If the package is not installed; the message says how to install it.
    """
    package = module.partition(".")[0]
    if find_spec(package) is None:
        raise ImportError(
            f"{package} is needed and not installed. "
            f"Install it with: pip install {_INSTALL[package]}"
        )
    return import_module(module)


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
    require("pyarrow.parquet")
    return require("pyarrow")
