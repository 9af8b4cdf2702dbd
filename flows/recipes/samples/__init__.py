"""The sample corpus that the quickstart reads, and the script that writes it."""
