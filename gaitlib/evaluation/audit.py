"""A receipt on leakage: whether anything of the tested walks or people could have reached what was learnt."""

import html
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from gaitlib.errors import GaitDataError
from gaitlib.evaluation.duplicates import Copies
from gaitlib.evaluation.protocols import NEW_PERSON

VERDICTS = ("leak", "suspect", "unseen", "ok")  # the worst first

CANNOT_SEE = (
    "a builder or step of your own that loads weights, statistics or labels from a file",
    "one person under two names, where the recordings differ",
    "recordings that were both cut and changed, or that resemble each other for another reason",
    "steps outside gaitlib, before the trials were loaded",
    "models, settings, subjects or classes chosen by looking at these test results",
    "labels that follow from the recordings or from predictions, and whatever stands for the label in the data",
)

REMEDIES = {
    "subjects": "keep all trials of a subject on one side; use a protocol of gaitlib",
    "walks": "keep all trials of a walk on one side; use a protocol of gaitlib",
    "validation": "cut validation by whole subjects or walks, as the protocols of gaitlib do",
    "copies": "remove the copies, or give trials of one recording the same walk and subject",
    "near copies": "look at these pairs; remove copies, or give trials of one recording the same walk and subject",
    "recording files": "give trials of one recording the same walk and subject",
    "earlier steps": "give the raw trials and put that step into GaitClassifier(steps=...)",
    "steps": "fit the step inside the fold: give it unfitted in GaitClassifier(steps=...)",
    "model": "train the model inside the fold, from nothing that has seen the tested walks or people",
    "early stopping": "watch trials of the training side that are not learnt from, or a fixed number of epochs",
}


@dataclass(frozen=True)
class Finding:
    """What one check found.

    Attributes
    ----------
    check, protocol, fold : str
        ``fold`` is empty where the finding is about all folds.
    verdict : {"ok", "leak", "suspect", "unseen"}
        "suspect" may be a leak: look; "unseen": the audit cannot know.
    detail : str
    model : str
        Empty where the finding is about the split.
    """

    check: str
    protocol: str
    fold: str
    verdict: str
    detail: str
    model: str = ""

    @property
    def place(self) -> str:
        """The fold, in words."""
        return f"fold {self.fold}" if self.fold else "all folds"


@dataclass(frozen=True, repr=False)
class Receipt:
    """What an audit found, and what it cannot see.

    Attributes
    ----------
    findings : list of Finding
    data : str
        Name of the data.
    """

    findings: list[Finding]
    data: str

    @property
    def leaks(self) -> list[Finding]:
        """The findings that are leaks."""
        return [finding for finding in self.findings if finding.verdict == "leak"]

    def table(self) -> pd.DataFrame:
        """One row a check and protocol: its worst verdict, where, and the first such finding in words."""
        rows = {}
        for finding in self.findings:
            rows.setdefault((finding.protocol, finding.check), []).append(finding)
        table = []
        for (protocol, check), found in rows.items():
            worst = min((f.verdict for f in found), key=VERDICTS.index)
            of_worst = [f for f in found if f.verdict == worst]
            if worst == "ok":  # what most was looked at, not the model that has no such part
                of_worst.sort(key=lambda f: len(f.detail), reverse=True)
            places = list(dict.fromkeys(f.place for f in of_worst))
            more = f" and {len(places) - 1} more" if len(places) > 1 else ""
            table.append({
                "data": self.data,
                "protocol": protocol,
                "check": check,
                "verdict": worst,
                "where": places[0] + more,
                "detail": of_worst[0].detail,
            })  # fmt: skip
        return pd.DataFrame(table, columns=["data", "protocol", "check", "verdict", "where", "detail"])

    def raise_leaks(self) -> None:
        """Refuse leaks.

        Raises
        ------
        GaitDataError
            Names check, protocol, fold and the first trials of the first leak, and says what to do.
        """
        if self.leaks:
            first, more = self.leaks[0], len(self.leaks) - 1
            place = ", ".join(part for part in (first.model, first.protocol, first.place) if part)
            rest = f" ({more} more leak{'s' * (more > 1)}: see the receipt)" if more else ""
            raise GaitDataError(f"{place}: {first.check}: {first.detail}; {REMEDIES[first.check]}{rest}")

    def to_dict(self) -> dict:
        """As JSON can hold it."""
        return {"data": self.data, "findings": [asdict(finding) for finding in self.findings]}

    @classmethod
    def from_dict(cls, kept: dict) -> "Receipt":
        """The receipt that :meth:`to_dict` gave."""
        return cls([Finding(**finding) for finding in kept["findings"]], kept["data"])

    def __str__(self) -> str:
        lines = [f"Audit of {self.data}: {self._verdict()}"]
        for protocol, rows in self.table().groupby("protocol", sort=False):
            lines += ["", protocol]
            for row in rows.itertuples():
                lines.append(f"  {row.verdict:<8} {row.check}: {row.detail} [{row.where}]")
        return "\n".join([*lines, "", "What it cannot see:", *(f"  - {thing}" for thing in CANNOT_SEE)])

    __repr__ = __str__

    def brief(self) -> str:
        """The verdict in one line, and every finding that is not well."""
        table = self.table()
        bad = table[table["verdict"].isin(["leak", "suspect"])]
        lines = [f"  {r.verdict:<8} {r.protocol}, {r.check}: {r.detail} [{r.where}]" for r in bad.itertuples()]
        more = f"{len(table)} checks; runs.audit() shows them, and what no check can see"
        return "\n".join([f"Audit of {self.data}: {self._verdict()} ({more})", *lines])

    def _repr_html_(self) -> str:
        table = self.table().drop(columns="data").to_html(index=False)
        unseen = "".join(f"<li>{thing}</li>" for thing in CANNOT_SEE)
        title = html.escape(f"Audit of {self.data}: {self._verdict()}")
        return f"<p>{title}</p>{table}<p>What it cannot see:</p><ul>{unseen}</ul>"

    def _verdict(self) -> str:
        n = len(self.leaks)
        return "no leak found" if n == 0 else "1 leak" if n == 1 else f"{n} leaks"


# -- before training -------------------------------------------------------------------------------------


def audit_split(trials, protocol, folds, copies: Copies) -> list[Finding]:
    """Check the folds of a protocol before anything is trained.

    Parameters
    ----------
    trials : TrialSet
    protocol : Protocol
    folds : list of Fold
    copies : Copies
        From :func:`gaitlib.evaluation.duplicates.find_copies` of these trials.

    Returns
    -------
    list of Finding
        For each fold: whether subjects and walks stand apart, also in validation; whether trials with the same or
        nearly the same content, or of the same file, stand on both sides; whether a step that the trials have been
        through (their history) had learnt from what is tested.
    """
    unjudged = [
        Finding(f"near copies of {name}", protocol.name, "", "unseen", reason)
        for name, reason in copies.near.attrs.get("not_judged", {}).items()
    ]
    findings = []
    for fold in folds:
        checks = {
            "subjects": _subjects(trials, protocol, fold),
            "walks": _apart(trials, "walk", fold.test, _rest(fold), "tested and learnt from or watched"),
            "validation": _validation(trials, protocol, fold),
            "copies": _copies(trials, fold, copies.shared),
            "near copies": _near_copies(trials, fold, copies),
            "recording files": _files(trials, fold),
            "earlier steps": _steps(trials, protocol, fold, [(e.step, e.fitted_on) for e in trials.history]),
        }
        findings += [Finding(check, protocol.name, fold.name, *found) for check, found in checks.items()]
    return findings + unjudged


def _subjects(trials, protocol, fold):
    if protocol.claim != NEW_PERSON:
        return "ok", f"subjects may stand on both sides: the claim is {protocol.claim}"
    return _apart(trials, "subject", fold.test, _rest(fold), "tested and learnt from or watched")


def _validation(trials, protocol, fold):
    if not len(fold.validation):
        return "ok", "no trials are held back to stop training"
    return _worst(_inner(trials, protocol, fold.train, fold.validation))


def _inner(trials, protocol, learnt, watched):
    """No walk is both learnt from and watched, nor what the protocol keeps whole besides."""
    units = dict.fromkeys([protocol.unit, "walk"])
    return [_apart(trials, unit, learnt, watched, "learnt from and watched") for unit in units]


def _apart(trials, unit, these, those, how):
    ours, others = trials.table.iloc[these], trials.table.iloc[those]
    both = ours[ours[unit].isin(others[unit])]
    if len(both):
        return "leak", f"{unit} {_first(both[unit])} both {how}, with trials {_first(both['trial'])}"
    return "ok", f"no {unit} is both {how}"


def _copies(trials, fold, shared):
    across = _across(trials, fold, shared)
    if across.empty:
        return "ok", "no tested trial holds the numbers of a trial of the other side"
    pairs = [f"{r.trial} and {r.other} ({r.modality}, {r.share:.0%} of the shorter)" for r in across.itertuples()]
    return "leak", f"the same recording on both sides: {_first(pairs)}"


def _near_copies(trials, fold, copies):
    same = set(zip(copies.shared["trial"], copies.shared["other"], strict=True))
    new = [pair not in same for pair in zip(copies.near["trial"], copies.near["other"], strict=True)]
    across = _across(trials, fold, copies.near[np.array(new, dtype=bool)])
    if across.empty:
        return "ok", "no tested trial is too like a trial of the other side to be another recording"
    pairs = [f"{r.trial} and {r.other} ({r.modality}, ratio {r.ratio:.3f})" for r in across.itertuples()]
    return "suspect", f"too alike to be two recordings, on both sides: {_first(pairs)}"


def _across(trials, fold, pairs) -> pd.DataFrame:
    """The pairs of which one trial is tested and the other is not."""
    tested, rest = set(trials.ids[fold.test]), set(trials.ids[_rest(fold)])
    a, b = pairs["trial"], pairs["other"]
    return pairs[(a.isin(tested) & b.isin(rest)) | (a.isin(rest) & b.isin(tested))]


def _files(trials, fold):
    """A file of three subjects or more, or of all, is a table of recordings; any other may be one recording."""
    table = trials.table[trials.table["source"] != ""]
    subjects = table.groupby("source")["subject"].nunique()
    single = set(subjects.index[(subjects <= 2) & (subjects < max(2, trials.table["subject"].nunique()))])
    tested, rest = (set(trials.table["source"].iloc[part]) for part in (fold.test, _rest(fold)))
    if both := sorted(tested & rest & single):
        return "suspect", f"trials of one file on both sides, perhaps of one recording: {_first(both)}"
    return "ok", "no recording file on both sides" if len(table) else "the trials name no files"


def _steps(trials, protocol, fold, steps):
    """Whether steps, as pairs of a label and the ids they were fitted on, had learnt from what is tested."""
    found = []
    for label, ids in steps:
        if len(ids):
            verdict, detail = _reach(trials, protocol, fold, ids)
            found.append((verdict, f"{label} was fitted on {detail}"))
    if not found:
        return "ok", "none that learns"
    return _worst([("ok", f"{len(found)} that learnt, none from what is tested"), *found])


# -- after training --------------------------------------------------------------------------------------


def audit_learnt(trials, protocol, fold, learnt: dict, model: str = "") -> list[Finding]:
    """Check what a fitted classifier says that it learnt from.

    Parameters
    ----------
    trials : TrialSet
    protocol : Protocol
    fold : Fold
    learnt : dict
        ``fitted_on`` and ``watched`` (trial ids) and ``steps`` (pairs of a label and the ids it was fitted on; also
        encoders that were trained before).
    model : str
        Its name, for the findings.

    Returns
    -------
    list of Finding
        On the model, its steps, and early stopping.
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
    return [Finding(check, protocol.name, fold.name, *found, model) for check, found in checks.items()]


def _early_stopping(trials, protocol, fold, fitted_on, watched):
    if not len(watched):
        return "ok", "nothing was watched: a fixed number of epochs, or a model without any"
    verdict, detail = _reach(trials, protocol, fold, watched)
    learnt, seen = (np.flatnonzero(trials.table["trial"].isin(ids)) for ids in (fitted_on, watched))
    return _worst([(verdict, f"watched {detail}"), *_inner(trials, protocol, learnt, seen)])


def _reach(trials, protocol, fold, ids):
    """How near some trials come to the tested ones: a verdict, and the trials in words."""
    ids = list(dict.fromkeys(ids))
    known = trials.table[trials.table["trial"].isin(ids)]
    tested = trials.table.iloc[fold.test]
    near = {"trial": "which are tested", "walk": "of a tested walk"}
    if protocol.claim == NEW_PERSON:
        near["subject"] = "of a tested subject"
    for unit, words in near.items():
        both = known[known[unit].isin(tested[unit])]
        if len(both):
            return "leak", f"trials {_first(both['trial'])}, {words}"
    if strangers := sorted(set(ids) - set(known["trial"])):
        return "unseen", f"trials that are not among these, so nobody knows whose they are: {_first(strangers)}"
    subjects = known["subject"].nunique()
    return "ok", f"{len(known)} trials of {subjects} subject{'s' * (subjects != 1)}, none of them tested"


# -- helpers ---------------------------------------------------------------------------------------------


def _rest(fold) -> np.ndarray:
    return np.concatenate([fold.train, fold.validation])


def _worst(found):
    return min(found, key=lambda f: VERDICTS.index(f[0]))


def _first(names, n=3) -> str:
    names = list(dict.fromkeys(names))
    shown = ", ".join(str(name) for name in names[:n])
    return shown if len(names) <= n else f"{shown} and {len(names) - n} more"
