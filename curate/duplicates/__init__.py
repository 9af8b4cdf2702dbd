"""Signatures, candidate pairs, verification and clusters."""
