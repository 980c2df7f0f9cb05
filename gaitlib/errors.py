"""The one exception that gaitlib raises about a user's data or request."""


class GaitDataError(ValueError):
    """Data or a request that gaitlib cannot work with.

    The message names the place (file, row, column, trial), what was expected and what to do.
    """
