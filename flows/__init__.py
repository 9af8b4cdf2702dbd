"""Order, retries, runners, artifacts and the command line."""
