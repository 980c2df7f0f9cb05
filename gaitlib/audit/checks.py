"""A receipt on leakage: whether anything of the tested walks or people could have reached what was learnt."""

import numpy as np
import pandas as pd

from gaitlib.audit.confounders import hidden_signals
from gaitlib.audit.copies import Copies
from gaitlib.audit.receipt import VERDICTS, Finding
from gaitlib.trials.digests import recording_digests

OF_WALK = 0.05  # where no more walks have two labels, a label is that of a walk


def audit_split(trials, protocol, folds, copies: Copies) -> list[Finding]:
    """Check the folds of a protocol before anything is trained.

    Parameters
    ----------
    trials : TrialSet
    protocol : Protocol
    folds : list of Fold
    copies : Copies
        From :func:`gaitlib.audit.copies.find_copies` of these trials.

    Returns
    -------
    list of Finding
        For each fold: whether subjects, walks and the other columns of the claim stand apart, also in validation;
        whether trials with the same or nearly the same content, or of the same file, stand on both sides; whether a
        step that the trials have been through (their history) had learnt from what is tested. Unlabelled trials are of
        the side that is learnt from. Once for all folds: whether one recording has two labels, and what else tells the
        class (:func:`gaitlib.audit.confounders.hidden_signals`).
    """
    unjudged = [
        Finding(f"near copies of {name}", protocol.name, "", "unseen", reason)
        for name, reason in copies.near.attrs.get("not_judged", {}).items()
    ]
    table = _Table(trials)
    shared, near = table.pairs(copies.shared), table.pairs(_others(copies))
    findings, earlier = [], [(e.step, e.fitted_on, e.subjects) for e in trials.history]
    for fold in folds:
        checks = {
            "subjects": _subjects(table, protocol, fold),
            "walks": _tested_apart(table, "walk", fold),
            **{
                f"groups of {column}": _tested_apart(table, column, fold)
                for column in protocol.claim.disjoint
                if column not in ("subject", "walk")
            },
            "validation": _validation(table, protocol, fold),
            "copies": _copies(table, fold, shared),
            "near copies": _near_copies(table, fold, near),
            "recording files": _files(table, fold),
            "earlier steps": _steps(trials, protocol, fold, earlier),
        }
        findings += [Finding(check, protocol.name, fold.name, *found) for check, found in checks.items()]
    verdict, detail = _labels(trials, copies.shared)
    findings.append(Finding("labels", protocol.name, "", verdict, detail))
    return findings + unjudged + hidden_signals(trials, protocol)


def _labels(trials, shared):
    """Whether copies have the same label, and the trials of a walk, unless labels of many walks vary."""
    label = pd.Series(trials.labels, index=trials.ids)
    one, two = (label[shared[which]].to_numpy() for which in ("trial", "other"))
    differ = (one != two).astype(bool) & ~pd.isna(one) & ~pd.isna(two)
    if differ.any():
        pairs = [f"{r.trial} and {r.other}" for r in shared[differ].itertuples()]
        return "suspect", f"the same recording with two labels: {_first(pairs)}"
    n_labels = trials.table.groupby("walk")["label"].agg(["nunique", "size"]).query("size > 1")["nunique"]
    mixed = n_labels.index[n_labels > 1]
    if 0 < len(mixed) < OF_WALK * len(n_labels):
        return "suspect", f"trials of one walk with two labels, where others have one: {_first(mixed)}"
    return "ok", "no recording has two labels"


class _Table:
    """The trial table with a number for each value, so that every fold is looked at without comparing text."""

    def __init__(self, trials):
        self.table = trials.table
        self.ids = trials.ids
        self.place = pd.Series(np.arange(len(trials)), index=trials.ids)
        self.codes = {column: pd.factorize(trials.table[column])[0] for column in ("subject", "walk")}
        named = trials.table[trials.table["source"] != ""]
        # A file of three subjects or more, or of all, is a table of recordings; any other may be one recording.
        subjects = named.groupby("source")["subject"].nunique()
        single = subjects.index[(subjects <= 2) & (subjects < max(2, trials.table["subject"].nunique()))]
        self.names_files = len(named) > 0
        self.file = np.where(trials.table["source"].isin(single), pd.factorize(trials.table["source"])[0], -1)

    def both(self, column, these, those) -> np.ndarray:
        """Positions among these of trials whose value in a column stands among those too."""
        if column not in self.codes:
            self.codes[column] = pd.factorize(self.table[column])[0]
        codes = self.codes[column]
        return these[np.isin(codes[these], codes[those])]

    def pairs(self, pairs) -> pd.DataFrame:
        """With the positions of the two trials."""
        return pairs.assign(a=self.place[pairs["trial"]].to_numpy(), b=self.place[pairs["other"]].to_numpy())


def _subjects(table, protocol, fold):
    if "subject" not in protocol.claim.disjoint:
        return "ok", f"subjects may stand on both sides: the claim is {protocol.claim}"
    return _tested_apart(table, "subject", fold)


def _tested_apart(table, column, fold):
    return _apart(table, column, fold.test, _rest(fold), "tested and learnt from or watched")


def _validation(table, protocol, fold):
    if not len(fold.validation):
        return "ok", "no trials are held back to stop training"
    learnt = np.concatenate([fold.train, fold.unlabelled])
    return _worst(_inner(table, protocol, learnt, fold.validation))


def _inner(table, protocol, learnt, watched):
    """No walk is both learnt from and watched, nor what the protocol keeps whole besides; people, if they are new."""
    units = dict.fromkeys([protocol.watched_unit, "walk", *({"subject"} & {*protocol.claim.disjoint})])
    return [_apart(table, unit, learnt, watched, "learnt from and watched") for unit in units]


def _apart(table, unit, these, those, how):
    both = table.both(unit, these, those)
    if len(both):
        named = table.table.iloc[both]
        return "leak", f"{unit} {_first(named[unit])} both {how}, with trials {_first(named['trial'])}"
    return "ok", f"no {unit} is both {how}"


def _copies(table, fold, shared):
    across = _across(table, fold, shared)
    if across.empty:
        return "ok", "no tested trial holds the numbers of a trial of the other side"
    pairs = [f"{r.trial} and {r.other} ({r.modality}, {r.share:.0%} of the shorter)" for r in across.itertuples()]
    return "leak", f"the same recording on both sides: {_first(pairs)}"


def _others(copies) -> pd.DataFrame:
    """Near copies that are not exact ones."""
    same = set(zip(copies.shared["trial"], copies.shared["other"], strict=True))
    new = [pair not in same for pair in zip(copies.near["trial"], copies.near["other"], strict=True)]
    return copies.near[np.array(new, dtype=bool)]


def _near_copies(table, fold, near):
    across = _across(table, fold, near)
    if across.empty:
        return "ok", "no tested trial is too like a trial of the other side to be another recording"
    pairs = [f"{r.trial} and {r.other} ({r.modality}, ratio {r.ratio:.3f})" for r in across.itertuples()]
    return "suspect", f"too alike to be two recordings, on both sides: {_first(pairs)}"


def _across(table, fold, pairs) -> pd.DataFrame:
    """The pairs of which one trial is tested and the other is not."""
    tested, rest = np.zeros((2, len(table.ids)), dtype=bool)
    tested[fold.test] = True
    rest[_rest(fold)] = True
    a, b = pairs["a"].to_numpy(), pairs["b"].to_numpy()
    return pairs[(tested[a] & rest[b]) | (rest[a] & tested[b])]


def _files(table, fold):
    tested, rest = table.file[fold.test], table.file[_rest(fold)]
    both = fold.test[(tested >= 0) & np.isin(tested, rest)]
    if len(both):
        files = sorted(set(table.table["source"].iloc[both]))
        return "suspect", f"trials of one file on both sides, perhaps of one recording: {_first(files)}"
    return "ok", "no recording file on both sides" if table.names_files else "the trials name no files"


def _steps(trials, protocol, fold, steps):
    """Whether steps (a label, the ids they were fitted on, perhaps their subjects) had learnt from what is tested."""
    found = []
    for label, ids, *subjects in steps:
        if len(ids):
            verdict, detail = _reach(trials, protocol, fold, ids, *subjects)
            found.append((verdict, f"{label} was fitted on {detail}"))
    if not found:
        return "ok", "none that learns"
    return _worst([("ok", f"{len(found)} that learnt, none from what is tested"), *found])


def audit_learnt(trials, protocol, fold, learnt: dict, model: str = "") -> list[Finding]:
    """Check what a fitted classifier says that it learnt from.

    Parameters
    ----------
    trials : TrialSet
    protocol : Protocol
    fold : Fold
    learnt : dict
        ``fitted_on`` and ``watched`` (trial ids) and ``steps`` (a label, the ids it was fitted on, their subjects; also
        encoders that were trained before), and where there are encoders ``recordings``: digests of what they learnt
        from.
    model : str
        Its name, for the findings.

    Returns
    -------
    list of Finding
        On the model, its steps, and early stopping; where trials are unlabelled, on labels beyond the budget.
    """
    fitted_on, watched = learnt["fitted_on"], learnt["watched"]
    verdict, detail = _reach(trials, protocol, fold, fitted_on)
    if not len(fitted_on):
        verdict, detail = "unseen", "trials that were not recorded"
    checks = {
        "model": (verdict, f"learnt from {detail}"),
        "steps": _steps(trials, protocol, fold, learnt["steps"]),
        "early stopping": _early_stopping(trials, protocol, fold, fitted_on, watched),
    }
    if recordings := learnt.get("recordings"):
        checks["recordings of encoders"] = _recordings(trials, fold, recordings)
    if len(fold.unlabelled):
        checks["label budget"] = _label_budget(trials, fold, fitted_on, watched)
    return [Finding(check, protocol.name, fold.name, *found, model) for check, found in checks.items()]


def _label_budget(trials, fold, fitted_on, watched):
    """No label is learnt from or watched that the protocol keeps from the model; steps may learn from such trials."""
    unlabelled = trials.ids[fold.unlabelled]
    beyond = unlabelled[np.isin(unlabelled, [*fitted_on, *watched])]
    if len(beyond):
        return "leak", f"the labels of {_first(beyond)} were learnt from or watched, and are beyond the budget"
    return "ok", f"no label of the {len(fold.unlabelled)} unlabelled trials was learnt from or watched"


def _recordings(trials, fold, recordings):
    """Whether an encoder has learnt from a tested recording, whatever it and its subject were called then."""
    tested = trials[fold.test]
    known = frozenset(recordings)
    seen = tested.ids[[bool(own & known) for own in recording_digests(tested)]]
    if len(seen):
        return "leak", f"an encoder has learnt from the recordings {_first(seen)}, which are tested"
    return "ok", "no tested recording is among those that an encoder has learnt from"


def _early_stopping(trials, protocol, fold, fitted_on, watched):
    if not len(watched):
        return "ok", "nothing was watched: a fixed number of epochs, or a model without any"
    verdict, detail = _reach(trials, protocol, fold, watched)
    learnt, seen = (np.flatnonzero(trials.table["trial"].isin(ids)) for ids in (fitted_on, watched))
    return _worst([(verdict, f"watched {detail}"), *_inner(_Table(trials), protocol, learnt, seen)])


def _reach(trials, protocol, fold, ids, subjects=()):
    """How near some trials come to the tested ones: a verdict, and the trials in words."""
    ids = list(dict.fromkeys(ids))
    known = trials.table[trials.table["trial"].isin(ids)]
    tested = trials.table.iloc[fold.test]
    near = {"trial": "which are tested", "walk": "of a tested walk"}
    near |= {column: f"of a tested {column}" for column in protocol.claim.disjoint}
    for unit, words in near.items():
        both = known[known[unit].isin(tested[unit])]
        if len(both):
            return "leak", f"trials {_first(both['trial'])}, {words}"
    if "subject" in protocol.claim.disjoint and (both := sorted(set(subjects) & set(tested["subject"]))):
        return "leak", f"recordings of {_first(both)}, who is tested, under other ids"
    if strangers := sorted(set(ids) - set(known["trial"])):
        return "unseen", f"trials that are not among these, so nobody knows whose they are: {_first(strangers)}"
    subjects = known["subject"].nunique()
    return "ok", f"{len(known)} trials of {subjects} subject{'s' * (subjects != 1)}, none of them tested"


def _rest(fold) -> np.ndarray:
    """The training side: what may be learnt from or watched, with labels or without."""
    return np.concatenate([fold.train, fold.validation, fold.unlabelled])


def _worst(found):
    return min(found, key=lambda f: VERDICTS.index(f[0]))


def _first(names, n=3) -> str:
    names = list(dict.fromkeys(names))
    shown = ", ".join(str(name) for name in names[:n])
    return shown if len(names) <= n else f"{shown} and {len(names) - n} more"
