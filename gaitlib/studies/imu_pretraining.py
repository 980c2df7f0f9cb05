"""The choices of ``notebooks/imu_pretraining.ipynb``: recordings, encoders, and what labels are worth beside them."""

import os
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from gaitlib import models
from gaitlib.classifier import GaitClassifier
from gaitlib.datasets import load_imu
from gaitlib.datasets.synthetic import synthetic_imu
from gaitlib.encoders import Encode, Encoder
from gaitlib.errors import GaitDataError
from gaitlib.evaluation import benchmark
from gaitlib.evaluation.fold import fold_seed
from gaitlib.models import Builder
from gaitlib.preprocessing import Crop, Frames, SpectralStatistics, SummaryStatistics, Tensors
from gaitlib.protocols import LabelBudget, SubjectKFold, TrialKFold
from gaitlib.recipes import imu_steps
from gaitlib.results import budget_differences, budget_table
from gaitlib.studies import base
from gaitlib.training import Pretraining, Training
from gaitlib.trials import TrialSet

FRAMES, HOP = 128, 64
SIZE = {"preset": "tiny"}  # of encoder, fine-tuned network and the same from scratch
FEW = 2  # labelled people a class
FEW_CLASSES = 4  # that are listed
SCRATCH, PROBE, CODED_TREES = "transformer from scratch", "linear probe", "trees on codes"
UNTRAINED = "linear probe, untrained encoder"  # what the features are worth before anything was learnt
WRONG, ELSEWHERE = "linear probe, encoder of everybody", "linear probe, encoder of other sets"
SYNTHETIC_ACTIVITIES = ("walking", "running", "stairs", "standing", "healthy", "impaired")
CONDITIONS = ("healthy", "impaired")
SHOWN = ("model", "budget", "measure", "score", "low", "high", "SD over draws", "draws", "people", "trials", "chance")


@dataclass(frozen=True)
class Effort:
    """How much a profile does.

    Attributes
    ----------
    synthetic : dict
        Of :func:`gaitlib.synthetic_imu`, where no recordings are given.
    pretraining : Pretraining
    steps : int
        Batches of a network that learns from labels, in all, whatever their number; within ``epochs``.
    epochs : (int, int)
        Fewest and most.
    budgets : tuple of int or None
        Labelled people a class; None for all.
    draws : int
        Of few labelled people.
    questions : int
        Of :func:`tasks` that get a label budget.
    folds : int
    left_out : tuple of str
        Models that are too slow here.
    """

    synthetic: dict
    pretraining: Pretraining
    steps: int
    epochs: tuple[int, int]
    budgets: tuple
    draws: int
    questions: int
    folds: int = 2
    left_out: tuple[str, ...] = ()


def _pretraining(epochs) -> Pretraining:
    """The settings of every encoder of the study."""
    return Pretraining(epochs, learning_rate=2e-3)


EFFORTS = {
    "quick": Effort(
        {"n_subjects": 8, "seconds": 6.0}, _pretraining(2), 10, (1, 2), (FEW,), 1, 1,
        left_out=("minirocket", "cnn from scratch", "frozen + head", UNTRAINED, CODED_TREES),
    ),
    "default": Effort({"n_subjects": 16}, _pretraining(24), 120, (2, 20), (FEW, None), 2, 1),
    "full": Effort({"n_subjects": 30, "n_recordings": 4}, _pretraining(100), 400, (10, 40), (FEW, None), 5, 9, folds=5),
}  # fmt: skip


# -- recordings ----------------------------------------------------------------------------------------------


def open_recordings(chosen: base.Profile) -> TrialSet:
    """Recordings in m/s2 and rad/s: of ``imu`` in ``$GAIT_DATA`` (else ``data``), of ``$GAIT_DATA``, or synthetic."""
    given = os.environ.get("GAIT_DATA")
    if given == "synthetic" or not (folder := base.data_folder("imu") or given):
        return synthetic_imu(activities=SYNTHETIC_ACTIVITIES, **EFFORTS[chosen.name].synthetic)
    return load_imu(folder, units="detected")


def overview(trials) -> pd.DataFrame:
    """A row a dataset: what the loader found."""
    seconds = [t[-1] - t[0] for t in trials.modality("acc").time_s]
    table = trials.table.assign(**{"seconds, median": seconds})
    return table.groupby("dataset").agg(
        **{
            "recordings": ("trial", "size"),
            "people": ("subject", "nunique"),
            "labels": ("label", "nunique"),
            "place": ("place", "first"),
            "rate (Hz)": ("rate_hz", "first"),
            "gravity": ("gravity", "first"),
            "seconds, median": ("seconds, median", "median"),
        }
    )


def notes(trials) -> list[str]:
    """What the loader told of units and gravity, and by what."""
    return ["openly synthetic: made, not loaded"] if trials.report is None else list(trials.report.notes)


def one_of_each(trials) -> list[str]:
    """The first trial of each dataset."""
    return trials.table.groupby("dataset")["trial"].first().tolist()


def prepared(trials) -> TrialSet:
    """The trials through the steps of :func:`gaitlib.recipes.imu_steps`, once: none of them learns."""
    return Pipeline(imu_steps()).fit_transform(trials)


def tasks(trials) -> dict[str, TrialSet]:
    """What is to be told, by name: all trials, of which those of one dataset have labels and the others have none.

    The codes of the sets with falls (``F01``, ``D01``, ...) are falls and daily activities, first as these two classes,
    then by their codes, which mean something else in each set. Synthetic people have a condition and activities.
    """
    table, found = trials.table, {}
    for dataset, own in table.groupby("dataset"):
        label = own["label"].dropna().astype(str)
        if label.str.fullmatch(r"[DF]\d\d").all():
            found[f"{dataset}: fall or daily activity"] = label.str[0].map({"F": "fall", "D": "daily activity"})
            found[f"{dataset}: which activity or fall"] = label
        elif set(CONDITIONS) < set(label):
            condition = label.isin(CONDITIONS)
            found[f"{dataset}: healthy or impaired"] = label[condition]
            found[f"{dataset}: which activity"] = label[~condition]
        else:
            found[f"{dataset}: {' or '.join(sorted(set(label)))}"] = label
    found = dict(sorted(found.items(), key=lambda item: "which" in item[0]))
    return {
        question: replace(
            trials,
            table=table.assign(label=label.reindex(table.index, fill_value=None)),
            name=f"{trials.name}; {question}",
        )
        for question, label in found.items()
    }


def classes_of(tasks) -> pd.DataFrame:
    """Recordings and people of each class, and recordings without a label."""
    rows = []
    for name, trials in tasks.items():
        classes = trials.table.groupby("label")["subject"].agg(["size", "nunique"])
        said = [f"{label} {n} of {people} people" for label, n, people in classes.itertuples()]
        said = ", ".join(said if len(said) <= FEW_CLASSES else [*said[:FEW_CLASSES], "..."])
        rows.append((name, len(classes), said, int(trials.table["label"].isna().sum())))
    return pd.DataFrame(rows, columns=["question", "classes", "recordings", "without a label"])


def asked(chosen: base.Profile, tasks) -> dict[str, TrialSet]:
    """Those that get a label budget."""
    return dict(list(tasks.items())[: EFFORTS[chosen.name].questions])


def labelled(trials) -> TrialSet:
    """Those with a label."""
    return trials[trials.table["label"].notna().to_numpy()]


# -- encoders ------------------------------------------------------------------------------------------------


def plan(chosen: base.Profile) -> Encoder:
    """An encoder that learns in each fold, from its training and unlabelled trials; the draws of a fold share it."""
    store = str(base.results_folder() / "encoders")
    pretraining = EFFORTS[chosen.name].pretraining
    return Encoder(Builder("masked_autoencoder", **SIZE), [], "imu", FRAMES, HOP, pretraining, store=store)


def encoders_of_folds(chosen: base.Profile, trials) -> dict[str, tuple[Encoder, TrialSet]]:
    """By fold the encoder that the benchmark will use there, and the tested trials, whose people it never saw."""
    found = {}
    for fold in LabelBudget(new_people(chosen)).folds(trials):
        own = clone(plan(chosen)).set_params(seed=fold_seed(0, 0, fold.name))
        found[fold.name] = own.fit(trials[np.union1d(fold.train, fold.unlabelled)]), trials[fold.test]
    return found


def example(encoder, trials, seed=0) -> dict:
    """A window in the middle of the first trial, for :func:`gaitlib.plots.reconstruction`."""
    windows = encoder.windows(trials[:1])
    told = encoder.reconstruct(windows, seed)
    i = len(windows) // 2
    return {
        "original": told.original[i],
        "reconstructed": told.reconstructed[i],
        "hidden": told.hidden[i],
        "interpolated": told.interpolated[i],
        "channels": windows.modality("imu").channels,
        "rate_hz": round(1 / np.median(np.diff(windows.modality("imu").time_s[i]))),
        "unit": "SD",
        "title": f"{trials.ids[0]}: {trials.name.split(';')[0]}",
    }


def embedding(encoder, trials) -> np.ndarray:
    """The features of each trial, (n, width): the mean of those of its windows."""
    windows = encoder.windows(trials)
    return pd.DataFrame(encoder.encode(windows)).groupby(windows.ids).mean().loc[trials.ids].to_numpy()


def known_of(trials) -> pd.DataFrame:
    """The table of trials with the labels of each dataset apart: the same code means something else in another."""
    return trials.table.assign(label=trials.table["dataset"] + "/" + trials.table["label"].astype(str))


# -- labels --------------------------------------------------------------------------------------------------


def new_people(chosen: base.Profile) -> SubjectKFold:
    """Folds of people; nobody is watched, as early stopping would look at labels beyond the budget."""
    return SubjectKFold(EFFORTS[chosen.name].folds, validation=False, stratify=True)


def networks_and_trees(chosen: base.Profile, encoder, n_windows) -> dict[str, GaitClassifier]:
    """The models of the table, for about so many labelled windows: networks learn equally many batches."""
    effort = EFFORTS[chosen.name]
    epochs = int(np.clip(effort.steps * 32 / max(n_windows, 1), *effort.epochs))

    def training(rate, **settings):
        return Training(epochs, 32, learning_rate=rate, schedule="cosine", class_weight="balanced", **settings)

    transformer, balanced = Builder("patch_transformer", **SIZE), Training(class_weight="balanced")
    signal = make_pipeline(Frames(StandardScaler(), "imu"), Crop(FRAMES, "sliding", HOP, "imu"), Tensors(["imu"]))
    made = {
        "trees": GaitClassifier("extra_trees", make_pipeline(SpectralStatistics(["imu"])), balanced),
        "minirocket": GaitClassifier(
            Builder("minirocket", n_kernels=2000),
            make_pipeline(Crop(FRAMES, "sliding", FRAMES, "imu"), Tensors(["imu"])),
            balanced,
        ),
        CODED_TREES: GaitClassifier(
            "extra_trees", make_pipeline(Encode(encoder, "trial"), SummaryStatistics(["imu"])), balanced
        ),
        "cnn from scratch": GaitClassifier("temporal_cnn", signal, training(1e-3)),
        SCRATCH: GaitClassifier(transformer, signal, training(1e-3)),
        PROBE: GaitClassifier("linear", _coded(encoder), training(3e-3, l2=1e-3)),
        UNTRAINED: GaitClassifier("linear", _coded(_untrained()), training(3e-3, l2=1e-3)),
        "frozen + head": GaitClassifier(Builder("mlp", n_layers=2, units=64), _coded(encoder), training(1e-3)),
        "fine-tuned": GaitClassifier(transformer, None, training(1e-3, start=encoder)),
    }
    return {name: model for name, model in made.items() if not models.info(model.builder().name).lacking}


def _untrained() -> Encoder:
    """The network of every encoder here with the weights that it was drawn with."""
    return Encoder(Builder("masked_autoencoder", **SIZE), [], "imu", FRAMES, HOP, Pretraining(1, learning_rate=0.0))


def _coded(encoder) -> Pipeline:
    return make_pipeline(Encode(encoder), Frames(StandardScaler(), "imu"), Tensors(["imu"]))


def label_budgets(chosen: base.Profile, trials) -> list:
    """The models of the table, trained with the labels of a few and of all people: runs of each."""
    found = []
    for people in EFFORTS[chosen.name].budgets:
        made = networks_and_trees(chosen, plan(chosen), _labelled_windows(chosen, trials, people))
        left_out = EFFORTS[chosen.name].left_out
        made = {name: model for name, model in made.items() if name not in left_out}
        found.append(_benchmark(made, trials, _protocols(chosen, people)))
    return found


def scores(runs, score="macro F1") -> pd.DataFrame:
    """:func:`gaitlib.results.budget_table` of all of them."""
    return pd.concat([budget_table(one, score) for one in runs], ignore_index=True)


def ahead_of_scratch(runs, against=SCRATCH, score="macro F1") -> pd.DataFrame:
    """:func:`gaitlib.results.budget_differences` of all of them, what a reader needs of it."""
    table = pd.concat([budget_differences(one, against, score) for one in runs], ignore_index=True)
    return table[
        ["model", "budget", "against", "measure", "difference", "low", "high", "draws ahead", "draws", "people"]
    ]


def _protocols(chosen, people) -> list[LabelBudget]:
    draws = 1 if people is None else EFFORTS[chosen.name].draws
    return [LabelBudget(new_people(chosen), people=people, draw=draw) for draw in range(draws)]


def _labelled_windows(chosen, trials, people) -> float:
    """In a fold, the mean over folds and draws."""
    windows = _windows(trials)
    folds = [fold for protocol in _protocols(chosen, people) for fold in protocol.folds(trials)]
    return float(np.mean([windows[fold.train].sum() for fold in folds]))


def _windows(trials) -> np.ndarray:
    frames = np.array([len(v) for v in trials.modality("imu").values])
    return 1 + np.ceil(np.maximum(frames - FRAMES, 0) / HOP)


def _benchmark(classifiers, trials, protocols, strict=True):
    store = str(base.results_folder() / "runs")
    return benchmark(classifiers, trials, protocols, store, n_jobs=base.jobs(), progress=False, strict=strict)


# -- what goes wrong, and what carries over ------------------------------------------------------------------


def of_everybody(chosen: base.Profile, trials) -> Encoder:
    """The mistake: an encoder of the same plan that has learnt from all recordings, also of those who are tested."""
    return plan(chosen).fit(trials)


def renamed(trials) -> TrialSet:
    """The same recordings, all trials and people under other names."""
    table = trials.table
    other = {
        column: table["dataset"] + "/" + letter + pd.Series(pd.factorize(table[column])[0].astype(str), table.index)
        for column, letter in (("trial", "t"), ("subject", "p"))
    }
    other["walk"] = other["trial"]
    return replace(trials, table=table.assign(**other), name=f"{trials.name}, renamed")


def refusal(chosen: base.Profile, trials, encoder) -> str:
    """What a benchmark says of an encoder that must not be used in it.

    Raises
    ------
    AssertionError
        If it says nothing.
    """
    try:
        _probes(chosen, trials, {WRONG: encoder}, EFFORTS[chosen.name].budgets[:1])
    except GaitDataError as error:
        return str(error)
    raise AssertionError("an encoder that has seen the tested people was not refused")


def wrong_and_right(chosen: base.Profile, trials, encoder) -> list:
    """Runs of the linear probe on the encoder of each fold, and on one of everybody; the audit is not heeded."""
    return _probes(chosen, trials, {PROBE: plan(chosen), WRONG: encoder}, strict=False)


def of_other_sets(chosen: base.Profile, trials) -> Encoder:
    """An encoder that has learnt from the datasets without labels only."""
    dataset = labelled(trials).table["dataset"].iloc[0]
    return plan(chosen).fit(trials[(trials.table["dataset"] != dataset).to_numpy()])


def transferred(chosen: base.Profile, trials, encoder) -> list:
    """Runs of the linear probe on the encoder of each fold, and on one that never saw this dataset."""
    return _probes(chosen, trials, {PROBE: plan(chosen), ELSEWHERE: encoder})


def who_walks(chosen: base.Profile, trials, encoder):
    """Runs that tell one known person from another: the encoder never met them, the layer on it and the trees did.

    Whoever has a single recording is left out.
    """
    known = labelled(trials).labelled_by("subject")
    known = known[known.table.groupby("subject")["walk"].transform("nunique").to_numpy() > 1]
    made = networks_and_trees(chosen, encoder, _windows(known).sum() / 2)
    return _benchmark({name: made[name] for name in ("trees", PROBE)}, known, [TrialKFold(2, validation=False)])


def _probes(chosen, trials, encoders, budgets=None, strict=True) -> list:
    """Runs of a linear probe on each encoder, a list entry a budget."""
    return [
        _benchmark(
            {
                name: networks_and_trees(chosen, encoder, _labelled_windows(chosen, trials, people))[PROBE]
                for name, encoder in encoders.items()
            },
            trials,
            _protocols(chosen, people),
            strict,
        )
        for people in budgets or EFFORTS[chosen.name].budgets
    ]
