# Licensed under a 3-clause BSD style license - see LICENSE
"""
A search for hyperparameters
============================

Which network is best for a task, and is a cheaper one as good? A search trains many and
learns from each where to look next.
"""

import tempfile

import matplotlib.pyplot as plt
import numpy as np

from astro_cnnfit.tuning import (
    BayesianHyperparameterSearch,
    Choice,
    Real,
    TuningData,
    read_space,
)
from astro_cnnfit.tuning.plots import plot_best_so_far, plot_pareto

# %%
# A task that is small enough for seconds: the half-light radius of round galaxies on 16
# by 16 noisy pixels. A real one has larger stamps and far more of them.

rng = np.random.default_rng(1)
radius = rng.uniform(1, 3, 1000)
y, x = np.mgrid[:16, :16] - 7.5
stamps = np.exp(-np.hypot(x, y) / radius[:, None, None])
stamps += 0.05 * rng.standard_normal(stamps.shape)
data = TuningData(
    train=(stamps[:800], radius[:800]), validation=(stamps[800:], radius[800:])
)

# %%
# The space of Tohill et al. (2021), narrowed to networks of that size, and six
# trials.

space = read_space("casnet").replace(
    blocks=1, convolutions=1, filters=Choice(2, 4, 8, 16), pooling="average",
    dense_layers=1, dense_units=Choice(8, 16, 32, 64), dropout=Real(0.0, 0.4),
    batch_size=16, optimizer="adam", learning_rate=Choice(0.01, 0.02, 0.05),
)  # fmt: skip
search = BayesianHyperparameterSearch(
    space, max_trials=6, seed=2, epochs=3, patience=3, directory=tempfile.mkdtemp()
)
results = search.search(data)
table = results.copy()
table.sort("score")
table["dropout"].info.format = table["score"].info.format = ".3f"
print(table["trial", "filters", "dense_units", "dropout", "learning_rate", "score"])

# %%
# What the search has found after each trial, and the trials that no other beats in both
# error and cost: their lower left end is where to look for a cheap network.

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
plot_best_so_far(results, axes=left)
plot_pareto(results, axes=right)
left.set_title("progress")
right.set_title("error against cost")
plt.show()
