"""Networks that read a sequence and a pressure image.

Every encoder ends in a layer named ``<modality>_features``, so that a training stage can train it alone
(``Training(encoder="skeleton")``).
"""

import keras
from keras import layers
from keras.regularizers import L2

from gaitlib.models.convolutional import IMAGE_FILTERS, image_features
from gaitlib.models.layers import add_heads, output_name, two_inputs
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
