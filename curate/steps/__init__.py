"""The steps of a run as functions of objects: what each is keyed by, reads and publishes.

A step is pure. Its object's key hashes its name and version, the recipe section that it reads,
the models and libraries that shape its output, and the identity of its inputs; paths, workers and
batch sizes never enter. Steps run in worker processes, which import neither prefect nor datasets.

    referencing evaluation sets ─▶ the reference that documents are compared with
    reading     Part ─▶ documents (blocks), skipped
    measuring   block ─▶ one object per scorer
    deciding    all blocks ─▶ verified pairs
    repeats     all blocks ─▶ lines that a site repeats
    spanning    block ─▶ its changed documents
    deciding    block ─▶ verdicts; all blocks ─▶ survivors; kept block ─▶ made documents
    releasing   all blocks ─▶ splits; block ─▶ scattered rows ─▶ shards, ledger
"""

from __future__ import annotations
