# Licensed under a 3-clause BSD style license - see LICENSE
"""
Is the optimum robust? The ten best against repeated trainings of one network.

Tohill et al. (2021, Section 3.4) trained their optimum several times and compared
how its error varied with how that of the ten best networks did.
"""

from typing import NamedTuple

import numpy as np

from .ranking import best_trials, column_values

__all__ = ["Robustness", "robustness"]

_LEVEL = 0.05


class Robustness(NamedTuple):
    """How scores of the best trials vary, and those of one training repeated."""

    number: int
    """Trials that are compared."""
    spread: float
    """Standard deviation of their scores."""
    span: float
    """The worst of these scores from the best."""
    repetition: float
    """Standard deviation that repeated training gives such a score, NaN where nothing
    was trained twice."""
    p_value: float
    """Chance of so large a spread if all of them were equally good (F test)."""

    @property
    def robust(self):
        """Whether repetition explains the differences; None where it is unknown."""
        return None if np.isnan(self.p_value) else bool(self.p_value > _LEVEL)

    @property
    def text(self):
        """The finding in words."""
        best = (
            f"The scores of the {self.number} best trials have a standard deviation of "
            f"{self.spread:.2g} and lie within {self.span:.2g} of each other"
        )
        if self.robust is None:
            return (
                f"{best}. Whether the optimum is robust is not known: no network was "
                "trained more than once (executions_per_trial)."
            )
        repeated = f"; repeated training scatters by {self.repetition:.2g}"
        if self.robust:
            verdict = (
                "The differences are no larger than those of repeated training "
                f"(p = {self.p_value:.2g}): the optimum is robust, any of these would "
                "do as well, and their order means little."
            )
            if self.p_value > 1 - _LEVEL:
                verdict += (
                    " Repeated training scatters even more than they do, which were "
                    "chosen by their scores: one training of the optimum may fall "
                    "far short of its score. Train it several times."
                )
        else:
            verdict = (
                "The differences are larger than those of repeated training "
                f"(p = {self.p_value:.2g}): even among the best the hyperparameters "
                "matter."
            )
        return f"{best}{repeated}. {verdict}"


def robustness(results, number=10, *, repetitions=None):
    """
    Compare the best trials with what repeated training does.

    Parameters
    ----------
    results : `~astropy.table.QTable`
        A row a trial. ``score_std`` is the standard deviation (with N - 1) over the
        ``meta['executions_per_trial']`` trainings whose mean is the score.
    number : int
        How many of the best.
    repetitions : array_like, optional
        Scores of single trainings of one network, each with another seed, if the
        search itself trained each network only once.

    Returns
    -------
    `Robustness`

    Raises
    ------
    ValueError
        If no trial was completed.

    Notes
    -----
    The best of many were chosen by their scores. That narrows their spread, so that
    "robust" means: these scores give no reason to prefer one of them.
    """
    best = best_trials(results, number)
    scores = column_values(best, "score")
    executions = int(results.meta.get("executions_per_trial", 1))
    variance, freedom = _repeated(best, executions, repetitions)
    spread = scores.std(ddof=1) if len(scores) > 1 else np.nan
    repetition = np.sqrt(variance / executions)
    return Robustness(
        len(scores), float(spread), float(np.ptp(scores)), float(repetition),
        _p_value(spread, repetition, len(scores) - 1, freedom),
    )  # fmt: skip


def _repeated(best, executions, repetitions):
    """Variance of a single training, and the degrees of freedom that it rests on."""
    squares, freedom = 0.0, 0
    if executions > 1:
        std = column_values(best, "score_std")
        std = std[np.isfinite(std)]
        squares += np.sum(std**2) * (executions - 1)
        freedom += len(std) * (executions - 1)
    if repetitions is not None:
        values = np.asarray(repetitions, dtype=float)
        squares += np.sum((values - values.mean()) ** 2)
        freedom += len(values) - 1
    return (squares / freedom if freedom else np.nan), freedom


def _p_value(spread, repetition, own_freedom, freedom):
    from scipy.stats import f

    if not freedom or not own_freedom:
        return float("nan")
    if repetition == 0:
        return float(spread == 0)
    return float(f.sf((spread / repetition) ** 2, own_freedom, freedom))
