"""What the explanations take for granted of the inside of Keras: where this fails after an update, look there first."""

import keras
import numpy as np
from keras import layers, ops

from gaitlib.explain import keras_internals as inside


def masked_network():
    x = keras.Input((4, 2), name="x")
    h = layers.Masking(name="mask")(x)
    model = keras.Sequential([keras.Input((4, 2)), layers.Dense(2, name="in_model")], name="model")
    h = layers.MultiHeadAttention(1, 2, name="attention")(model(h), h)
    return keras.Model(x, layers.GRU(2, name="last")(h))


def test_graphs_are_walked_as_keras_runs_them_with_the_masks_that_travel():
    network, told = masked_network(), []
    x = ops.convert_to_tensor(np.float32([[[1, 2], [3, 4], [0, 0], [0, 0]]]))

    def seen(node, read, masks, outputs):
        if inside.is_layer(node.operation):  # between them stand the functions that make the mask
            told.append((node.operation.name, [m if m is None else m.numpy().tolist() for m in masks[:2]]))

    (found,) = inside.run(inside.graph_of(network), [x], seen)
    np.testing.assert_array_equal(found, network(x, training=False))
    real = [[True, True, False, False]]
    assert told[0] == ("mask", [None])
    assert told[1][0] == "model"
    assert told[1][1][0] == real
    assert told[2] == ("attention", [real, real])  # a model hands on what its last layer carries
    made = [n.operation for n in inside.nodes_of(network)]
    assert [own.name for own in made if inside.is_layer(own)] == [name for name, _ in told]
    assert inside.maker_of(network.outputs[0]).operation.name == "last"
    assert {"attention", "in_model"} <= {layer.name for layer in inside.layers_of(network)}


def test_attention_takes_masks_off_what_it_reads_and_copies_keep_theirs():
    x, mask = ops.ones((1, 3, 2)), ops.convert_to_tensor([[True, True, False]])
    own = inside.with_mask(x, mask)
    assert inside.mask_of(x) is None
    copy = inside.with_mask(own, inside.mask_of(own))
    layers.MultiHeadAttention(1, 2)(own, own)
    assert inside.mask_of(own) is None
    assert inside.mask_of(copy) is mask


def test_what_is_made_for_a_network_is_made_anew_when_its_layers_change_and_not_when_its_weights_do():
    made = []

    @inside.once_a_network
    def make(network, more):
        made.append(more)
        return len(made)

    network = keras.Sequential([keras.Input((3,)), layers.Dense(4), layers.Dense(2, name="last")])
    assert make(network, "a") == make(network, "a") == 1
    network.set_weights([2 * w for w in network.get_weights()])
    assert make(network, "a") == 1
    network.pop()
    network.add(layers.Dense(2, name="last"))  # of the same settings
    assert make(network, "a") == 2
    network.layers[0].activation = keras.activations.relu
    assert make(network, "a") == 3
    network.quantize("int8")
    assert make(network, "a") == 4
    assert all(map(inside.is_quantised, network.layers))
    assert make(network, "b") == 5
