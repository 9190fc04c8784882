# Licensed under a 3-clause BSD style license - see LICENSE
"""A search space as a hypermodel of Keras Tuner."""

from astro_cnnfit.networks import ARCHITECTURES, build
from astro_cnnfit.training.optimizer import make_optimizer

from .dimensions import Choice, Fixed, Integer, Real
from .points import input_sizes, point
from .requirements import import_keras_tuner

__all__ = ["NetworkHyperModel", "build_network", "hyperparameters"]

keras_tuner = import_keras_tuner()

_DECLARE = {
    Choice: lambda hp, name, d: hp.Choice(name, list(d.values)),
    Fixed: lambda hp, name, d: hp.Fixed(name, d.value),
    Integer: lambda hp, name, d: hp.Int(name, *_ends(d), sampling=d.scale),
    Real: lambda hp, name, d: hp.Float(name, *_ends(d), sampling=d.scale),
}


def _ends(dimension):
    return dimension.minimum, dimension.maximum


class NetworkHyperModel(keras_tuner.HyperModel):
    """
    Networks of a search space, for any tuner of Keras Tuner.

    `~astro_cnnfit.tuning.BayesianHyperparameterSearch` needs none: it is for those
    who use Keras Tuner themselves.

    Parameters
    ----------
    space : `~astro_cnnfit.tuning.SearchSpace`
        What is searched.
    sizes : tuple of int, optional
        Pixels on a side of the stamp, and of the PSF where the network takes one;
        by default the architecture's own.
    """

    def __init__(self, space, sizes=()):
        super().__init__(name=space.name)
        self.space = space
        self.sizes = tuple(sizes)

    def declare_hyperparameters(self, hp):
        """
        Declare all dimensions of the space.

        Parameters
        ----------
        hp : keras_tuner.HyperParameters
            Where to.

        Returns
        -------
        dict
            Their values by name.
        """
        return {
            name: _DECLARE[type(dimension)](hp, name, dimension)
            for name, dimension in self.space.dimensions.items()
        }

    def build(self, hp):
        """
        Build and compile the network of a trial.

        Parameters
        ----------
        hp : keras_tuner.HyperParameters
            The trial's.

        Returns
        -------
        keras.Model
        """
        values = self.declare_hyperparameters(hp)
        model = build_network(self.space.architecture, values, self.sizes)
        training = point(self.space.architecture, values).training
        rate = training["learning_rate"]
        model.compile(
            optimizer=make_optimizer(training["optimizer"], rate),
            loss=ARCHITECTURES[self.space.architecture].loss,
        )
        return model

    def fit(self, hp, model, *args, **kwargs):
        """
        Train with the batch size of the trial.

        Parameters
        ----------
        hp : keras_tuner.HyperParameters
            The trial's.
        model : keras.Model
            The network.
        *args, **kwargs
            Passed to ``model.fit``.

        Returns
        -------
        keras.callbacks.History
        """
        values = self.declare_hyperparameters(hp)
        training = point(self.space.architecture, values).training
        return model.fit(*args, batch_size=training["batch_size"], **kwargs)


def hyperparameters(space):
    """
    All dimensions of a space as Keras Tuner has them.

    Parameters
    ----------
    space : `~astro_cnnfit.tuning.SearchSpace`
        The space.

    Returns
    -------
    keras_tuner.HyperParameters
    """
    hp = keras_tuner.HyperParameters()
    NetworkHyperModel(space).declare_hyperparameters(hp)
    return hp


def build_network(architecture, values, sizes=(), policy=None):
    """
    Build the network of a trial with random weights.

    Parameters
    ----------
    architecture : str
        Its name.
    values : dict
        Hyperparameters by name.
    sizes : tuple of int
        Pixels on a side of the stamp and of the PSF.
    policy : str, optional
        Keras dtype policy; by default that of the trial.

    Returns
    -------
    keras.Model

    Raises
    ------
    ValueError
        If there is no network for these stamps, as when they are too small.
    """
    found = point(architecture, values)
    return build(
        architecture,
        policy=policy or found.training["policy"],
        **found.arguments,
        **input_sizes(architecture, sizes),
    )
