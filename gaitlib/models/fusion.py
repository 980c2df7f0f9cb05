"""Networks that read a sequence and a pressure image.

Every encoder ends in a layer named ``<modality>_features``, so that a training stage can train it alone
(``Training(encoder="skeleton")``).
"""

import keras
from keras import layers, ops
from keras.regularizers import L2

from gaitlib.models.convolutional import IMAGE_FILTERS, convolved, image_features
from gaitlib.models.layers import MeanPooling, add_heads, output_name, two_inputs
from gaitlib.models.patches import SinePositions
from gaitlib.models.pose_attention import CrossAttention, step_features
from gaitlib.models.recurrent import REFERENCE_STUDY
from gaitlib.models.registry import register

JUN_2021 = "Jun et al. 2021, https://doi.org/10.1109/ACCESS.2021.3131613"


@register(
    "gru_cnn_fusion",
    REFERENCE_STUDY,
    reads=("sequence", "image"),
    parameters=551_014,
    tiny={"project": 16, "units": (8, 4), "filters": (4, 8), "dense": 8},
)
def gru_cnn_fusion(inputs, heads, project=512, units=(192, 64), filters=(64, 128), dense=96, dropout=0.5):
    """Two GRU layers on the skeleton, two convolutions along the rows of the pressure image, one dense layer.

    The source reads the image as a sequence of 128 rows; so does this. L2 penalties are part of the model.
    Departs from the source: padded frames are masked in the GRU and left out of the batch statistics.
    """
    sequence, image, mask = two_inputs(inputs, "gru_cnn_fusion")
    h = layers.TimeDistributed(layers.Dense(project, activation="relu", kernel_regularizer=L2(1e-3)))(sequence)
    h = layers.BatchNormalization()(h, mask=mask)
    h = _two_gru_layers(h, mask, units, dropout - 0.1, sequence.name)
    p = _row_convolutions(image, filters)
    return keras.Model([sequence, image], add_heads(_joint(h, p, dense, dropout), heads), name="gru_cnn_fusion")


@register(
    "gru_cnn_fusion_encoded",
    REFERENCE_STUDY,
    reads=("sequence", "image"),
    prepared="code",
    parameters=510_054,
    tiny={"units": (8, 4), "filters": (4, 8), "dense": 8},
)
def gru_cnn_fusion_encoded(inputs, heads, units=(192, 64), filters=(64, 128), dense=96, dropout=0.5):
    """The fusion on the code of an autoencoder, one step long, without the projection."""
    sequence, image, mask = two_inputs(inputs, "gru_cnn_fusion_encoded")
    h = _two_gru_layers(sequence, mask, units, dropout - 0.1, sequence.name)
    p = _row_convolutions(image, filters)
    return keras.Model([sequence, image], add_heads(_joint(h, p, dense, dropout), heads), name="gru_cnn_fusion_encoded")


@register(
    "gru_cnn2d_fusion", JUN_2021, reads=("sequence", "image"), tiny={"units": 8, "dense": 8, "filters": (4, 4, 8, 8, 8)}
)
def gru_cnn2d_fusion(inputs, heads, units=128, filters=IMAGE_FILTERS, dense=64, image_dense=16, dropout=0.5):
    """Features of a GRU and of a 2D pressure network side by side, after Jun et al. 2021.

    Departs from the source: one GRU layer for four, a small network for the DenseNet, one dense layer for three:
    sizes that a few hundred walks can train.
    """
    sequence, image, mask = two_inputs(inputs, "gru_cnn2d_fusion")
    h, p = _gru_features(sequence, mask, units, dense), _image_features(image, filters, image_dense, dropout)
    h = layers.Dropout(dropout)(layers.Concatenate()([h, p]))
    h = layers.Dense(dense, activation="relu")(h)
    h = layers.Dropout(dropout)(h)
    return keras.Model([sequence, image], add_heads(h, heads), name="gru_cnn2d_fusion")


@register(
    "score_fusion", JUN_2021, reads=("sequence", "image"), tiny={"units": 8, "dense": 8, "filters": (4, 4, 8, 8, 8)}
)
def score_fusion(inputs, heads, units=128, filters=IMAGE_FILTERS, dense=64, image_dense=16, dropout=0.5):
    """The encoders of ``gru_cnn2d_fusion``, each with scores of its own; the mean of the two logits decides.

    Departs from the source, which averages probabilities: the mean of logits is linear, as all outputs here.
    """
    sequence, image, mask = two_inputs(inputs, "score_fusion")
    branches = [
        _gru_features(sequence, mask, units, dense),
        _image_features(image, filters, image_dense, dropout),
    ]
    outputs = []
    for name, head in heads.items():
        scores = [layers.Dense(head.size)(layers.Dropout(dropout)(h)) for h in branches]
        outputs.append(layers.Average(name=output_name(name, heads), dtype="float32")(scores))
    return keras.Model([sequence, image], outputs[0] if len(outputs) == 1 else outputs, name="score_fusion")


@keras.saving.register_keras_serializable("gaitlib")
class AllReal(layers.Layer):
    """The mask of what has no padding, as the places of an image: True (batch, places)."""

    def call(self, x):
        return ops.ones(ops.shape(x)[:2], dtype="bool")

    def compute_output_spec(self, x):
        return keras.KerasTensor(x.shape[:2], dtype="bool")


@register(
    "skeleton_pressure_cross_attention",
    "Chen et al., ClinicalGait-CrossAttention (2025), code; here on a skeleton and pressure",
    reads=("sequence", "image"),
    tiny={"patch": 4, "width": 8, "filters": (8, 8)},
)
def skeleton_pressure_cross_attention(inputs, heads, patch=8, width=48, filters=(16, 32, 48), dropout=0.3):
    """Every step of the walk asks where on the plate to look; what it finds there is added to the walk's features.

    Queries are features of ``patch`` frames; keys and values are the places of the convolved pressure image, and one of
    the whole of it. :mod:`gaitlib.models.pose_attention` has the layer.

    Parameters
    ----------
    inputs, heads
    patch : int
        Frames of a step.
    width : int
        Of queries, keys and values.
    filters : sequence of int
        Of convolutions that halve the image: 128 rows and 48 columns become 16 times 6 places.
    dropout : float
    """
    sequence, image, mask = two_inputs(inputs, "skeleton_pressure_cross_attention")
    h, asks = step_features(sequence, mask, patch, width)
    p = convolved(layers.Reshape((*image.shape[1:], 1), name="plate")(image), filters)
    p = layers.Reshape((p.shape[1] * p.shape[2], filters[-1]), name="places")(p)
    whole = layers.GlobalAveragePooling1D(name=f"{image.name}_features")(p)
    whole = layers.Reshape((1, filters[-1]), name="whole_plate")(whole)
    p = layers.Concatenate(axis=1, name="whole_and_places")([whole, p])
    placed = SinePositions(name="positions")(layers.Dense(width, name="embedding")(p))
    query, key, value = (
        layers.Dense(width, name=name)(of) for name, of in (("query", h), ("key", placed), ("value", placed))
    )
    found = CrossAttention(name="cross_attention")(value, key, query, AllReal(name="seen")(key), asks)
    walk, found = (MeanPooling(name=n)(x, asks) for n, x in ((f"{sequence.name}_features", h), ("asked", found)))
    h = layers.LayerNormalization(name="norm")(layers.Add(name="add")([walk, found]))
    h = layers.Dropout(dropout)(h)
    return keras.Model([sequence, image], add_heads(h, heads), name="skeleton_pressure_cross_attention")


def _two_gru_layers(x, mask, units, dropout, name):
    h = layers.GRU(units[0], return_sequences=True, kernel_regularizer=L2(1e-3))(x, mask=mask)
    h = layers.BatchNormalization()(h, mask=mask)
    h = layers.Dropout(max(0.0, dropout))(h)
    return layers.GRU(units[1], kernel_regularizer=L2(1e-3), name=f"{name}_features")(h, mask=mask)


def _row_convolutions(image, filters):
    h = image
    for size in filters:
        h = layers.Conv1D(size, 3, activation="relu")(h)
        h = layers.MaxPooling1D(2)(h)
    return layers.GlobalAveragePooling1D(name=f"{image.name}_features")(h)


def _joint(sequence_features, image_features, dense, dropout):
    h = layers.Concatenate()([sequence_features, image_features])
    h = layers.Dense(dense, activation="relu", kernel_regularizer=L2(1e-4))(h)
    return layers.Dropout(dropout)(h)


def _gru_features(sequence, mask, units, dense):
    h = layers.GRU(units)(sequence, mask=mask)
    return layers.Dense(dense, activation="relu", name=f"{sequence.name}_features")(h)


def _image_features(image, filters, dense, dropout):
    h = layers.Dropout(dropout)(image_features(image, filters))
    return layers.Dense(dense, activation="relu", name=f"{image.name}_features")(h)
