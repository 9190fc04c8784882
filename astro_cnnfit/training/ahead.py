# Licensed under a 3-clause BSD style license - see LICENSE
"""The next batch is made while the network learns from this one."""

__all__ = ["one_ahead"]


def one_ahead(make, start, stop, executor):
    """
    Yield ``make(step)`` for every step, the next one made in the background.

    Parameters
    ----------
    make : callable
        Function of the step.
    start, stop : int
        First step, and the one after the last.
    executor : `concurrent.futures.Executor`
        What runs in the background.

    Yields
    ------
    object
        What ``make`` returns.
    """
    ahead = None
    for step in range(start, stop):
        batch = ahead.result() if ahead else make(step)
        if step + 1 < stop:
            ahead = executor.submit(make, step + 1)
        yield batch
