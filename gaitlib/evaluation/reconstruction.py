"""How well an autoencoder gives back the walks of people it never saw."""

import numpy as np
import pandas as pd

from gaitlib.encoders import Encode
from gaitlib.errors import GaitDataError


def reconstruction_errors(runs, trials, model: str = "encoded_gru") -> pd.DataFrame:
    """Reconstruction error of each subject, by the encoder of the fold in which that subject was tested.

    Parameters
    ----------
    runs : Runs
        With a subject-disjoint run of a model whose steps hold one :class:`gaitlib.Encode`; the first is taken.
    trials : TrialSet
        The trials of the benchmark.
    model : str

    Returns
    -------
    pandas.DataFrame
        One row a tested subject: ``new person``, the mean squared error on that subject's windows, ``training
        people``, the error on the windows it learnt from, and ``mean frame``, the error of always giving the mean
        of the training frames. The unit is the variance of a channel.
    """
    rows = {}
    own = [run for run in runs.runs if run.model == model and run.on_new_people]
    for run in own[:1]:
        for fold in run.folds:
            steps = [step for _, step in runs.classifier_of(fold).steps_.steps]
            places = [i for i, step in enumerate(steps) if isinstance(step, Encode)]
            if len(places) != 1:
                raise GaitDataError(f"the steps of '{model}' hold {len(places)} encoders; one is needed")
            before, step = steps[: places[0]], steps[places[0]]
            training = _given_back(before, step, trials[np.isin(trials.ids, step.fitted_on_)]).errors.mean()
            for subject in sorted(set(fold.predictions.loc[fold.predictions["part"] == "test", "subject"])):
                told = _given_back(before, step, trials[trials.subjects == subject])
                rows[subject] = {
                    "new person": told.errors.mean(),
                    "training people": training,
                    "mean frame": float((told.original[told.real] ** 2).mean()),
                }
    if not rows:
        raise GaitDataError(f"no subject-disjoint run of '{model}' here")
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("subject").sort_index()


def _given_back(before, step, trials):
    """Trials through the steps before the encoder, and what it makes of their windows."""
    for earlier in before:
        trials = earlier.transform(trials)
    return step.encoder_.reconstruct(step.encoder_.windows(trials))
