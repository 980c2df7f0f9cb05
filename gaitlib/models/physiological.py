"""Networks that read several signals of the body at once, each in a branch of its own.

Every branch ends in a layer named ``<modality>_features``, as the encoders of the fusion models do.
"""

from dataclasses import dataclass

import keras
from keras import layers
from keras.regularizers import L2

from gaitlib.errors import GaitDataError
from gaitlib.models.layers import FrameMask, StridedMask, add_heads
from gaitlib.models.registry import register


@dataclass(frozen=True)
class _Dense:
    """A dense layer with what follows it."""

    units: int
    l2: float = 0.0
    normalised: bool = False
    dropout: float = 0.0


@dataclass(frozen=True)
class _Branch:
    lstm: tuple[int, ...]
    dropout: float  # of what each LSTM reads, and of its state
    dense: tuple[_Dense, ...]


@dataclass(frozen=True)
class _Form:
    """Sizes of a published network: the branch of the largest signal, those of the others, and what joins them."""

    largest: _Branch
    other: _Branch
    joint: tuple[_Dense, ...]


FORMS = {
    "maximum": _Form(
        _Branch((64, 32), 0.3, (_Dense(48, 1e-3, True, 0.4), _Dense(24, 1e-3, dropout=0.3))),
        _Branch((32, 16), 0.3, (_Dense(20, 1e-3, True, 0.4), _Dense(12, dropout=0.3))),
        (_Dense(64, 1e-3, True, 0.5), _Dense(32, dropout=0.4), _Dense(16, dropout=0.3)),
    ),
    "one_layer": _Form(
        _Branch((48,), 0.4, (_Dense(36, 0.01, dropout=0.5), _Dense(18, dropout=0.4))),
        _Branch((24,), 0.4, (_Dense(18, 0.01, dropout=0.5), _Dense(9, dropout=0.4))),
        (_Dense(32, 0.01, dropout=0.5), _Dense(16, dropout=0.4)),
    ),
}


@register(
    "multimodal_lstm",
    "sachinprakash553/Amigos-Emotion-Recognition, notebook",
    reads=("sequences",),
    tiny={"width": 0.5},
)
def multimodal_lstm(inputs, heads, form="maximum", width=1.0, stride_to=128):
    """An LSTM branch a signal, joined by dense layers: for EEG, ECG and skin conductance, or any other sequences.

    The sequence with the most channels (of several such, the first) gets the larger branch. Departures from the source:
    padded frames are masked, and by default a strided convolution comes first, as an LSTM forgets over the 2048 steps
    of its segments and takes minutes for what then takes seconds.

    Parameters
    ----------
    inputs : dict of str to tuple
        Any number of sequences (frames, channels).
    heads : dict of str to Head
    form : {"maximum", "one_layer"}
        Two LSTM layers a branch, or one and smaller: the source's for people left out.
    width : float
        Factor of the sizes of all layers but the outputs; the source has three sizes, whose numbers it does not give.
    stride_to : int or None
        A sequence of more steps goes through one convolution, strided so that at most as many are left. None: no
        convolution, as in the source.

    Raises
    ------
    GaitDataError
        For an unknown form, a width or a number of steps of 0, or inputs that are no sequences.
    """
    if form not in FORMS or not width > 0 or (stride_to is not None and stride_to < 1):
        raise GaitDataError(
            f"'multimodal_lstm' has the forms {', '.join(FORMS)}, a width above 0 and at least 1 step; got "
            f"form={form!r}, width={width}, stride_to={stride_to}"
        )
    if not inputs or any(len(shape) != 2 for shape in inputs.values()):
        raise GaitDataError(
            f"'multimodal_lstm' reads sequences (frames, channels), got {inputs}; choose them with "
            "Tensors(modalities=[...])"
        )
    sizes = FORMS[form]
    largest = max(inputs, key=lambda name: inputs[name][1])
    read, branches = [], []
    for name, shape in inputs.items():
        x = keras.Input(shape, name=name)
        branch = sizes.largest if name == largest else sizes.other
        mask = FrameMask(name="frame_mask" if not read else f"{name}_frame_mask")(x)
        branches.append(_branch(x, mask, branch, width, stride_to))
        read.append(x)
    h = layers.Concatenate()(branches) if len(branches) > 1 else branches[0]
    for dense in sizes.joint:
        h = _dense(h, dense, width)
    return keras.Model(read, add_heads(h, heads), name="multimodal_lstm")


def _branch(x, mask, branch, width, stride_to):
    h = x
    if stride_to is not None and x.shape[1] > stride_to:
        h, mask = _strided(x, mask, _wide(branch.lstm[0], width), -(-x.shape[1] // stride_to))
    for i, units in enumerate(branch.lstm):
        h = layers.LSTM(
            _wide(units, width),
            return_sequences=i < len(branch.lstm) - 1,
            dropout=branch.dropout,
            recurrent_dropout=branch.dropout,
        )(h, mask=mask)
    *first, last = branch.dense
    for dense in first:
        h = _dense(h, dense, width)
    return _dense(h, last, width, name=f"{x.name}_features")


def _strided(x, mask, filters, stride):
    """A convolution over two strides, and which of its steps start at a real frame.

    Steps are counted from the first frame ("same" would move them with the length), and zeros follow the last.
    """
    steps = -(-x.shape[1] // stride)
    h = layers.ZeroPadding1D((0, (steps + 1) * stride - x.shape[1]))(x)
    h = layers.Conv1D(filters, 2 * stride, strides=stride, activation="relu")(h)
    return h, StridedMask(stride)(mask)


def _dense(h, dense, width, name=None):
    regularizer = L2(dense.l2) if dense.l2 else None
    h = layers.Dense(_wide(dense.units, width), activation="relu", kernel_regularizer=regularizer, name=name)(h)
    if dense.normalised:
        h = layers.BatchNormalization()(h)
    return layers.Dropout(dense.dropout)(h)


def _wide(units, width):
    return max(1, round(units * width))
