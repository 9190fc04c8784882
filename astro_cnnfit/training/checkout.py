# Licensed under a 3-clause BSD style license - see LICENSE
"""Which state of the source code a run was made with."""

import subprocess
from pathlib import Path

__all__ = ["commit"]


def commit():
    """
    Commit of a checkout.

    Returns
    -------
    str or None
        None for an installed package.
    """
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return found.stdout.strip()
