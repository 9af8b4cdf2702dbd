"""The models the package carries, and their cards."""
