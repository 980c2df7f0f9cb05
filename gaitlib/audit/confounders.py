"""What tells the class beside the movement: device, frame rate, missing values, constant channels; and length."""

import numpy as np
import pandas as pd
from scipy import stats
from sklearn.model_selection import GroupKFold
from sklearn.preprocessing import OrdinalEncoder
from sklearn.tree import DecisionTreeClassifier

from gaitlib.audit.receipt import Finding

FOLDS = 5
FEWEST_PEOPLE = 6
LEVEL = 0.005  # of the sign test
DEVICE_COLUMNS = ("device", "camera", "kinect", "sensor")


def hidden_signals(trials, protocol) -> list[Finding]:
    """Whether the class can be told, for people left out, from what is no movement.

    A small tree learns the class from one thing at a time under a K-fold over subjects: the frame rate; what is
    missing (modalities, share of values); which channels are constant; the device (a column of the table that says so,
    or the ending of the file). It is "suspect" where more subjects than chance allows are told better than by always
    naming the class that is most frequent among the people learnt from (one-sided sign test over subjects, 0.005).
    The length of a recording is told with its accuracy and never suspect: illness slows walking.

    Parameters
    ----------
    trials : TrialSet
    protocol : Protocol
        For the name in the findings.

    Returns
    -------
    list of Finding
        One for each thing that is not the same in all trials; none where there are fewer than six people or one class.
    """
    labels = trials.table["label"]
    subjects = trials.subjects
    if labels.isna().any() or labels.nunique() < 2 or len(set(subjects)) < FEWEST_PEOPLE:
        return []
    findings = []
    for what, seen in _descriptions(trials).items():
        seen = OrdinalEncoder().fit_transform(seen) if what == "device" else np.nan_to_num(seen, nan=-1)
        if (seen == seen[0]).all():
            continue
        told, usual = _accuracies(seen, labels.to_numpy(dtype=str), subjects)
        better, worse = int((told > usual).sum()), int((told < usual).sum())
        p = stats.binomtest(better, better + worse, alternative="greater").pvalue if better + worse else 1.0
        detail = f"{what} alone tells the class of people left out with accuracy {told.mean():.2f}, "
        detail += f"the most frequent class {usual.mean():.2f}"
        verdict = "suspect" if p < LEVEL and what != "length" else "ok"
        findings.append(Finding(f"hidden signals of {what}", protocol.name, "", verdict, detail))
    return findings


def _descriptions(trials) -> dict:
    """Numbers (n_trials, k) of each trial that say nothing of how it moves."""
    rate, missing, constant, length = [], [], [], []
    for m in trials.modalities.values():
        present = m.present()
        missing.append(~present)
        missing.append([0 if v is None else np.isnan(v).mean() for v in m.values])
        if m.kind != "static":
            still = [np.zeros(len(m.channels)) if v is None else (v == v[:1]).all(axis=0) for v in m.values]
            constant += list(np.array(still).T)
        if m.kind == "sequence":
            length.append([0 if v is None else len(v) for v in m.values])
            times = m.time_s if m.time_s is not None else [None] * len(trials)
            rate.append([_rate_hz(t) for t in times])
    columns = [c for c in trials.table if c.lower() in DEVICE_COLUMNS]
    endings = trials.table["source"].str.extract(r"(\.\w+)$").fillna("")
    device = pd.concat([endings, trials.table[columns].astype(str)], axis=1)
    found = {"frame rate": rate, "missing values": missing, "constant channels": constant, "length": length}
    found = {what: np.array(columns, dtype=float).T for what, columns in found.items() if len(columns)}
    return found | {"device": device.to_numpy(dtype=str)}


def _rate_hz(time_s) -> float:
    """To a tenth, as clocks jitter."""
    return np.nan if time_s is None or len(time_s) < 2 else round(1 / max(np.median(np.diff(time_s)), 1e-9), 1)


def _accuracies(seen, labels, subjects) -> tuple[np.ndarray, np.ndarray]:
    """Of the tree, and of the most frequent class, for each subject."""
    told, usual = np.zeros((2, len(labels)), dtype=bool)
    for learnt, tested in GroupKFold(FOLDS).split(seen, labels, subjects):
        tree = DecisionTreeClassifier(max_leaf_nodes=8, min_samples_leaf=2, random_state=0)
        told[tested] = tree.fit(seen[learnt], labels[learnt]).predict(seen[tested]) == labels[tested]
        classes, counts = np.unique(labels[learnt], return_counts=True)
        usual[tested] = labels[tested] == classes[counts.argmax()]
    by_subject = pd.DataFrame({"told": told, "usual": usual}).groupby(subjects).mean()
    return by_subject["told"].to_numpy(), by_subject["usual"].to_numpy()
