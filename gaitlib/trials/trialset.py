"""TrialSet: the one data container. One table row a trial, one array a trial and modality."""

import hashlib
import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd

from gaitlib.errors import GaitDataError
from gaitlib.targets import Target, as_labels
from gaitlib.trials.checks import make_modality
from gaitlib.trials.columns import TABLE_COLUMNS, make_table
from gaitlib.trials.modality import Modality


@dataclass(frozen=True)
class HistoryEntry:
    """One step that a TrialSet went through and, if the step learns, the trials and the people it had learnt from.

    ``step`` is the name of its class, its settings and their digest.
    """

    step: str
    fitted_on: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class TrialSet:
    """Walking trials of several subjects in one or more modalities.

    Make one with :func:`gaitlib.load_trials`, :meth:`TrialSet.from_arrays` or
    :func:`gaitlib.synthetic_trials`. ``trials[index]`` takes a part (a number, slice, list, index array
    or mask); arrays and table rows cannot separate.

    Attributes
    ----------
    table : pandas.DataFrame
        One row a trial: ``trial`` (id), ``subject``, ``walk``, ``label``, ``source``, then further targets.
    modalities : dict of str to Modality
    name : str
        What the data are, for titles ("synthetic" where they are).
    history : tuple of HistoryEntry
        Every step applied, with the trials it was fitted on.
    report : LoadReport or None
        What the loader repaired, skipped or ignored.
    kinds : dict of str to (str, str)
        Kind and unit of the columns that are targets (:class:`gaitlib.targets.Target`); "label" is always a class.

    Examples
    --------
    >>> import numpy as np
    >>> emg = [np.random.default_rng(0).normal(size=(50, 2)) for _ in range(4)]
    >>> trials = TrialSet.from_arrays({"emg": emg}, channels=["soleus", "tibialis"], rate_hz=100,
    ...                               subject=["a", "a", "b", "b"], label=["slow", "fast"] * 2)
    >>> trials
    TrialSet 'my data': 4 trials, 4 walks, 2 subjects, 2 classes (fast, slow); emg (2 channels)
    >>> trials[trials.subjects == "b"].labels.tolist()
    ['slow', 'fast']
    """

    table: pd.DataFrame
    modalities: Mapping[str, Modality]
    name: str = "my data"
    history: tuple[HistoryEntry, ...] = ()
    report: object = field(default=None, repr=False)
    kinds: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    def __post_init__(self):
        missing = [c for c in TABLE_COLUMNS if c not in self.table]
        if missing:
            raise GaitDataError(f"the trial table lacks the columns {missing}")
        for name, modality in self.modalities.items():
            if len(modality.values) != len(self.table):
                raise GaitDataError(f"modality '{name}' has {len(modality.values)} trials, not {len(self.table)}")
        if lost := [name for name in self.kinds if name not in self.table]:
            raise GaitDataError(f"the trial table lacks the target '{lost[0]}'")

    # -- making ------------------------------------------------------------------------------------------

    @classmethod
    def from_arrays(
        cls,
        arrays: Mapping[str, Sequence],
        *,
        subject: Sequence,
        label: Sequence | None = None,
        walk: Sequence | None = None,
        channels=None,
        rate_hz=None,
        time_s=None,
        unit=None,
        kind=None,
        targets: Mapping[str, Sequence | Target] | None = None,
        trial: Sequence[str] | None = None,
        name: str = "my data",
        if_alike: str = "refuse",
    ) -> "TrialSet":
        """Make a TrialSet from your own arrays.

        Parameters
        ----------
        arrays : dict of str to sequence of array
            Any modality names; one array (or None) a trial: (frames, channels) for a sequence,
            (rows, columns) for an image, (channels,) for static values. They are copied. The columns of DataFrames give
            the channels, in any order.
        subject : sequence, length n_trials
            Who walked. Never leave it out: every honest split needs it.
        label : sequence, optional
            The class of each trial; None or NaN where unknown. Labels become text, and those that are equal as numbers
            are one class.
        walk : sequence, optional
            The physical event, within a subject; trials of one walk are never split. Default: each its own.
        channels, rate_hz, time_s, unit, kind : optional
            For a single modality the value itself, for several a dict by modality name. ``rate_hz`` is a number,
            ``time_s`` one array of seconds a trial (it wins over ``rate_hz``), ``kind`` defaults to "static" for
            1-D and "sequence" for 2-D arrays.
        targets : dict of str to Target or sequence, optional
            What else is to be told of each trial, each with its kind (:class:`gaitlib.targets.Target`). Plain sequences
            become further columns of the table, such as a clinic or an age.
        trial : sequence of str, optional
            Unique ids.
        if_alike : {"refuse", "join", "apart"}
            What becomes of subjects (and walks of one subject) whose ids differ only in the way they are written, such
            as "S01", "s1 " and "S1": an error, one person, or several.

        Raises
        ------
        GaitDataError
            Where lengths, shapes, types or ids do not fit, naming modality and trial.
        """
        if not isinstance(arrays, Mapping) or not arrays:
            raise GaitDataError('give the arrays by modality name, as in {"emg": [array, array, ...]}')
        table = make_table(subject, walk, label, targets, trial, if_alike)

        def option(given, modality):
            if isinstance(given, Mapping):
                unknown = [name for name in given if name not in arrays]
                if unknown:
                    raise GaitDataError(f"an option is for modality '{unknown[0]}'; there are {', '.join(arrays)}")
                return given.get(modality)
            if given is not None and len(arrays) > 1:
                raise GaitDataError("with several modalities, give channels, rate_hz, ... as a dict by modality")
            return given

        modalities = {
            m: make_modality(m, values, table["trial"].to_numpy(), *(
                option(given, m) for given in (channels, rate_hz, time_s, unit, kind)))
            for m, values in arrays.items()
        }  # fmt: skip
        kinds = {n: (t.kind, t.unit) for n, t in (targets or {}).items() if isinstance(t, Target)}
        return cls(table, modalities, name, kinds=kinds)

    def with_modality(self, name: str, modality: Modality) -> "TrialSet":
        """A copy in which a modality is replaced or added."""
        return replace(self, modalities={**self.modalities, name: modality})

    def labelled_by(self, column: str) -> "TrialSet":
        """The same trials with another column of the table as their label; the name says so.

        Parameters
        ----------
        column : str
            As "subject", to tell who walks. Its values become text; a missing one is a missing label.

        Raises
        ------
        GaitDataError
            If the table has no such column.

        Examples
        --------
        >>> import numpy as np
        >>> trials = TrialSet.from_arrays({"emg": [np.ones((50, 1))] * 2}, subject=["a", "b"], label=["slow"] * 2)
        >>> trials.labelled_by("subject").labels.tolist()
        ['a', 'b']
        """
        if column not in self.table:
            raise GaitDataError(f"no column '{column}' to label the trials by; there are {', '.join(self.table)}")
        labels = [None if pd.isna(value) else str(value) for value in self.table[column]]
        return replace(self, table=self.table.assign(label=labels), name=f"{self.name}, labelled by {column}")

    def with_target(self, name: str, target: Target) -> "TrialSet":
        """A copy with a target added or replaced.

        Raises
        ------
        GaitDataError
            If the name is that of another column, or the values do not fit.
        """
        if name in self.table and name not in self.kinds:
            raise GaitDataError(
                f"the trial table has a column '{name}' that is no target; give the target another name"
            )
        values = make_table(self.subjects, None, None, {name: target}, self.ids, "apart")[name]
        kinds = {**self.kinds, name: (target.kind, target.unit)}
        return replace(self, table=self.table.assign(**{name: values}), kinds=kinds)

    def judged_by(self, name: str) -> "TrialSet":
        """The same trials with the classes of a target as their labels; without labels where it is continuous.

        So that folds are stratified, and confounders sought, by what a model is to tell first.
        """
        if name == "label":
            return self
        return replace(self, table=self.table.assign(label=as_labels(name, self.target(name))))

    def with_history(self, entry: HistoryEntry) -> "TrialSet":
        return replace(self, history=(*self.history, entry))

    # -- reading -----------------------------------------------------------------------------------------

    @property
    def shape(self) -> tuple[int]:
        return (len(self.table),)

    def __len__(self) -> int:
        return len(self.table)

    def __getitem__(self, index) -> "TrialSet":
        if isinstance(index, tuple):  # scikit-learn indexes with (index, ...)
            if len(index) != 2 or index[1] is not Ellipsis:
                raise IndexError("trials have one axis: use trials[index]")
            index = index[0]
        index = np.arange(len(self))[index]
        index = np.atleast_1d(index)
        table = self.table.iloc[index].reset_index(drop=True)
        return replace(self, table=table, modalities={m: v.take(index) for m, v in self.modalities.items()})

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    def _column(self, name) -> np.ndarray:
        return self.table[name].to_numpy(dtype=object)

    @property
    def ids(self) -> np.ndarray:
        return self._column("trial")

    @property
    def subjects(self) -> np.ndarray:
        return self._column("subject")

    @property
    def walks(self) -> np.ndarray:
        return self._column("walk")

    @property
    def labels(self) -> np.ndarray:
        return self._column("label")

    @property
    def classes(self) -> list[str]:
        return sorted(self.table["label"].dropna().unique())

    @property
    def targets(self) -> dict[str, Target]:
        """All that can be told of these trials: the label, where one is known, and every target."""
        names = (["label"] if self.table["label"].notna().any() else []) + list(self.kinds)
        return {name: self.target(name) for name in names}

    def target(self, name: str) -> Target:
        """A target by name; the error lists those that there are."""
        if name == "label":
            return Target("class", self.labels)
        if name not in self.kinds:
            known = ", ".join(["label", *self.kinds])
            column = f"; the column '{name}' has no kind: give it as Target(kind, values)" if name in self.table else ""
            raise GaitDataError(f"no target '{name}' here; there are {known}{column}")
        kind, unit = self.kinds[name]
        return Target(kind, self._column(name) if kind == "class" else self.table[name].to_numpy(dtype=float), unit)

    def modality(self, name: str) -> Modality:
        """A modality by name; the error lists those that there are."""
        try:
            return self.modalities[name]
        except KeyError:
            raise GaitDataError(f"no modality '{name}' here; there are {', '.join(self.modalities)}") from None

    def describe(self) -> pd.DataFrame:
        """One row a modality: kind, channels, unit, trials that have it, frames and frame rate."""
        rows = {}
        for name, m in self.modalities.items():
            present = m.values[m.present()]
            row = {"kind": m.kind, "channels": len(m.channels), "unit": m.unit, "trials": len(present)}
            if m.kind == "sequence" and len(present):
                lengths = [len(v) for v in present]
                steps = [np.median(np.diff(t)) for t in m.time_s[m.present()] if t is not None and len(t) > 1]
                row |= {
                    "frames (min)": min(lengths),
                    "frames (median)": int(np.median(lengths)),
                    "frames (max)": max(lengths),
                    "rate (Hz)": round(1 / np.median(steps), 1) if steps else np.nan,
                    "slowest (Hz)": round(1 / np.max(steps), 1) if steps else np.nan,
                    "fastest (Hz)": round(1 / np.min(steps), 1) if steps else np.nan,
                }
            rows[name] = row
        return pd.DataFrame.from_dict(rows, orient="index")

    def counts(self) -> pd.DataFrame:
        """Trials of every subject in every class."""
        return pd.crosstab(self.table["subject"], self.table["label"])

    def __repr__(self) -> str:
        walks, subjects = self.table["walk"].nunique(), self.table["subject"].nunique()
        parts = ", ".join(f"{m} ({len(v.channels)} channels)" for m, v in self.modalities.items())
        classes = f"{len(self.classes)} classes ({', '.join(self.classes)})" if self.classes else "no labels"
        told = [f"{name} ({kind}{f', {unit}' if unit else ''})" for name, (kind, unit) in self.kinds.items()]
        classes += "".join(f", {target}" for target in told)
        return f"TrialSet '{self.name}': {len(self)} trials, {walks} walks, {subjects} subjects, {classes}; {parts}"

    def _repr_html_(self) -> str:
        first = self.table.drop(columns="source").head(5).to_html(index=False)
        return f"<p>{html.escape(repr(self))}</p>{first}{self.describe().to_html()}"

    def digest(self) -> str:
        """A hash of everything that a result can depend on: arrays, times, table, channels, history."""
        h = hashlib.blake2b(digest_size=16)
        columns = [c for c in self.table if c != "source"]
        h.update(self.table[columns].to_json(orient="split", double_precision=15).encode())
        h.update(repr(self.history).encode())
        if self.kinds:
            h.update(repr(sorted(self.kinds.items())).encode())
        for name, m in sorted(self.modalities.items()):
            h.update(repr((name, m.kind, m.channels, m.unit, m.max_frames)).encode())
            for column in (m.values, m.time_s, m.frames):
                for array in () if column is None else column:
                    h.update(b"-" if array is None else repr(array.shape).encode())
                    if array is not None:
                        h.update(np.ascontiguousarray(array))
        return h.hexdigest()

    # -- one file ----------------------------------------------------------------------------------------

    def save(self, path) -> Path:
        """Write everything to one ``.npz`` file: :func:`gaitlib.trials.file.write_trials`."""
        from gaitlib.trials.file import write_trials  # late: it knows this class

        return write_trials(self, path)

    @classmethod
    def load(cls, path) -> "TrialSet":
        """Read a file written by :meth:`save`: :func:`gaitlib.trials.file.read_trials`."""
        from gaitlib.trials.file import read_trials

        return read_trials(path)
