"""The choices of each notebook: which data, how much of it, which models, which comparisons."""
