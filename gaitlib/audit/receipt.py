"""What an audit found, and what it cannot see."""

import html
from dataclasses import asdict, dataclass

import pandas as pd

from gaitlib.errors import GaitDataError

VERDICTS = ("leak", "suspect", "unseen", "ok")  # the worst first
CANNOT_SEE = (
    "a builder or step of your own that loads weights, statistics or labels from a file",
    "one person under two names, where the recordings differ",
    "copies that were both cut and changed, smoothed until steps lose their shape, warped in time, differentiated (as "
    "velocities), mixed with other recordings, or repeat themselves so well that two recordings may be the same",
    "steps outside gaitlib, before the trials were loaded",
    "models, settings, subjects or classes chosen by looking at these test results",
    "labels that follow from the recordings or from predictions, and whatever stands for the label in the data",
)


REMEDIES = {
    "subjects": "keep all trials of a subject on one side; use a protocol of gaitlib",
    "walks": "keep all trials of a walk on one side; use a protocol of gaitlib",
    "groups": "keep all trials of a group on one side; use LeaveOneGroupOut or GroupKFold of gaitlib",
    "validation": "cut validation by whole subjects or walks, as the protocols of gaitlib do",
    "copies": "remove the copies, or give trials of one recording the same walk and subject",
    "near copies": "look at these pairs; remove copies, or give trials of one recording the same walk and subject",
    "labels": "look at these trials and give one recording one label",
    "recording files": "give trials of one recording the same walk and subject",
    "earlier steps": "give the raw trials and put that step into GaitClassifier(steps=...)",
    "steps": "fit the step inside the fold: give it unfitted in GaitClassifier(steps=...)",
    "model": "train the model inside the fold, from nothing that has seen the tested walks or people",
    "label budget": "learn from the labels of the fold's training trials only; the others are for steps that need none",
    "recordings": "pretrain the encoder without the tested people, or give it unfitted: it then learns inside the fold",
    "thresholds": "take the threshold from the fold's validation predictions, or leave it at 0.5",
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
            remedy = REMEDIES[first.check.split(" of ")[0]]  # "groups of dataset"
            rest = f" ({more} more leak{'s' * (more > 1)}: see the receipt)" if more else ""
            raise GaitDataError(f"{place}: {first.check}: {first.detail}; {remedy}{rest}")

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
