"""How well an autoencoder gives back the walks of people it never saw."""

import numpy as np
import pandas as pd

from gaitlib.errors import GaitDataError
from gaitlib.preprocessing import AutoencoderCode


def reconstruction_errors(runs, trials, model: str = "encoded_gru") -> pd.DataFrame:
    """Reconstruction error of each subject, by the autoencoder of the fold in which that subject was tested.

    Parameters
    ----------
    runs : Runs
        With a subject-disjoint run of a model whose steps hold one :class:`AutoencoderCode`; the first is taken.
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
            steps = runs.classifier_of(fold).steps_
            places = [i for i, (_, step) in enumerate(steps.steps) if isinstance(step, AutoencoderCode)]
            if len(places) != 1:
                raise GaitDataError(f"the steps of '{model}' hold {len(places)} autoencoders; one is needed")
            prepared, step = steps[: places[0]], steps[places[0]]
            known = trials[np.isin(trials.ids, step.fitted_on_)]
            training = step.reconstruction_error(prepared.transform(known)).mean()
            for subject in sorted(set(fold.predictions.loc[fold.predictions["part"] == "test", "subject"])):
                own = prepared.transform(trials[trials.subjects == subject])
                values = np.concatenate(list(own.modality(step.modality).values))
                rows[subject] = {
                    "new person": step.reconstruction_error(own).mean(),
                    "training people": training,
                    "mean frame": float((values**2).mean()),
                }
    if not rows:
        raise GaitDataError(f"no subject-disjoint run of '{model}' here")
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("subject").sort_index()
