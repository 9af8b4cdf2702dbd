"""Rates and memory, each beside a reference run on the same input."""
