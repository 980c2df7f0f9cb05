"""Layer-wise relevance propagation on Keras graphs."""
