"""Networks that learnt from recordings without labels, the steps they need, and whose recordings these were."""

import warnings
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from gaitlib import saving
from gaitlib.encoders import networks
from gaitlib.encoders.contents import check_contents
from gaitlib.encoders.origins import whereabouts
from gaitlib.errors import GaitDataError
from gaitlib.models import Builder
from gaitlib.preprocessing import Crop, Frames, Tensors
from gaitlib.preprocessing.step import sequence
from gaitlib.protocols.validation import cut_validation
from gaitlib.training.checkpoints import Checkpoints
from gaitlib.training.pretraining import Pretraining, pretrain_network
from gaitlib.training.window_batches import WATCHED
from gaitlib.trials import TrialSet
from gaitlib.trials.alignment import aligned, of_any_rate, recorded
from gaitlib.trials.digests import recording_digests

FILE = "encoder"
AT_ONCE = 256  # windows


class Encoder(BaseEstimator):
    """A network that turns a stretch of a recording into features, learnt without labels.

    Not fitted, it is a plan: :class:`Encode` and ``Training(start=...)`` then let it learn inside each fold, from its
    training and unlabelled trials. Fitted, it stays as it is (``sklearn.base.clone`` returns it), and all that uses it
    tells the audit whom it has learnt from.

    Parameters
    ----------
    model : str or Builder
        "masked_autoencoder" or "autoencoder".
    steps : Pipeline or sequence of Step, optional
        From recordings to the sequence that is read, without scaling and windows. Default: those of
        :func:`gaitlib.recipes.signal_steps`. An empty list takes trials as they come.
    modality : str, optional
        The sequence that is read; default the only one after the steps.
    frames : int or None
        Length of a window; None takes sequences whole, as a step before has cut them.
    hop : int, optional
        Frames from one window to the next where features are told; default half a window.
    pretraining : Pretraining, optional
    seed : int
    store : str, optional
        A folder for checkpoints and the finished encoder, by the key of data and settings: a killed training goes on
        from there, to the same weights, and the same plan is not learnt twice.
    progress : bool

    Attributes
    ----------
    fitted_on_, fitted_subjects_ : tuple of str
        Ids of the trials that it learnt from or watched, and whose they are.
    recordings_ : tuple of str
        Digests of their recordings, which tell them under any name.
    learnt_ : dict
        ``datasets``, ``places`` and ``rates_hz`` of these, where known.
    history_ : dict of str to list
        One number an epoch.
    shape_, weights_, steps_, scaler_, recorded_
        What it needs to work.
    """

    def __init__(
        self,
        model="masked_autoencoder",
        steps=None,
        modality=None,
        frames=128,
        hop=None,
        pretraining=None,
        seed=0,
        store=None,
        progress=False,
    ):
        self.model = model
        self.steps = steps
        self.modality = modality
        self.frames = frames
        self.hop = hop
        self.pretraining = pretraining
        self.seed = seed
        self.store = store
        self.progress = progress

    def __sklearn_clone__(self):
        if self.fitted:
            return self
        return type(self)(**{name: clone(value, safe=False) for name, value in self.get_params(deep=False).items()})

    def get_params(self, deep=True):
        """As in scikit-learn; a fitted encoder has none that could be set."""
        return {} if deep and self.fitted else super().get_params(deep)

    @property
    def fitted(self) -> bool:
        """Whether it has learnt."""
        return hasattr(self, "weights_")

    # -- learning ----------------------------------------------------------------------------------------

    def fit(self, trials: TrialSet, y=None) -> "Encoder":
        """Learn from recordings; labels are not looked at.

        Parameters
        ----------
        trials : TrialSet
        y : ignored

        Raises
        ------
        GaitDataError
            If there is no window to learn from, a setting means nothing, or the loss is no number.
        """
        settings = self.pretraining or Pretraining()
        settings.check()
        trials = _without_labels(trials[np.argsort(trials.ids.astype(str), kind="stable")])
        folder = None if self.store is None else Path(self.store) / self._key(trials, settings)
        if folder is not None and (folder / f"{FILE}.json").exists():
            vars(self).update(vars(Encoder.load(folder)))
            return self
        steps = self._plan(trials)
        prepared, steps = _through(steps, trials)
        name = self._read_of(prepared)
        own, trials = (each[prepared.modality(name).present()] for each in (prepared, trials))
        if not len(own):
            raise GaitDataError(f"no trial has '{name}', so there is nothing to learn from")
        learnt, watched = _held_out(own, settings, self.seed)
        scaler = Frames(StandardScaler(), name).fit(own[learnt])
        keras.utils.set_random_seed(self.seed)
        builder, parts = self.builder(), (learnt, watched)
        if self.frames is None:
            scaled = scaler.transform(own)
            network, batches, seen = networks.whole_samples(builder, scaled, name, parts, settings, self.seed)
        else:
            network, batches, seen = networks.windows_of(
                builder, own, name, self.frames, parts, scaler, settings, self.seed
            )
        history = pretrain_network(
            networks.giving_back(network),
            batches,
            seen,
            settings,
            self.seed,
            jit=builder.jit,
            checkpoints=None if folder is None else Checkpoints(folder),
            progress=f"{builder.name}, no labels" if self.progress else None,
        )
        self.modality_, self.shape_ = name, tuple(network.inputs[0].shape[1:])
        self.steps_, self.scaler_ = steps, scaler
        self.weights_ = network.get_weights()
        self.history_ = history.to_dict(orient="list")
        self.recorded_ = of_any_rate(recorded(trials), [step for _, step in steps])
        self.fitted_on_ = tuple(dict.fromkeys(trials.ids))
        self.fitted_subjects_ = tuple(dict.fromkeys(trials.subjects))
        self.recordings_ = tuple(sorted(frozenset().union(*recording_digests(trials))))
        self.learnt_ = whereabouts(trials)
        self.store, self.progress = None, False  # of no meaning for what is learnt
        if folder is not None:
            self.save(folder)
            Checkpoints(folder).remove()
        return self

    def _key(self, trials, settings) -> str:
        plan = {**self.get_params(deep=False), "pretraining": settings}
        plan = {name: value for name, value in plan.items() if name not in ("store", "progress")}
        return saving.digest([trials.digest(), plan, keras.backend.backend(), keras.__version__])

    def builder(self) -> Builder:
        """The builder of the network."""
        return self.model if isinstance(self.model, Builder) else Builder(self.model)

    def _plan(self, trials) -> list:
        """The steps, not yet fitted, by their names."""
        if self.steps is None:
            from gaitlib.recipes import signal_steps  # late: the recipes name encoders, too

            return signal_steps(trials, self.modality)
        if isinstance(self.steps, Pipeline):
            return clone(self.steps).steps
        return [(type(step).__name__.lower(), clone(step)) for step in self.steps]

    def _read_of(self, prepared) -> str:
        names = [name for name, m in prepared.modalities.items() if m.kind == "sequence"]
        if self.modality is None and len(names) != 1:
            raise GaitDataError(f"an encoder reads one sequence, here are {', '.join(names) or 'none'}; give modality=")
        return names[0] if self.modality is None else self.modality

    # -- telling features --------------------------------------------------------------------------------

    def windows(self, trials: TrialSet) -> TrialSet:
        """The trials through the steps, scaled and cut: one entry a window, as the network reads them.

        Raises
        ------
        GaitDataError
            If nothing was learnt, or the trials have other channels, units or, where no step mends it, rates.
        """
        self._require_fitted()
        self._say_what_is_new(trials)
        trials = aligned(trials, self.recorded_)
        for _, step in self.steps_:
            trials = step.transform(trials)
        for _, step in self._windowing(self.modality_):
            trials = step.transform(trials)
        return self.scaler_.transform(trials)

    def encode(self, windows: TrialSet) -> np.ndarray:
        """Features (n, width) of what :meth:`windows` gave, one row an entry."""
        self._require_fitted()
        x, made = self._tensors(windows), networks.made(self)
        inputs = [x, networks.all_visible(made.network, len(x))] if networks.is_masked(made.network) else x
        return made.telling.predict(inputs, batch_size=AT_ONCE, verbose=0)

    def reconstruct(self, windows: TrialSet, seed=0) -> networks.Reconstruction:
        """Give windows back, of a masked autoencoder from the patches that are left visible.

        Where it learnt the shape of patches only (``compared_in="patch"``) it is told mean and SD of those hidden.

        Parameters
        ----------
        windows : TrialSet
            From :meth:`windows`.
        seed : int
            Of the patches that are hidden.
        """
        self._require_fitted()
        x, made, settings = self._tensors(windows), networks.made(self), self.pretraining or Pretraining()
        real = networks.real_frames(windows.modality(self.modality_), x.shape[1]) > 0
        inputs, hidden, mean, sd, straight = x, np.zeros_like(real), 0, 1, x
        weight = np.ones((len(x), 1))
        if networks.is_masked(made.network):
            masks = networks.masks_of(made.network, settings)
            inputs = [x, masks.draw(len(x), np.random.default_rng([seed, WATCHED]))]
            hidden = masks.hidden_frames(inputs[1]) & real
            mean, sd, weight = masks.compared(x, settings.compared_in)
            straight = networks.straight_lines(x, hidden)
        told = made.giving_back.predict(inputs, batch_size=AT_ONCE, verbose=0) * sd + mean
        return networks.Reconstruction(x, told, straight, hidden, real, windows.ids, weight[:, 0])

    def pipeline(self, trials: TrialSet) -> Pipeline:
        """The steps to the arrays that the network reads: as they were learnt, and frozen; or the plan of them.

        Parameters
        ----------
        trials : TrialSet
            For the plan, some that it could learn from.
        """
        if self.fitted:
            steps = [*self.steps_, ("scale", self.scaler_)]
            steps = [(name, FrozenEstimator(step)) for name, step in steps]
            name = self.modality_
        else:
            steps = self._plan(trials)
            name = self._read_of(_through([(n, clone(step)) for n, step in steps], trials[:1])[0])
            steps.append(("scale", Frames(StandardScaler(), name)))
        return Pipeline([*steps, *self._windowing(name), ("tensors", Tensors([name]))])

    def _windowing(self, name) -> list:
        if self.frames is None:
            return []
        return [("crop", Crop(self.frames, "sliding", self.hop or self.frames // 2, name))]

    def start(self, network) -> None:
        """Give a network what was learnt, layer by layer, by their names.

        Raises
        ------
        GaitDataError
            If a layer of the encoder has no layer of that name and shape there.
        """
        self._require_fitted()
        learnt = networks.made(self).telling
        there = {layer.name: layer for layer in network.layers}
        for layer in learnt.layers:
            if not layer.weights:
                continue
            other = there.get(layer.name)
            shapes = [None if one is None else [w.shape for w in one.weights] for one in (layer, other)]
            if shapes[0] != shapes[1]:
                found = "has no such layer" if other is None else f"has one of {shapes[1]}"
                raise GaitDataError(
                    f"the encoder's layer '{layer.name}' of {shapes[0]} finds no place: '{network.name}' {found}; "
                    "build it with the settings of the encoder"
                )
        for layer in learnt.layers:
            if layer.weights:
                there[layer.name].set_weights(layer.get_weights())

    def _tensors(self, windows) -> np.ndarray:
        m = sequence(windows, self.modality_)
        windows = windows.with_modality(self.modality_, replace(m, max_frames=self.shape_[0]))
        return Tensors([self.modality_]).fit(windows).transform(windows).inputs[self.modality_]

    def _require_fitted(self):
        if not self.fitted:
            raise GaitDataError("this Encoder has not learnt: call fit(trials), or gaitlib.pretrain")

    def _say_what_is_new(self, trials) -> None:
        now = whereabouts(trials)
        for what, unit in (("places", ""), ("rates_hz", " Hz")):
            if self.learnt_[what] and (new := [v for v in now[what] if v not in self.learnt_[what]]):
                known = ", ".join(map(str, self.learnt_[what]))
                warnings.warn(
                    f"{', '.join(map(str, new))}{unit}: the encoder has learnt from {known}{unit} only; recordings are "
                    "brought to its rate, but what it tells of them is a guess",
                    stacklevel=3,
                )

    # -- on disk -----------------------------------------------------------------------------------------

    def save(self, folder) -> Path:
        """Save into a folder as JSON and arrays; nothing in them is run when they are loaded."""
        self._require_fitted()
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        saving.save_state({"encoder": self}, folder / FILE)
        return folder

    @classmethod
    def load(cls, folder, custom_objects=None) -> "Encoder":
        """Load what :meth:`save` wrote, also of somebody else.

        Raises
        ------
        GaitDataError
            If the folder holds none or is damaged.
        """
        path = Path(folder) / FILE
        found = saving.load_state(path, custom_objects).get("encoder")
        if not isinstance(found, cls):
            raise GaitDataError(f"{path}: holds a {type(found).__name__}, no encoder")
        try:
            found.check_learnt()
        except Exception as error:  # what was learnt is of whatever types the file holds
            raise GaitDataError(f"{path}: damaged ({error}); copy it again") from error
        return found

    def check_learnt(self) -> None:
        """Refuse what a file gave in place of what ``fit`` gives."""
        check_contents(self)
        networks.made_anew(self)  # weights that do not fit are refused


def pretrain(model="masked_autoencoder", trials=None, **settings) -> Encoder:
    """Let an encoder learn from recordings, without their labels.

    Parameters
    ----------
    model : str or Builder
    trials : TrialSet
        None of the people whom it is to be tested on.
    **settings
        Of :class:`Encoder`: ``steps``, ``frames``, ``pretraining``, ``seed``, ``store`` and so on.

    Returns
    -------
    Encoder
    """
    if not isinstance(trials, TrialSet):
        raise GaitDataError(f"pretrain needs a TrialSet, not {type(trials).__name__}; see gaitlib.load_imu")
    return Encoder(model, **settings).fit(trials)


def _through(steps, trials):
    """Trials through steps that are fitted one by one, and these."""
    fitted = []
    for name, step in steps:
        trials = step.fit(trials).transform(trials)
        fitted.append((name, step))
    return trials, fitted


def _held_out(trials, settings, seed):
    """Positions that are learnt from and watched: whole subjects, chosen without a look at labels."""
    everything = np.arange(len(trials))
    if not settings.held_out or len(set(trials.subjects)) < 2:
        return everything, everything[:0]
    return cut_validation(trials, "subject", seed)


def _without_labels(trials):
    """So that nothing can look at them, and what is learnt is the same whichever are known."""
    return replace(trials, table=trials.table.drop(columns=list(trials.kinds)).assign(label=None), kinds={})
