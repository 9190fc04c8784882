# Licensed under a 3-clause BSD style license - see LICENSE
"""What a training run is told, read from TOML and checked."""

import tomllib
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path

from astro_cnnfit.networks import ARCHITECTURES
from astro_cnnfit.simulation import PRIORS, Prior, parse_prior, prior_table

from .optimizer import OPTIMIZERS
from .tasks import TASKS

__all__ = ["TrainingConfig", "config_names", "read_config"]

_FOLDER = Path(__file__).parent / "configs"


@dataclass(frozen=True)
class TrainingConfig:
    """
    Settings of a training run; the keys of the TOML file.

    Raises
    ------
    ValueError
        If the architecture or a prior is unknown or a number is out of range.
    """

    architecture: str
    arguments: dict = field(default_factory=dict)
    """Keyword arguments of the architecture."""
    priors: dict = field(default_factory=lambda: {"table1": 1.0})
    """Share of the galaxies drawn from each prior."""
    prior: dict = field(default_factory=dict)
    """Priors of your own, by name, which ``priors`` may then hold: tables of what is
    drawn, each ``base`` and what differs from it. In Python also
    `~astro_cnnfit.simulation.Prior`."""
    start_from: str | None = None
    """Name or folder of a model whose weights the run begins with. Of a Sersic
    network with more filters those channels are taken that carry most."""
    teacher: str | None = None
    """Name or folder of a model of the same task, from whose posteriors the network
    learns as well as from the truth."""
    samples: int = 1_000_000
    """Stamps shown to the network in all."""
    batch_size: int = 128
    optimizer: str = "adam"
    """A key of `~astro_cnnfit.training.optimizer.OPTIMIZERS`."""
    learning_rate: float = 1e-3
    warmup: float = 0.03
    """Share of the run in which the learning rate rises; it then falls to
    zero along a cosine."""
    pool: int = 8192
    """Noise-free scenes in memory at a time."""
    uses: int = 12
    """How often a noise-free scene is used, each time with other noise,
    flips and neighbours."""
    real_sky: float = 0.35
    """Share of the stamps on real sky, where the images are at hand."""
    galaxies: int = 100_000
    """Noise-free galaxies to learn morphology from, with their labels."""
    epochs: int = 300
    """Most epochs of a network that learns from a fixed set of stamps (CASNET)."""
    patience: int = 15
    """Epochs without a lower loss on the held-out stamps, after which it stops."""
    policy: str = "float32"
    """Keras dtype policy: 'mixed_bfloat16' trains 1.7 times faster on CPUs
    that have it."""
    seed: int = 1
    checkpoint_minutes: float = 5.0
    calibration_samples: int = 16_384
    """Held-out stamps on which errors are calibrated."""

    def __post_init__(self):
        """Check the values."""
        if self.architecture not in ARCHITECTURES:
            raise ValueError(
                f"architecture must be one of {', '.join(ARCHITECTURES)}, "
                f"got {self.architecture!r}"
            )
        if self.optimizer not in OPTIMIZERS:
            raise ValueError(
                f"optimizer must be one of {', '.join(OPTIMIZERS)}, "
                f"got {self.optimizer!r}"
            )
        self._record_own_priors()
        known = TASKS[ARCHITECTURES[self.architecture].task].priors
        known = *known, *self.prior
        if set(self.priors) - set(known) or not self.priors:
            raise ValueError(
                f"priors must be of {', '.join(known)}, got {sorted(self.priors)}"
            )
        if self.pool % (4 * self.batch_size):
            raise ValueError(
                "pool must be a multiple of four times batch_size "
                f"({4 * self.batch_size}), got {self.pool}"
            )
        if self.teacher and self.architecture != "sersic":
            raise ValueError(
                "teacher must be left out where the architecture is not 'sersic', "
                f"got {self.teacher!r} for {self.architecture!r}"
            )
        positive = ("samples", "batch_size", "learning_rate", "pool", "uses")
        for name in (*positive, "galaxies", "epochs", "patience"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")

    def _record_own_priors(self):
        """Check priors of one's own and keep them as plain values, whole."""
        if not isinstance(self.prior, dict):
            raise ValueError(f"prior must be a table of priors, got {self.prior!r}")
        if self.prior and ARCHITECTURES[self.architecture].task != "sersic":
            raise ValueError(
                "prior must be left out where the network is not of Sersic profiles, "
                f"got {sorted(self.prior)} for {self.architecture!r}"
            )
        taken = sorted(set(self.prior) & set(PRIORS))
        if taken:
            raise ValueError(
                f"prior must have names other than {', '.join(PRIORS)}, got {taken}"
            )
        tables = {
            name: prior_table(own) if isinstance(own, Prior) else own
            for name, own in self.prior.items()
        }
        whole = {k: prior_table(parse_prior(v, k)) for k, v in tables.items()}
        object.__setattr__(self, "prior", whole)

    @property
    def scene_priors(self):
        """The bundled priors and those of one's own, by name."""
        own = {name: parse_prior(table, name) for name, table in self.prior.items()}
        return {**PRIORS, **own}

    @property
    def steps(self):
        """Number of optimiser steps."""
        return max(self.samples // self.batch_size, 1)

    def as_dict(self):
        """
        The settings as plain values.

        Returns
        -------
        dict
        """
        values = asdict(self)
        if not self.prior:
            # As of runs that knew of none, whose checkpoints go on.
            del values["prior"]
        return values


def config_names():
    """
    List the models that have a configuration of their own.

    Returns
    -------
    tuple of str
    """
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.toml")))


def read_config(name_or_path, **changes):
    """
    Read a training configuration.

    Parameters
    ----------
    name_or_path : str or path-like
        Name of a bundled model, whose own configuration is taken, or the path
        of a TOML file with the fields of `TrainingConfig`.
    **changes
        Values that replace those of the file.

    Returns
    -------
    `TrainingConfig`

    Raises
    ------
    ValueError
        If the file cannot be read, is not TOML, or has an unknown key.
    """
    path = Path(name_or_path)
    if path.suffix != ".toml":
        path = _FOLDER / f"{name_or_path}.toml"
    if not path.is_file():
        raise ValueError(
            "config must be the path of a TOML file or one of "
            f"{', '.join(config_names())}, got {str(name_or_path)!r}"
        )
    try:
        values = tomllib.loads(path.read_text())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"config is not valid TOML: {path}: {error}") from None
    unknown = sorted(set(values) - {f.name for f in fields(TrainingConfig)})
    if unknown:
        raise ValueError(f"config has unknown keys {unknown}: {path}")
    if "architecture" not in values:
        raise ValueError(f"config must name an architecture: {path}")
    return replace(TrainingConfig(**values), **changes)
