"""Whom an encoder has learnt from: for the audit, and for who uses it on other recordings."""

from sklearn.base import clone

from gaitlib.errors import GaitDataError
from gaitlib.trials.joining import DATASET, stacked

TOLD = {"datasets": DATASET, "places": "place", "rates_hz": "rate_hz"}


def whereabouts(trials) -> dict[str, list]:
    """Datasets, places on the body and rates of recordings, where the table tells them."""
    table = trials.table
    return {what: sorted(set(table[c].dropna()) - {""}) if c in table else [] for what, c in TOLD.items()}


def origin(encoder) -> tuple:
    """What a model says of the encoder that it started from: its name, trial ids, people, digests of recordings."""
    name = f"Encoder({encoder.builder().name})"
    return name, encoder.fitted_on_, encoder.fitted_subjects_, encoder.recordings_


def fit_steps(steps, trials, unlabelled=None):
    """Fit a pipeline; an encoder that learns in it gets the unlabelled trials of the training side, too.

    Raises
    ------
    GaitDataError
        If steps before the encoder would have to learn from labelled trials what the unlabelled ones go through.
    """
    learning = [i for i, (_, step) in enumerate(steps.steps) if getattr(step, "takes_unlabelled", False)]
    if unlabelled is None or not len(unlabelled) or not learning:
        return steps.fit(trials)
    if learning != [0]:
        raise GaitDataError(
            f"'{steps.steps[learning[-1]][0]}' learns from unlabelled trials as the first step only; give its Encoder "
            "the steps before it"
        )
    return steps.fit(trials, **{f"{steps.steps[0][0]}__unlabelled": unlabelled})


def started(stages, trials, unlabelled=None, seed=0) -> list:
    """The encoder that each stage of a training starts from, learnt where it has not; None where there is none.

    Parameters
    ----------
    stages : list of Training
    trials : TrialSet
        Training trials of the fold.
    unlabelled : TrialSet, optional
    seed : int
        Of those that have not learnt yet.
    """
    everything = trials if unlabelled is None or not len(unlabelled) else stacked(trials, unlabelled)
    return [stage.start and learnt(stage.start, everything, seed) for stage in stages]


def learnt(encoder, trials, seed):
    """The encoder, if it has learnt; else one of the same plan that has learnt from the trials."""
    return encoder if encoder.fitted else clone(encoder).set_params(seed=seed).fit(trials)
