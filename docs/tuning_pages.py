# Licensed under a 3-clause BSD style license - see LICENSE
"""Tables of searches for hyperparameters."""

from benchmark_results import NOT_RUN, read
from experiment_pages import figure
from generated_pages import list_table

__all__ = ["PARTS"]

HEADER = "   :header-rows: 1"
SEARCHES = {
    "casnet_a": "Asymmetry network",
    "casnet_c": "Concentration network",
    "sersic": "Default network of Sersic parameters",
}


def comparison():
    """Bayesian against random search, and what follows in words."""
    result = read("tuning_bayesian_against_random")
    if result is None:
        return NOT_RUN
    header = ("trials", "Bayesian", "random", "seeds in which Bayesian is lower")
    rows = [header]
    for row in result["compared"]:
        cells = (_quartiles(row[method]) for method in ("bayesian", "random"))
        rows.append((row["trials"], *cells, f"{row['seeds_lower']} of {row['seeds']}"))
    shown = figure(
        "tuning_bayesian_against_random.png",
        "Best validation RMSE against the number of trials: median and quartiles.",
    )
    parts = [_conditions(result), list_table(rows, HEADER), shown, verdict(result)]
    return "\n\n".join(part for part in parts if part)


def _conditions(result):
    own = result["settings"]
    seconds = result["trials"]["bayesian"]["seconds_a_trial"]
    return (
        f"{own['trials']} trials with each of {len(result['seed'])} seeds; "
        f"{own['train']} stamps of {own['stamp_size']} pixels to train on and "
        f"{own['validation']} to validate, at most {own['epochs']} epochs, "
        f"{seconds:.0f} seconds a trial, on {result['date']}. Median of the best "
        "validation RMSE so far, with the quartiles over seeds:"
    )


def _quartiles(values):
    low, middle, high = values
    return f"{middle:.4f} ({low:.4f} to {high:.4f})"


def verdict(result):
    """Say plainly whether the Bayesian search was better."""
    lower, gain = result["lower"], result["gain"]
    last = result["compared"][-1]
    total = lower["lower"] + lower["equal"] + lower["higher"]
    leads = last["bayesian"][1] < last["random"][1]
    start = (
        f"After {last['trials']} trials the Bayesian median is "
        f"{'below' if leads else 'not below'} that of random search; it is below at "
        f"{lower['lower']} of {total} numbers of trials, above at {lower['higher']} "
        "and equal at the others."
    )
    mean, error = gain["mean"], gain["error"]
    if error is None:
        return start
    size = (
        f"The first {result['random_trials']} trials are the same in both. After them "
        f"the best error of the Bayesian search is {abs(100 * mean):.1f} ± "
        f"{100 * error:.1f} % {'lower' if mean > 0 else 'higher'} (mean over trials, "
        "with its standard error over seeds)"
    )
    if mean > 2 * error:
        return f"{start} {size}: the Bayesian search is the better one here."
    if mean < -2 * error:
        return f"{start} {size}: **the Bayesian search is the worse one here.**"
    return f"{start} {size}: **no significant difference was found.**"


def searches():
    """What whole searches found, the optimum and how robust it is."""
    parts = [_search(name, title) for name, title in SEARCHES.items()]
    return "\n\n".join(parts)


def _search(name, title):
    heading = f"{title}\n{'-' * len(title)}"
    result = read(f"tuning_{name}")
    if result is None:
        return f"{heading}\n\n{NOT_RUN}"
    parts = [heading, _counts(result), _table(result["optimum"])]
    parts += ["The ten best:", _table(result["best"]), result["robustness"]["text"]]
    parts += [_repetitions(result), _default(result)]
    if result.get("importance"):
        parts += ["What matters:", _table(result["importance"])]
        parts.append(figure(f"tuning_{name}_importance.png", f"{title}: importance."))
    parts += ["Best at their cost:", _table(result["pareto"])]
    parts.append(figure(f"tuning_{name}_pareto.png", f"{title}: score against cost."))
    parts.append(result.get("conclusion", ""))
    return "\n\n".join(part for part in parts if part)


def _repetitions(result):
    scores = result.get("repetitions")
    if not scores:
        return ""
    mean = sum(scores) / len(scores)
    return (
        f"Trained again {len(scores)} times, the optimum scores {mean:.4g} on average, "
        f"from {min(scores):.4g} to {max(scores):.4g}."
    )


def _default(result):
    default = result.get("default")
    if not default:
        return ""
    scores = default["scores"]
    times = f"{len(scores)} time{'s' if len(scores) > 1 else ''}"
    return (
        f"The default network, trained in the same way {times}, scores "
        f"{sum(scores) / len(scores):.4g} at {default['mflop']:.4g} MFLOP."
    )


def _counts(result):
    own = result["settings"]
    ended = ", ".join(f"{n} {status}" for status, n in result["trials"].items() if n)
    return (
        f"{sum(result['trials'].values())} trials ({ended}), objective "
        f"``{own['objective']}``, at most {own['epochs']} epochs, seed "
        f"{result['seed']}, {result['hours']:.1f} hours of training, {result['date']}:"
    )


def _table(rows):
    """Rows as dictionaries, which all have the same keys."""
    if not rows:
        return ""
    names = [name.replace("_", " ") for name in rows[0]]
    return list_table([names, *(row.values() for row in rows)], HEADER)


PARTS = {"tuning_comparison.inc": comparison, "tuning_searches.inc": searches}
