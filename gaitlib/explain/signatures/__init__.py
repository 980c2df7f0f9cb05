"""Relevance averaged over people, on gait phase or place."""
