# Licensed under a 3-clause BSD style license - see LICENSE
"""The search: from a space and data to a trained network."""

from pathlib import Path

from .arguments import checked_space, positive_limit, whole_number
from .data import TuningData
from .objectives import OBJECTIVES, checked_objective
from .points import check_data
from .progress import Progress
from .records import best_record, read_records, read_settings
from .requirements import import_keras_tuner
from .results import read_results
from .settings import locked, open_search

__all__ = ["BayesianHyperparameterSearch"]

_METHODS = ("bayesian", "random")


class BayesianHyperparameterSearch:
    """
    Bayesian search for the hyperparameters of a network and of its training.

    As Tohill et al. (2021, Section 3.4) chose CASNET, with Keras Tuner's Gaussian
    process. Every finished trial is on disk at once: whatever ends a search, the
    same call goes on with it and loses at most the running trials.

    Parameters
    ----------
    space : `SearchSpace` or str
        What is searched: a space, its name, or the path of its TOML file.
    objective : {'val_rmse', 'val_mae', 'val_loss', 'val_pearson_r'}
        What is made small (or large: the correlation) on the validation set, of the
        values as the network learns them.
    max_trials : int
        Trials to run. Those that were refused do not count; ten times as many of
        them end the search, as does a space in which nothing is left to try. An
        ended search goes on with a larger number.
    directory : path-like
        Where the search lies: a new or empty folder, or one of this same search.
    executions_per_trial : int
        Trainings of each trial, with other random numbers; their mean is its score.
    epochs : int
        At most so many in each training.
    patience : int
        Epochs without a lower loss on the validation set that end a training.
    seed : int, optional
        Repeats the sequence of trials, with one worker.
    method : {'bayesian', 'random'}
        How trials are chosen. With one seed, both begin with the same ones.
    initial_points : int, optional
        Random trials before the Gaussian process takes over: by default a quarter
        of all, at most two a dimension.
    max_parameters, max_mflop, max_latency : float, optional
        Limits on a network's numbers, on millions of operations and on predicted
        seconds per galaxy. A network beyond one is not trained; its trial is
        recorded as 'refused'.
    workers : int
        Processes that run trials at the same time.
    progress_bar : bool
        Show a bar with the time that is left.

    Attributes
    ----------
    space : `SearchSpace`
    directory : `~pathlib.Path`

    Raises
    ------
    ValueError
        If an argument is out of range, or the space has nothing to search.

    Examples
    --------
    >>> from astro_cnnfit import tuning
    >>> space = tuning.read_space("casnet").replace(blocks=tuning.Integer(1, 2))
    >>> search = tuning.BayesianHyperparameterSearch(
    ...     space,
    ...     max_trials=30, max_parameters=5e6, seed=1, directory="asymmetry",
    ... )
    >>> search.search(data)                        # doctest: +SKIP
    >>> search.results["trial", "filters", "rmse"]  # doctest: +SKIP
    >>> search.export("asymmetry/model")           # doctest: +SKIP
    """

    def __init__(
        self,
        space,
        *,
        max_trials,
        directory,
        objective="val_rmse",
        executions_per_trial=1,
        epochs=300,
        patience=15,
        seed=None,
        method="bayesian",
        initial_points=None,
        max_parameters=None,
        max_mflop=None,
        max_latency=None,
        workers=1,
        progress_bar=False,
    ):
        self.space = checked_space(space)
        self.directory = Path(directory)
        self.workers = whole_number("workers", workers, 1)
        self.progress_bar = progress_bar
        self._data = None
        if method not in _METHODS:
            raise ValueError(
                f"method must be one of {', '.join(_METHODS)}, got {method!r}"
            )
        limits = {
            "max_parameters": max_parameters,
            "max_mflop": max_mflop,
            "max_latency": max_latency,
        }
        self._settings = {
            "space": self.space.as_dict(),
            "objective": checked_objective(objective),
            "method": method,
            "seed": None if seed is None else whole_number("seed", seed, 0),
            "max_trials": whole_number("max_trials", max_trials, 1),
            "initial_points": None
            if initial_points is None
            else whole_number("initial_points", initial_points, 3),
            "executions_per_trial": whole_number(
                "executions_per_trial", executions_per_trial, 1
            ),
            "epochs": whole_number("epochs", epochs, 1),
            "patience": whole_number("patience", patience, 1),
            **{name: positive_limit(name, value) for name, value in limits.items()},
        }

    def search(self, data):
        """
        Search, or go on where a search in the directory was ended.

        Parameters
        ----------
        data : `TuningData`
            What the networks learn.

        Returns
        -------
        `~astropy.table.QTable`
            ``results``.

        Raises
        ------
        ValueError
            If the data do not fit the network, or the directory holds another search
            (the difference is named) or something else.
        ImportError
            If Keras Tuner, or what it needs, is not installed.
        RuntimeError
            If a worker cannot work.
        """
        if not isinstance(data, TuningData):
            raise ValueError(
                "data must be TuningData(train=(inputs, truth), validation=(inputs, "
                f"truth)), got {type(data).__name__}"
            )
        check_data(self.space.architecture, data)
        import_keras_tuner()
        wanted = {
            **self._settings,
            "sizes": list(data.sizes),
            "data": data.fingerprint(),
        }
        with locked(self.directory):
            settings = open_search(self.directory, wanted)
            with Progress(self.directory, settings, self.progress_bar) as progress:
                self._run(settings, data, progress)
        self._data = data
        return self.results

    def _run(self, settings, data, progress):
        if progress.finished:
            return
        if self.workers > 1:
            from .workers import run_workers

            run_workers(self.directory, data, self.workers, progress.update)
            return
        # Keras is loaded only where trials are run.
        from .loop import run_trials
        from .oracle import make_oracle
        from .requirements import quiet
        from .trial import Trainer

        with quiet():
            oracle = make_oracle(self.directory, settings)
        trainer = Trainer(self.directory, settings, data)
        run_trials(oracle, "worker0", trainer, settings["objective"], progress.update)

    @property
    def results(self):
        """
        The trials so far, a row each (`~astropy.table.QTable`).

        ``trial``, a column a hyperparameter, and the columns that `RESULT_COLUMNS`
        describes. ``meta`` holds the settings of the search: space, objective and
        its ``direction``, seed, checksums of the data, versions.
        """
        return read_results(self.directory)

    @property
    def best_trial(self):
        """
        Number of the best trial so far.

        Raises
        ------
        ValueError
            If no trial was completed.
        """
        return self._best()[1]["trial"]

    @property
    def best_hyperparameters(self):
        """Hyperparameters of the best trial so far, by name."""
        return dict(self._best()[1]["hyperparameters"])

    def best_model(self):
        """
        Build the network of the best trial with its trained weights.

        Returns
        -------
        keras.Model
            In float32. Of several trainings it is the best.

        Raises
        ------
        ValueError
            If no trial was completed.
        """
        from .export import best_model

        return best_model(self.directory, *self._best())

    def export(self, path, *, data=None, name=None, storage="float16", command=None):
        """
        Write the best network as the bundled ones are.

        Its errors are calibrated on the validation set, on which it was chosen:
        errors on galaxies of neither set can be a little larger.

        Parameters
        ----------
        path : path-like
            Folder for ``model.json`` and the weights, for
            `~astro_cnnfit.weights.load_network`.
        data : `TuningData`, optional
            The data of the search. Not needed after `search`.
        name : str, optional
            The model's name; by default the folder's.
        storage : {'float16', 'int8'}
            How weights are written.
        command : str, optional
            The command to record in the description.

        Returns
        -------
        `~pathlib.Path`
            The folder.

        Raises
        ------
        ValueError
            If no trial was completed, or the data are missing or others.
        """
        settings, record = self._best()
        data = data or self._data
        if data is None:
            raise ValueError(
                "data must be given to export: search(data) was not called"
            )
        if data is not self._data and data.fingerprint() != settings["data"]:
            raise ValueError("data to export must be those of the search, got others")
        from .export import export_model

        return export_model(
            self.directory, settings, record, data, Path(path),
            name=name, storage=storage, command=command,
        )  # fmt: skip

    def _best(self):
        settings = read_settings(self.directory)
        records = read_records(self.directory)
        record = best_record(records, OBJECTIVES[settings["objective"]][1])
        if record is None:
            reasons = "; ".join(dict.fromkeys(r["reason"] for r in records[:5]))
            raise ValueError(
                f"no trial of the search was completed: {reasons or 'none was run'}"
            )
        return settings, record
