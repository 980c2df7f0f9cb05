"""Predictions along a walk, window by window."""

import pandas as pd
from sklearn.base import clone

from gaitlib.errors import GaitDataError
from gaitlib.preprocessing import Crop


def predict_over_time(classifier, trial, hop=5) -> pd.DataFrame:
    """Class probabilities of sliding windows of one trial, as long as those that the classifier learnt from.

    The fitted steps stay as they are; only :class:`~gaitlib.preprocessing.Crop`, which learns nothing, slides. Windows
    of the trained length matter: shorter ones, filled up with padding, are something that the model never saw.

    Parameters
    ----------
    classifier : GaitClassifier
        Fitted, with a network and one ``Crop`` among its steps.
    trial : TrialSet
        One trial; frame times are known.
    hop : int
        Frames from one window to the next, at most the window's length. The last window ends with the last frame.

    Returns
    -------
    pandas.DataFrame
        ``start_s`` and ``end_s`` (times of the first and last frame of the window) and one column a
        class, of a number that of its head.

    Raises
    ------
    GaitDataError
        For a classical model, steps without ``Crop`` or with several, several trials, or unknown frame times.
    """
    if len(trial) != 1:
        raise GaitDataError(f"one trial is needed, not {len(trial)}; take trials[i]")
    if not hasattr(classifier, "network_"):
        raise GaitDataError("prediction over time needs a fitted network; classical models read the whole trial")
    *steps, tensors = classifier.steps_
    crops = [step for step in steps if isinstance(step, Crop)]
    if len(crops) != 1:
        raise GaitDataError(f"prediction over time needs one Crop() among the steps, not {len(crops)}")
    sliding = clone(crops[0]).set_params(position="sliding", hop=hop)
    windows = trial
    for step in steps:
        windows = (sliding if step is crops[0] else step).transform(windows)
        if step is crops[0]:
            times = windows.modality(sliding.modality).time_s
    if times is None or times[0] is None:
        raise GaitDataError(f"{trial.ids[0]}, '{sliding.modality}': no frame times; give rate_hz= or time_s=")
    proba = classifier.predict_prepared(tensors.transform(windows).inputs)
    spans = pd.DataFrame([(t[0], t[-1]) for t in times], columns=["start_s", "end_s"])
    return spans.join(pd.DataFrame(proba, columns=getattr(classifier, "classes_", [classifier.primary])))
