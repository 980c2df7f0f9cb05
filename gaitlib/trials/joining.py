"""Several TrialSets as one, people and trials of different sets kept apart."""

from dataclasses import replace

import numpy as np
import pandas as pd

from gaitlib.errors import GaitDataError
from gaitlib.trials.modality import Modality, object_array
from gaitlib.trials.trialset import TrialSet

DATASET = "dataset"  # the column that says which set a trial is from


def concat(sets, names=None) -> TrialSet:
    """Join TrialSets, such as several published data sets for ``LeaveOneGroupOut("dataset")``.

    Trials, walks and subjects get the name of their set in front, "ours/s01": equal ids of different sets are
    different people. A modality that a set lacks is missing in its trials. Channels in another order are put into that
    of the first set that has the modality.

    Parameters
    ----------
    sets : sequence of TrialSet
        Raw: what steps have learnt from one set says nothing in the ids of the joined one.
    names : sequence of str, optional
        One a set; default their own names, which must differ.

    Returns
    -------
    TrialSet
        With the column "dataset". The load reports stay with the sets.

    Raises
    ------
    GaitDataError
        If there are fewer than two sets, names are not different, a modality differs in kind, unit or channels, or a
        set has been through a step that learns.

    Examples
    --------
    >>> import numpy as np
    >>> emg = {"emg": [np.ones((9, 1))]}
    >>> both = concat([TrialSet.from_arrays(emg, subject=["s01"], name=name) for name in ("ours", "theirs")])
    >>> both.subjects.tolist(), both.table["dataset"].tolist()
    (['ours/s01', 'theirs/s01'], ['ours', 'theirs'])
    """
    sets = list(sets)
    names = [one.name for one in sets] if names is None else [str(name) for name in names]
    if len(sets) < 2 or len(names) != len(sets):
        raise GaitDataError(f"concat joins two sets or more, with a name each; got {len(sets)} and {len(names)} names")
    if len(set(names)) < len(names):
        raise GaitDataError(f"two sets of one name in {names}: their people could not be told apart; give names=")
    for name, one in zip(names, sets, strict=True):
        if learnt := [entry.step for entry in one.history if entry.fitted_on]:
            raise GaitDataError(f"'{name}' has been through {learnt[0]}, which learnt from it; join the raw trials")
        if DATASET in one.table and set(one.table[DATASET]) != {name}:
            raise GaitDataError(f"'{name}' has a column '{DATASET}' of its own; rename it first")
    table = pd.concat([_table(one, name) for one, name in zip(sets, names, strict=True)], ignore_index=True)
    every = dict.fromkeys(m for one in sets for m in one.modalities)
    if table["trial"].duplicated().any() or table.groupby("subject")[DATASET].nunique().max() > 1:
        raise GaitDataError(f"with the names {names} ids of different sets become one; give names= that begin no id")
    modalities = {m: _modality(m, sets, names) for m in every}
    histories = {one.history for one in sets}
    if len(histories) > 1:
        raise GaitDataError(f"the sets went through different steps ({', '.join(names)}); join the raw trials")
    title = f"{' + '.join(one.name for one in sets)}, {table['subject'].nunique()} subjects"
    kinds = _kinds(sets, names)
    table = table.astype({name: float for name, (kind, _) in kinds.items() if kind != "class"})
    return TrialSet(table, modalities, title, histories.pop(), kinds=kinds)


def stacked(one, other) -> TrialSet:
    """Two parts of one TrialSet as one, with the trials of the second behind those of the first."""
    modalities = {}
    for name, m in one.modalities.items():
        parts = [(getattr(m, part), getattr(other.modality(name), part)) for part in ("values", "frames", "time_s")]
        columns = [None if first is None else np.concatenate([first, second]) for first, second in parts]
        modalities[name] = replace(m, values=columns[0], frames=columns[1], time_s=columns[2])
    table = pd.concat([one.table, other.table], ignore_index=True)
    return replace(one, table=table, modalities=modalities)


def _kinds(sets, names) -> dict[str, tuple[str, str]]:
    """Kind and unit of every target, in which the sets that have it agree; it is missing in the others."""
    kinds, first = {}, {}
    for name, one in zip(names, sets, strict=True):
        for target, kind in one.kinds.items():
            first.setdefault(target, name)
            if kinds.setdefault(target, kind) != kind:
                raise GaitDataError(
                    f"the target '{target}' is {' in '.join(filter(None, kinds[target]))} in '{first[target]}' and "
                    f"{' in '.join(filter(None, kind))} in '{name}'; bring them to one before joining"
                )
    return kinds


def _table(one, name) -> pd.DataFrame:
    prefixed = {column: [f"{name}/{value}" for value in one.table[column]] for column in ("trial", "subject", "walk")}
    return one.table.assign(**prefixed, **{DATASET: name})


def _modality(modality, sets, names) -> Modality:
    """One modality over all sets, None where a set lacks it."""
    have = [
        (name, one.modalities[modality]) for name, one in zip(names, sets, strict=True) if modality in one.modalities
    ]
    first_name, first = have[0]
    for name, m in have[1:]:
        for what in ("kind", "unit"):
            if getattr(m, what) != getattr(first, what):
                raise GaitDataError(
                    f"'{modality}' of '{first_name}' has {what} '{getattr(first, what)}', of '{name}' "
                    f"'{getattr(m, what)}'; bring them to one before joining"
                )
        if set(m.channels) != set(first.channels):
            other = sorted(set(m.channels) ^ set(first.channels))
            raise GaitDataError(
                f"'{modality}' of '{first_name}' and of '{name}' differ in channels ({', '.join(other[:3])}); "
                "keep those that both have"
            )
    parts = []
    for one in sets:
        m = one.modalities.get(modality)
        if m is None:
            parts.append(replace(first, values=None, frames=None, time_s=None))
        else:
            order = [m.channels.index(c) for c in first.channels]
            parts.append(replace(m.map(lambda v, order=order: v[..., order]), channels=first.channels))
    columns = {}
    for column in ("values", "frames", "time_s"):
        own = [getattr(part, column) for part in parts]
        if any(values is not None for values in own):
            lengths = [len(one) for one in sets]
            columns[column] = object_array([
                value
                for values, n in zip(own, lengths, strict=True)
                for value in ([None] * n if values is None else values)
            ])  # fmt: skip
    longest = [m.max_frames for _, m in have]
    return replace(first, **columns, max_frames=None if None in longest else max(longest))
