"""How well an autoencoder gives back the walks of people it never saw, whole or what was hidden of them."""

import numpy as np
import pandas as pd

from gaitlib.encoders import Encode
from gaitlib.errors import GaitDataError
from gaitlib.trials.joining import DATASET


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


def masked_reconstruction(encoder, trials, seed: int = 0) -> pd.DataFrame:
    """What an encoder makes of the hidden parts of recordings, beside what is there without having learnt anything.

    Parameters
    ----------
    encoder : Encoder
        A fitted masked autoencoder.
    trials : TrialSet
        As it reads them; of people it has not learnt from, else the answer is about its memory.
    seed : int
        Of what is hidden.

    Returns
    -------
    pandas.DataFrame
        One row a dataset: over all hidden frames and channels the mean squared error of the ``network``, of
        ``linear interpolation`` (straight lines from the last frame seen to the next) and of the ``mean`` (0, the mean
        of the frames that it learnt from); ``correlation`` of the network's frames with the hidden ones, mean over
        channels (NaN of a channel that does not change is left out); ``windows``, ``people``. The unit is that of the
        loss by which it learnt: the variance of the window, or that of a channel (``Pretraining(compared_in=)``).

    Raises
    ------
    GaitDataError
        If the encoder hides nothing.
    """
    windows = encoder.windows(trials)
    told = encoder.reconstruct(windows, seed)
    if not told.hidden.any():
        raise GaitDataError("this encoder gives back what it sees; only a masked autoencoder hides something")
    table = windows.table
    groups = table[DATASET] if DATASET in table else pd.Series("", index=table.index)
    rows = {}
    for dataset, own in groups.groupby(groups).indices.items():
        hidden = told.hidden[own]
        weight = (told.weight[own, None] * hidden)[hidden][:, None]
        truth = told.original[own][hidden]
        said = {
            "network": told.reconstructed[own][hidden],
            "linear interpolation": told.interpolated[own][hidden],
            "mean": np.zeros_like(truth),
        }
        of_channels = [np.corrcoef(t, s)[0, 1] for t, s in zip(truth.T, said["network"].T, strict=True) if np.ptp(t)]
        rows[dataset] = {
            **{name: float((weight * (truth - one) ** 2).mean()) for name, one in said.items()},
            "correlation": np.mean(of_channels) if of_channels else np.nan,
            "windows": len(own),
            "people": table["subject"].iloc[own].nunique(),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis(DATASET)
