# Licensed under a 3-clause BSD style license - see LICENSE
"""Options of ``astro-cnnfit tune``, by group."""

__all__ = ["add_data", "add_limits", "add_search"]


def add_search(group):
    """
    Add the arguments that say how it searches.

    Parameters
    ----------
    group : `argparse` group
        Gets them.
    """
    group.add_argument(
        "--trials",
        type=int,
        metavar="N",
        default=30,
        help="networks to try (default: 30)",
    )
    group.add_argument(
        "--executions",
        type=int,
        metavar="N",
        default=1,
        help="trainings of each, with different seeds (default: 1)",
    )
    group.add_argument(
        "--epochs", type=int, metavar="N", default=50, help="at most (default: 50)"
    )
    group.add_argument(
        "--patience",
        type=int,
        metavar="N",
        default=5,
        help="epochs without a lower loss after which a training stops (default: 5)",
    )
    group.add_argument(
        "--objective",
        metavar="NAME",
        default="val_rmse",
        help="'val_rmse', 'val_mae', 'val_pearson_r' or 'val_loss' (default: val_rmse)",
    )
    group.add_argument(
        "--method",
        metavar="NAME",
        default="bayesian",
        help="'bayesian' (the default) or 'random'",
    )
    group.add_argument(
        "--seed", type=int, metavar="N", default=1, help="repeats it (default: 1)"
    )
    group.add_argument(
        "--workers",
        type=int,
        metavar="N",
        default=1,
        help="processes that share it (default: 1)",
    )


def add_limits(group):
    """
    Add the arguments that say what is too dear to be trained.

    Parameters
    ----------
    group : `argparse` group
        Gets them.
    """
    group.add_argument(
        "--max-parameters", type=int, metavar="N", help="numbers of a network"
    )
    group.add_argument("--max-mflop", type=float, metavar="X", help="MFLOP per galaxy")
    group.add_argument(
        "--max-latency", type=float, metavar="X", help="predicted s per galaxy"
    )


def add_data(group):
    """
    Add the arguments that say what is trained on.

    Parameters
    ----------
    group : `argparse` group
        Gets them.
    """
    group.add_argument(
        "--data",
        metavar="FILE.npz",
        help="your own: stamps, truth, validation_stamps, validation_truth (and psfs, "
        "validation_psfs for 'sersic'); by default galaxies are simulated",
    )
    group.add_argument(
        "-n",
        "--number",
        type=int,
        metavar="N",
        default=5000,
        help="galaxies to simulate, a tenth more to validate (default: 5000)",
    )
    group.add_argument(
        "--prior",
        metavar="PRIOR",
        default="table1",
        help="of 'sersic': 'table1' or 'wide'",
    )
    group.add_argument(
        "--library",
        metavar="FOLDER",
        help="of CASNET: keeps the noise-free galaxies (default: galaxies/ in -o)",
    )
    group.add_argument(
        "--processes",
        type=int,
        metavar="N",
        default=1,
        help="that make them (default: 1)",
    )
