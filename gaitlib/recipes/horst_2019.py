"""The training of the study of gait signatures."""


def horst_training(n_train: int) -> list:
    """The training of Horst et al. 2019: plain SGD in three stages of 10,000 mini-batches of 5, at falling rates.

    A stage ends early after 2500 mini-batches without a better validation loss; the best weights are kept. Departures
    from the source: the watched loss is the one that is trained, not the absolute error, and is looked at once an
    epoch, not every 250 mini-batches; linear networks and perceptrons may end early, too. The source's toolbox scales
    gradients by the size of each layer, so its rates mean other steps there.

    Parameters
    ----------
    n_train : int
        Trials that are learnt from, without those that are watched.

    Returns
    -------
    list of Training

    References
    ----------
    Horst et al. 2019, https://doi.org/10.1038/s41598-019-38748-8

    Examples
    --------
    >>> [(stage.epochs, stage.patience, stage.learning_rate) for stage in horst_training(912)]
    [(55, 14, 0.005), (55, 14, 0.001), (55, 14, 0.0005)]
    """
    from gaitlib.training import Training  # late: it loads the backend

    batches_an_epoch = max(1, n_train // 5)
    plain = {"batch_size": 5, "schedule": None, "clip_norm": None, "optimizer": "sgd"}
    epochs, patience = (-(-n // batches_an_epoch) for n in (10_000, 2500))
    return [Training(epochs, patience=patience, learning_rate=rate, **plain) for rate in (5e-3, 1e-3, 5e-4)]
