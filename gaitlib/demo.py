"""Look at single predictions in a notebook: choose a trial, see what a model that never saw the subject says."""

import io

import matplotlib.pyplot as plt
import pandas as pd

from gaitlib.errors import GaitDataError
from gaitlib.explain.one_trial import prediction
from gaitlib.plots.moving import moving_stick_figure
from gaitlib.plots.predictions import dashboard

DPI = 80
CHOICES = {"model": "model", "subject": "subject", "label": "gait", "trial": "trial"}
WITHOUT_KERNEL = "(Run this notebook to choose model, subject, gait and trial here.)"


class Demo:
    """The dashboard and the moving figure of a trial that is chosen from lists.

    The last line of a notebook cell shows it. The pictures are ordinary output: an executed notebook keeps them when
    it is exported, then of the first trial and without lists. Without ipywidgets there are no lists either.

    Parameters
    ----------
    runs : Runs
        With subject-disjoint runs; only trials tested there are offered.
    trials : TrialSet
        The raw trials of the benchmark.
    model : str, optional
        Offer this model only.

    Attributes
    ----------
    offered : pandas.DataFrame
        ``model``, ``subject``, ``label`` and ``trial`` of every prediction that can be looked at.

    Raises
    ------
    GaitDataError
        If no trial was tested by a subject-disjoint run (of that model).
    """

    def __init__(self, runs, trials, model: str | None = None):
        runs.require_classes("probabilities to look at")
        honest = {(run.model, run.protocol) for run in runs.runs if run.on_new_people and model in (None, run.model)}
        tested = runs.predictions()
        chosen = pd.MultiIndex.from_frame(tested[["model", "protocol"]]).isin(honest) & tested["trial"].isin(trials.ids)
        self.offered = tested.loc[chosen, list(CHOICES)].drop_duplicates(ignore_index=True)
        if self.offered.empty:
            raise GaitDataError(
                f"no subject-disjoint run{f' of {model}' if model else ''} tested any of these trials; "
                "add LeaveOneSubjectOut() to the protocols"
            )
        self.runs = runs
        self.trials = trials

    def pictures(self, model: str, trial: str) -> tuple[bytes, object]:
        """The dashboard (PNG) and the moving figure of one trial.

        Parameters
        ----------
        model, trial : str
            As in ``offered``.

        Returns
        -------
        bytes, MovingFigure
        """
        one = self.trials[self.trials.ids == trial]
        figure, png = dashboard(prediction(self.runs, one, model)), io.BytesIO()
        figure.savefig(png, format="png", dpi=DPI)
        plt.close(figure)
        return png.getvalue(), moving_stick_figure(one)

    def _ipython_display_(self):
        from IPython.display import Image, display

        pictures = []

        def show(model, trial):
            png, moving = self.pictures(model, trial)
            for picture, new in zip(pictures, (Image(png), moving), strict=True):
                picture.update(new)

        _display_lists(self.offered, show)
        png, moving = self.pictures(*self.offered.loc[0, ["model", "trial"]])
        pictures += [display(each, display_id=True) for each in (Image(png), moving)]

    def __repr__(self) -> str:
        models, subjects, trials = (self.offered[c].unique() for c in ("model", "subject", "trial"))
        return f"Demo: {len(trials)} trials of {len(subjects)} subjects, seen by {', '.join(models)} for the first time"


def _display_lists(offered, show) -> None:
    """Drop-down lists, where there is ipywidgets: each offers what those before it leave; ``show`` gets the choice."""
    try:
        import ipywidgets
    except ImportError:
        return
    from IPython.display import display

    lists = {column: ipywidgets.Dropdown(description=name) for column, name in CHOICES.items()}

    def choose(change=None):
        rows = offered
        for column, box in lists.items():
            options, kept = tuple(rows[column].unique()), box.value
            if options != box.options:
                if change is not None:
                    box.unobserve(choose, "value")  # one choice is shown once, not once a list
                box.options = options
                box.value = kept if kept in options else options[0]
                box.observe(choose, "value")
            rows = rows[rows[column] == box.value]
        if change is not None:
            show(lists["model"].value, lists["trial"].value)

    choose()
    bundle = ipywidgets.HBox(list(lists.values()))._repr_mimebundle_()
    display(bundle | {"text/plain": WITHOUT_KERNEL}, raw=True)
