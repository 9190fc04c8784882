# Licensed under a 3-clause BSD style license - see LICENSE
"""
Which hyperparameters matter: permutation importance in a random forest.

A forest learns the rank of a trial from its hyperparameters; then the values of
one of them are permuted among trials that it has not seen (Breiman 2001, Machine
Learning 45, 5). Half of the error that this adds, in units of the variance, is the
share of the variance that goes with this hyperparameter, alone or together with
others (Gregorutti et al. 2017, Statistics and Computing 27, 659).
"""

import numpy as np
from astropy.table import Table

from .ranking import hyperparameter_names, is_completed, losses

__all__ = ["FEWEST", "hyperparameter_importance"]

FEWEST = 10
"""Completed trials without which nothing is said."""
_FOLDS, _SHUFFLES = 5, 5


def hyperparameter_importance(results, *, repeats=4, trees=50, seed=0):
    """
    Importance of each hyperparameter, with its error.

    Parameters
    ----------
    results : `~astropy.table.QTable`
        A row a trial. Ranks of the scores are learned, so that a diverged trial
        weighs no more than another; trees take logarithmic steps as they are, and
        choices that are not numbers are taken apart.
    repeats : int
        How often the trials are divided into five parts.
    trees : int
        Trees of a forest.
    seed : int
        Of forests and divisions.

    Returns
    -------
    `~astropy.table.Table`
        ``hyperparameter``, ``importance``: the share of the variance that goes with it
        (1 if the rank hangs on it alone, 0 if it does not matter), and
        ``importance_err``, the most important first. In ``meta``: ``explained``, the
        share of the variance that the forest explains of trials it has not seen, with
        its error, ``explained_err`` (where it is not above zero, no importance can be
        believed), and ``trials``, the number of completed ones.

    Raises
    ------
    ImportError
        If scikit-learn is not installed: it comes with the extra ``tune``.
    ValueError
        If fewer than ten trials were completed, or no hyperparameter varied.

    Notes
    -----
    Errors are those of a repeated cross-validation, whose parts share trials
    (Nadeau & Bengio 2003, Machine Learning 52, 239). A search looks where it is
    good: importance is that within what it tried, not over the whole space.
    """
    rows = is_completed(results)
    if rows.sum() < FEWEST:
        raise ValueError(
            f"results must hold {FEWEST} completed trials or more to tell what "
            f"matters, got {rows.sum()}"
        )
    names, values, categorical = _features(results[rows])
    ranks = _ranks(losses(results)[rows])
    fits = _fits(values, ranks, categorical, repeats, trees, seed)
    # Every part tests on a quarter as many trials as it learns from.
    widening = np.sqrt(1 / len(fits) + 1 / (_FOLDS - 1))
    mean, err = fits.mean(axis=0), widening * fits.std(axis=0, ddof=1)
    table = Table(
        {"hyperparameter": names, "importance": mean[1:], "importance_err": err[1:]},
        meta={"explained": float(mean[0]), "explained_err": float(err[0]),
              "trials": int(rows.sum())},
    )  # fmt: skip
    return table[np.argsort(-table["importance"], kind="stable")]


def _features(results):
    """Names, (N, K) numbers, and which of the K are choices without an order."""
    names, columns, categorical = [], [], []
    for name in hyperparameter_names(results):
        values, choices = _numbers(results[name])
        if len(np.unique(values)) > 1:
            names.append(name)
            columns.append(values)
            categorical.append(choices)
    if not names:
        raise ValueError("results must hold a hyperparameter that varied, got none")
    return names, np.column_stack(columns), np.array(categorical)


def _numbers(column):
    """A column as numbers, and whether these are only labels."""
    plain = [str(value) for value in column]
    try:
        values = np.array([float(value) for value in plain])
    except ValueError:
        return np.unique(plain, return_inverse=True)[1].astype(float), True
    if np.isnan(values).any():
        # A hyperparameter that some trials do not have.
        return np.unique(plain, return_inverse=True)[1].astype(float), True
    return values, False


def _ranks(values):
    from scipy.stats import rankdata

    return rankdata(values) / len(values)


def _fits(values, ranks, categorical, repeats, trees, seed):
    """Explained variance and what each hyperparameter adds, a row a fit."""
    try:
        from sklearn.inspection import permutation_importance
        from sklearn.model_selection import RepeatedKFold
    except ImportError:
        raise ImportError(
            "hyperparameter_importance needs scikit-learn, which comes with the "
            "extra 'tune': pip install 'astro_cnnfit[tune]'"
        ) from None
    parts = RepeatedKFold(n_splits=_FOLDS, n_repeats=repeats, random_state=seed)
    variance, found = ranks.var(), []
    for place, (train, test) in enumerate(parts.split(values)):
        forest = _forest(categorical, trees, seed + place)
        forest.fit(values[train], ranks[train])
        error = np.mean((forest.predict(values[test]) - ranks[test]) ** 2)
        gone = permutation_importance(
            forest, values[test], ranks[test], scoring="neg_mean_squared_error",
            n_repeats=_SHUFFLES, random_state=seed + place,
        )  # fmt: skip
        found.append([1 - error / variance, *gone.importances_mean / 2 / variance])
    return np.array(found)


def _forest(categorical, trees, seed):
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    columns = make_column_transformer(
        (encoder, np.flatnonzero(categorical)), remainder="passthrough"
    )
    forest = RandomForestRegressor(trees, min_samples_leaf=2, random_state=seed)
    return make_pipeline(columns, forest)
