"""Segmenting and cleaning: text as arrays, read once."""
