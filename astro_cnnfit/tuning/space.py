# Licensed under a 3-clause BSD style license - see LICENSE
"""Search spaces: data that a user can narrow or widen in a few lines."""

import dataclasses
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from .dimensions import as_dimension
from .points import POINTS

__all__ = ["SearchSpace", "available_spaces", "read_space"]

_FOLDER = Path(__file__).parent / "spaces"


@dataclass(frozen=True)
class SearchSpace:
    """
    The hyperparameters of a network and of its training, and their ranges.

    Parameters
    ----------
    name : str
        What the space is called.
    architecture : str
        Network that is searched: a key of `~astro_cnnfit.tuning.points.POINTS`.
    dimensions : dict
        `Choice`, `Integer`, `Real` or `Fixed` by name; a list stands for a
        `Choice`, a single value for `Fixed`. What is left out keeps the
        architecture's default.

    Raises
    ------
    ValueError
        If the architecture has no search, it does not have a hyperparameter of
        that name, or there is none at all.

    Examples
    --------
    >>> from astro_cnnfit.tuning import Choice, Real, read_space
    >>> space = read_space("casnet").replace(
    ...     filters=Choice(8, 16, 32), dropout=Real(0.1, 0.4), pooling="average"
    ... )
    >>> space.dimensions["filters"]
    Choice(8, 16, 32)
    >>> space.dimensions["pooling"]
    Fixed(value='average')
    """

    name: str
    architecture: str
    dimensions: dict = field(default_factory=dict)

    def __post_init__(self):
        """Check the values."""
        if self.architecture not in POINTS:
            raise ValueError(
                f"architecture must be one of {', '.join(POINTS)}, got "
                f"{self.architecture!r}"
            )
        if not self.dimensions:
            raise ValueError(f"space {self.name!r} must have dimensions, got none")
        known = POINTS[self.architecture].names
        unknown = sorted(set(self.dimensions) - set(known))
        if unknown:
            raise ValueError(
                f"dimensions of a space for {self.architecture!r} must be of "
                f"{', '.join(known)}, got {', '.join(unknown)}"
            )
        given = {name: as_dimension(name, d) for name, d in self.dimensions.items()}
        object.__setattr__(self, "dimensions", given)

    @property
    def searched(self):
        """Names of the dimensions that vary."""
        return tuple(name for name, d in self.dimensions.items() if d.varies)

    def replace(self, *, name=None, architecture=None, **dimensions):
        """
        The space with some dimensions changed or added.

        Parameters
        ----------
        name, architecture : str, optional
            Others than now.
        **dimensions
            As in ``dimensions``; None takes one away.

        Returns
        -------
        `SearchSpace`
        """
        merged = {**self.dimensions, **dimensions}
        return dataclasses.replace(
            self,
            name=name or self.name,
            architecture=architecture or self.architecture,
            dimensions={key: d for key, d in merged.items() if d is not None},
        )

    def __contains__(self, values):
        same = set(values) == set(self.dimensions)
        return same and all(values[key] in d for key, d in self.dimensions.items())

    def as_dict(self):
        """
        The space as plain values, as ``from_dict`` takes them.

        Returns
        -------
        dict
        """
        return {
            "name": self.name,
            "architecture": self.architecture,
            "dimensions": {key: d.as_dict() for key, d in self.dimensions.items()},
        }

    @classmethod
    def from_dict(cls, values):
        """
        A space from plain values.

        Parameters
        ----------
        values : dict
            ``name``, ``architecture`` and ``dimensions``.

        Returns
        -------
        `SearchSpace`

        Raises
        ------
        ValueError
            If one of them is missing or another is there.
        """
        if set(values) != {"name", "architecture", "dimensions"}:
            raise ValueError(
                "space must have 'name', 'architecture' and 'dimensions', got "
                f"{', '.join(map(repr, values)) or 'nothing'}"
            )
        return cls(**values)


def available_spaces():
    """
    Names of the spaces that come with the package.

    Returns
    -------
    tuple of str
    """
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.toml")))


def read_space(name_or_path, *, architecture=None):
    """
    Read a search space.

    Parameters
    ----------
    name_or_path : str or path-like
        'casnet' (Tohill et al. 2021, Section 3.4), 'sersic', or the path of a TOML
        file with ``architecture`` and a table ``[dimensions]``.
    architecture : str, optional
        Another than the file's: 'casnet_c', for the concentration, instead of
        'casnet_a'.

    Returns
    -------
    `SearchSpace`

    Raises
    ------
    ValueError
        If there is no such space, or the file is not one.
    """
    path = Path(name_or_path)
    if path.suffix != ".toml":
        path = _FOLDER / f"{name_or_path}.toml"
    if not path.is_file():
        raise ValueError(
            f"space must be one of {', '.join(available_spaces())} or the path of a "
            f"TOML file, got {str(name_or_path)!r}"
        )
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"space is not valid TOML: {path}: {error}") from None
    values.setdefault("name", path.stem)
    values.setdefault("dimensions", {})
    if architecture:
        values["architecture"] = architecture
    try:
        return SearchSpace.from_dict(values)
    except ValueError as error:
        raise ValueError(f"{error} (in {path.name})") from None
