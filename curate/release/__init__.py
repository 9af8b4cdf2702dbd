"""Shards, manifest, card, and loading them again."""
