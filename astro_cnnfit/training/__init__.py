# Licensed under a 3-clause BSD style license - see LICENSE
"""Training a network on scenes that are simulated on the way."""

from .config import TrainingConfig, config_names, read_config
from .loop import train

__all__ = ["TrainingConfig", "config_names", "read_config", "train"]
