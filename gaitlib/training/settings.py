"""Settings of a training stage."""

from sklearn.base import BaseEstimator


class Training(BaseEstimator):
    """Settings of one training stage; a list of them trains stage after stage on the same weights.

    Parameters
    ----------
    epochs : int
        All are run, unless there is a patience.
    batch_size : int
    learning_rate : float
    schedule : {"cosine", "plateau"} or None
        "cosine" falls to zero over all epochs, batch by batch; "plateau" halves the rate after half the patience
        without a better validation loss.
    patience : int or None
        Epochs without a better validation loss before training stops; the best weights are kept. None stops nowhere:
        nobody has to be held back, and all people of the training side are learnt from. So does a patience without
        validation trials.
    l2 : float or None
        Penalty on all kernels. None keeps those that the model brings along.
    clip_norm : float or None
        Largest norm of a weight's gradient.
    class_weight : {"balanced"}, dict or None
        "balanced" lets every class weigh the same, in all heads; a dict says so by head, or gives weights by class:
        ``{"transition": {"transition": 8}}``.
    augment : sequence of callable
        Each makes changed copies of the training trials (``trials -> trials``), which are learnt beside the
        originals. Steps are fitted on the originals only; validation and test trials are never changed.
    trainable : sequence of str or None
        Names (or beginnings of names) of the layers that this stage trains; None trains all.
    encoder : str or None
        Train only the encoder of this modality, under a passing head of its own, such as "skeleton" before the stage
        that trains the whole (the three steps of Jun et al. 2021). The model ends this encoder in a layer named
        ``<modality>_features``.
    start : Encoder or None
        An encoder (:func:`gaitlib.pretrain`) whose layers the network has: the stage starts from what it learnt without
        labels, layer by layer, by their names. Where it has not learnt yet, it does so in each fold, from its training
        and unlabelled trials. Without ``steps`` the classifier takes those of the encoder.
    modality_dropout : float
        Share of the training samples that lose each modality, drawn anew in every batch: the network learns to do with
        what is left, and the classifier then takes trials that lack a modality, to learn from and to predict (ModDrop,
        Neverova et al. 2016, https://doi.org/10.1109/TPAMI.2015.2461544). A lost modality becomes its stand-in (see
        :class:`gaitlib.preprocessing.Tensors`). Departs from the source: no sample loses everything, so of two
        modalities each is lost a little less often, with p - p^2 / 2; features are not rescaled. Watched trials stay
        whole.
    optimizer : {"adam", "sgd"}
        "sgd" is plain gradient descent, without momentum.
    loss : {"cross_entropy", "squared_error"}
        "cross_entropy" of the softmax of the outputs. "squared_error" is half the squared distance of the outputs from
        the one-hot target, without softmax; its gradient is output minus target, as in the linear network of Horst et
        al. 2019, https://doi.org/10.1038/s41598-019-38748-8. Classes are then told as well, but the probabilities of
        ``predict_proba``, a softmax all the same, are not calibrated. Continuous targets always have the squared error.
    head_weights : dict of str to float, "uncertainty" or None
        How much the loss of each head counts beside the others, 1 where nothing is said. The loss of a continuous
        target is that of its standardised values. "uncertainty" learns the weights with the network, as the noise of
        each target (Kendall et al. 2018, https://doi.org/10.1109/CVPR.2018.00781); the history tells them.
    """

    def __init__(
        self,
        epochs=20,
        batch_size=32,
        learning_rate=1e-3,
        schedule="cosine",
        patience=None,
        l2=None,
        clip_norm=1.0,
        class_weight=None,
        augment=(),
        trainable=None,
        encoder=None,
        modality_dropout=0.0,
        optimizer="adam",
        loss="cross_entropy",
        head_weights=None,
        start=None,
    ):
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.schedule = schedule
        self.patience = patience
        self.l2 = l2
        self.clip_norm = clip_norm
        self.class_weight = class_weight
        self.augment = augment
        self.trainable = trainable
        self.encoder = encoder
        self.modality_dropout = modality_dropout
        self.optimizer = optimizer
        self.loss = loss
        self.head_weights = head_weights
        self.start = start
