"""Scorers: frames in, the same rows with more columns out."""
