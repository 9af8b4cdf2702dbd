"""Data in, model and card out."""
