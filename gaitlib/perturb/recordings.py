"""How accuracy falls when test trials get worse, each judged by the model that never saw its subject.

Raw trials are changed, so that every fitted step of the classifier meets the change as it would in the field.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from gaitlib.errors import GaitDataError
from gaitlib.perturb.tables import accuracy_table
from gaitlib.preprocessing.samples import Tensors
from gaitlib.preprocessing.skeleton import position_columns
from gaitlib.recipes import is_skeleton
from gaitlib.training import Mirror
from gaitlib.trials.conventions import PELVIS_NAMES, first_joint, joint_columns, mirror_map

CONDITION = ["data", "model", "protocol", "perturbation", "level", "unit", "chance"]
AS_RECORDED, MIRRORED, NOTHING = "as recorded", "mirrored", "nothing"
NOISE_M = (0.0, 0.005, 0.01, 0.02, 0.05)
DROPPED_JOINTS = (0, 1, 2, 4, 8)
DROPPED_FRAMES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)
EVERY_NTH_FRAME = (1, 2, 3)


@dataclass(frozen=True)
class Perturbation:
    """One way in which trials get worse.

    Attributes
    ----------
    change : callable
        ``(trials, level, rng) -> trials``, for raw trials; ``rng`` is a numpy Generator.
    levels : callable
        ``trials -> levels``; the first changes nothing. Empty where the perturbation does not fit the trials.
    unit : str
        Of the levels.
    networks_only : bool
        Whether only networks can read what it leaves.
    """

    change: Callable
    levels: Callable
    unit: str = ""
    networks_only: bool = False


def robustness(runs, model: str | None = None, perturbations=None, seed=0) -> pd.DataFrame:
    """Accuracy of every subject on perturbed test trials, by the models of the folds that had left that subject out.

    Nothing is trained. Models of the same folds meet the same perturbed trials, and a level goes on from the one
    before: a frame lost at 0.1 is lost at 0.2 too.

    Parameters
    ----------
    runs : Runs
        Protocols under which models know the test subjects are left out.
    model : str, optional
        Default all.
    perturbations : dict of str to Perturbation, optional
        Default ``PERTURBATIONS``: noise on the joints, joints no longer tracked, lost frames, a slower camera, the walk
        in a mirror, and a missing modality where a network reads several. What does not fit the modalities that a model
        reads is left out.
    seed : int
        Of all that is drawn at random.

    Returns
    -------
    pandas.DataFrame
        One row a subject at each level: ``data``, ``model``, ``protocol``, ``perturbation``, ``level`` (a number, or a
        word), ``unit``, ``chance`` (the best constant answer, a mean over subjects as the accuracy), ``subject``,
        ``accuracy``.

    Raises
    ------
    GaitDataError
        If no fold of a subject-disjoint run ended well, or nothing fits.

    Notes
    -----
    A network that never lacked a modality in training gets the stand-in of a missing one all the same, though it does
    not know it: that is what ``Training(modality_dropout=...)``, the remedy, is measured against.

    Examples
    --------
    >>> import tempfile, gaitlib
    >>> trials = gaitlib.synthetic_trials(n_subjects=3, n_walks=1)
    >>> split = [gaitlib.SubjectHoldout()]
    >>> runs = gaitlib.benchmark("extra_trees", trials, split, store=tempfile.mkdtemp(), progress=False)
    >>> table = robustness_table(robustness(runs, perturbations={"noise": PERTURBATIONS["noise"]}))
    >>> table["level"].tolist(), table["unit"].unique().tolist()
    ([0.0, 0.005, 0.01, 0.02, 0.05], ['m'])
    """
    runs.require_classes("accuracy that could fall")
    trials = runs.judged_trials
    perturbations = PERTURBATIONS if perturbations is None else perturbations
    tested = [run for run in runs.runs if run.on_new_people and model in (None, run.model)]
    parts = [
        _of_fold(runs.classifier_of(fold), trials, places, perturbations, seed).assign(
            data=runs.data, model=run.model, protocol=run.protocol, chance=run.chance
        )
        for run in tested
        for fold, places in run.folds_that_tested("trial", trials.ids, once=False)
    ]
    if not parts:
        raise GaitDataError(
            f"no finished fold of a subject-disjoint run{f' of {model}' if model else ''} here; add "
            "LeaveOneSubjectOut() to the protocols"
        )
    table = pd.concat(parts, ignore_index=True)
    if table.empty:
        raise GaitDataError(f"none of {', '.join(perturbations)} fits what these models read")
    # Over trials, not folds: a subject may be tested in several of them.
    accuracy = table.groupby([*CONDITION, "subject"], sort=False)["correct"].mean()
    return accuracy.rename("accuracy").reset_index()


def robustness_table(accuracies: pd.DataFrame) -> pd.DataFrame:
    """Mean accuracy at every level, with its 95 % intervals over subjects.

    Parameters
    ----------
    accuracies : pandas.DataFrame
        From :func:`robustness`.

    Returns
    -------
    pandas.DataFrame
        One row a level: the columns of :func:`robustness` up to ``chance``, then ``accuracy``, the columns of
        :func:`gaitlib.results.interval_columns` and ``subjects``.
    """
    return accuracy_table(accuracies, CONDITION)


def _of_fold(classifier, trials, places, perturbations, seed) -> pd.DataFrame:
    """One row a test trial at each level: whether it is classified correctly."""
    asked = classifier.fitted_parts.values()
    reads = replace(trials, modalities={n: m for one in asked for n, m in _modalities_read(one, trials).items()})
    lasts, own, parts = [one.steps_[-1] for one in asked], trials[places], []
    is_network = all(isinstance(last, Tensors) for last in lasts)
    for last in lasts if is_network else ():
        last.set_params(allow_missing=True)
    for learnt in [learnt for one in asked for learnt in getattr(one, "recorded_", {}).values()]:
        learnt["rates_hz"] = None  # what another rate does is what is asked
    for name, perturbation in perturbations.items():
        for level in perturbation.levels(reads) if is_network or not perturbation.networks_only else ():
            changed = perturbation.change(own, level, np.random.default_rng([seed, *places]))
            rows = {"subject": own.subjects, "correct": classifier.predict(changed) == own.labels}
            parts.append(pd.DataFrame(rows).assign(perturbation=name, level=level, unit=perturbation.unit))
    return pd.concat(parts) if parts else pd.DataFrame()


def _modalities_read(classifier, trials) -> dict:
    """Those that the last step takes; where an earlier step made them, those that the steps name."""
    last = classifier.steps_[-1]
    names = [last.modality] if hasattr(last, "modality") else getattr(last, "modalities", None) or trials.modalities
    if not set(names) <= set(trials.modalities):
        names = [step.modality for step in classifier.steps_ if hasattr(step, "modality")]
    return {name: m for name, m in trials.modalities.items() if name in names}


# -- perturbations -------------------------------------------------------------------------------------------


def noise(trials, level, rng):
    """Gaussian noise of this SD (m) on every coordinate of the joints, new in every frame."""
    name, m = _skeleton(trials)
    columns = position_columns(m.channels)

    def shake(v):
        v = v.copy()
        v[:, columns] += level * rng.standard_normal((len(v), len(columns)))
        return v

    return trials.with_modality(name, m.map(shake))


def dropped_joints(trials, level, rng):
    """Some joints of each trial, drawn at random, stay where they were in its first frame, seen from the pelvis."""
    name, m = _skeleton(trials)
    pelvis = first_joint(m.channels, PELVIS_NAMES)
    joints = [c[:-2] for c in m.channels if c.endswith("_x") and c[:-2] != pelvis]

    def hold(v):
        v, origin = v.copy(), v[:, joint_columns(m.channels, pelvis)]
        for joint in rng.permutation(joints)[:level]:
            columns = joint_columns(m.channels, joint)
            v[:, columns] = origin + (v[0, columns] - origin[0])
        return v

    return trials.with_modality(name, m.map(hold))


def dropped_frames(trials, level, rng):
    """This share of the frames of each sequence is lost, at random."""
    for name, m in trials.modalities.items():
        if m.kind == "sequence":
            orders = [None if v is None else rng.permutation(len(v)) for v in m.values]
            kept = [None if order is None else np.sort(order[round(level * len(order)) :]) for order in orders]
            trials = trials.with_modality(name, m.select_frames(kept))
    return trials


def frame_rate(trials, level, rng):
    """Every nth frame of the skeleton, as a camera of an nth of each trial's own rate takes them."""
    name, m = _skeleton(trials)
    return trials.with_modality(name, m.select_frames([slice(None, None, level)] * len(trials)))


def mirror(trials, level, rng):
    """Left is right; labels name no side. A camera that stands to one side is mirrored with the walk."""
    return Mirror(_skeleton(trials)[0])(trials) if level == MIRRORED else trials


def missing_modality(trials, level, rng):
    """All trials lack this modality, but those that have no other."""
    if level == NOTHING:
        return trials
    m = trials.modality(level)
    gone = np.any([other.present() for name, other in trials.modalities.items() if name != level], axis=0)
    columns = {part: getattr(m, part) for part in ("values", "frames", "time_s") if getattr(m, part) is not None}
    left = {part: np.where(gone, None, column) for part, column in columns.items()}
    return trials.with_modality(level, replace(m, **left))


def _skeleton(trials):
    """Name and modality of the first skeleton; None, None where there is none."""
    return next(((name, m) for name, m in trials.modalities.items() if is_skeleton(m)), (None, None))


def _where_skeleton(*levels):
    return lambda trials: levels if _skeleton(trials)[0] else ()


def _noise_levels(trials):
    _, m = _skeleton(trials)
    return NOISE_M if m is not None and m.unit == "m" else ()


def _frame_levels(trials):
    return DROPPED_FRAMES if any(m.kind == "sequence" for m in trials.modalities.values()) else ()


def _mirror_levels(trials):
    _, m = _skeleton(trials)
    try:
        return (AS_RECORDED, MIRRORED) if m is not None and mirror_map(m.channels) else ()
    except GaitDataError:  # a joint without its partner
        return ()


def _modality_levels(trials):
    return (NOTHING, *trials.modalities) if len(trials.modalities) > 1 else ()


PERTURBATIONS = {
    "noise": Perturbation(noise, _noise_levels, "m"),
    "dropped joints": Perturbation(dropped_joints, _where_skeleton(*DROPPED_JOINTS), "number"),
    "dropped frames": Perturbation(dropped_frames, _frame_levels, "share"),
    "frame rate": Perturbation(frame_rate, _where_skeleton(*EVERY_NTH_FRAME), "every nth frame"),
    "mirror": Perturbation(mirror, _mirror_levels),
    "missing modality": Perturbation(missing_modality, _modality_levels, networks_only=True),
}
