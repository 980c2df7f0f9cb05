"""Objects that scikit-learn's compiled code trusts: what it would read beyond its arrays is refused."""

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.neighbors._base import NeighborsBase
from sklearn.svm._base import BaseLibSVM
from sklearn.tree._tree import Tree

from gaitlib.errors import GaitDataError

LEAF = -1


def make_tree(n_features, n_classes, n_outputs, state) -> Tree:
    """A decision tree, after its nodes were checked.

    Raises
    ------
    GaitDataError
        If they are no tree as scikit-learn grows it: children after their parents, one parent each but for the root.
    """
    nodes, values = state["nodes"], state["values"]
    n_classes = np.asarray(n_classes)
    sizes_fit = n_classes.dtype == np.intp and n_classes.shape == (n_outputs,) and (n_classes > 0).all()
    if not sizes_fit or n_features < 1 or n_outputs < 1 or values.shape != (len(nodes), n_outputs, n_classes.max()):
        raise GaitDataError(f"a decision tree of {len(nodes)} nodes with values of shape {values.shape}")
    if nodes.ndim != 1 or not len(nodes) or state["node_count"] != len(nodes):
        raise GaitDataError(f"a decision tree that counts {state['node_count']} nodes in an array of {nodes.shape}")
    depth = _depth(nodes["left_child"], nodes["right_child"])
    inner = nodes["left_child"] != LEAF
    feature = nodes["feature"][inner]
    if ((feature < 0) | (feature >= n_features)).any() or np.isnan(nodes["threshold"][inner]).any():
        raise GaitDataError(
            "a decision tree in the file points outside itself: it asks for a feature that is not there"
        )
    if not np.isfinite(values).all() or (nodes["missing_go_to_left"] > 1).any():
        raise GaitDataError("a decision tree in the file holds what is no number")
    tree = Tree(n_features, n_classes, n_outputs)
    tree.__setstate__({**state, "max_depth": depth})
    return tree


def _depth(left, right) -> int:
    """Levels below the root, of nodes that are a tree."""
    inner = np.flatnonzero(left != LEAF)
    children = np.concatenate([left[inner], right[inner]])
    once = np.array_equal(np.sort(children), np.arange(1, len(left)))
    if not once or (np.tile(inner, 2) >= children).any() or (right[left == LEAF] != LEAF).any():
        raise GaitDataError("a decision tree in the file points outside itself, or its nodes are no tree")
    depth, level = 0, inner[:1][inner[:1] == 0]
    while len(level):
        depth, level = depth + 1, np.concatenate([left[level], right[level]])
        level = level[left[level] != LEAF]
    return depth


def check_compiled(made) -> None:
    """Refuse a made object whose arrays do not fit each other, where compiled code reads them unasked.

    Trees, the vectors of libsvm and the neighbours of a search without a tree: what is left to crash when every array
    of every other class that a file may ask for is cut, doubled, emptied or filled with huge numbers.
    """
    state = vars(made)
    if "tree_" in state and (not isinstance(made.tree_, Tree) or made.tree_.n_features != made.n_features_in_):
        raise GaitDataError(f"the tree of a {type(made).__name__} reads other features than it")
    if isinstance(made, BaseLibSVM) and "support_vectors_" in state:
        _check_vectors(made)
    if isinstance(made, NeighborsBase) and "_fit_X" in state:
        known = np.shape(made._fit_X)
        if len(known) != 2 or known[0] == 0 or known[1] != made.n_features_in_:
            raise GaitDataError(f"the neighbours of a {type(made).__name__} are an array of {known}")


def _check_vectors(svm) -> None:
    """The shapes that libsvm takes for granted."""
    n, counts = len(svm.support_), svm._n_support
    pairs = len(counts) * (len(counts) - 1) // 2
    shapes = {
        "support_": (n,),
        "support_vectors_": (n, svm.n_features_in_),
        "_dual_coef_": (len(counts) - 1, n),
        "_intercept_": (pairs,),
        "_probA": (pairs if len(svm._probA) else 0,),
        "_probB": (len(svm._probA),),
    }
    for name, shape in shapes.items():
        if np.shape(getattr(svm, name)) != shape:
            raise GaitDataError(f"'{name}' of a {type(svm).__name__} is of {np.shape(getattr(svm, name))}, not {shape}")
    classes = len(svm.classes_) if isinstance(svm, ClassifierMixin) else len(counts)
    total = counts.sum() if isinstance(svm, ClassifierMixin) else counts.max()
    if counts.dtype != np.int32 or len(counts) != classes or len(counts) < 2 or counts.min() < 0 or total != n:
        raise GaitDataError(f"a {type(svm).__name__} counts {counts} vectors, and there are {n}")
    if svm.kernel == "precomputed" or svm._sparse:
        raise GaitDataError(f"a {type(svm).__name__} of sparse or precomputed values reads no features")
