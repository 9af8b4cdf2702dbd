"""What was released before, kept on disk so that a new run is compared with it and not with all texts.

    index/<hash of the parameters>/
        parameters.json                 the shape of shingles and signatures
        states/00000001.json            a list of segments, and of the documents that were taken out
        segments/<digest>/documents.parquet  bands-00000-of-00008.parquet …
        removed/<digest>.parquet        ids of documents that were taken out
        lock                            while someone writes

A **segment** holds the kept documents of one or more releases: `documents` has, by id, the hash of
the text, the release, and the object and row from which the text is read back; `bands` has the
entries of their bands (`curate.duplicates.bands`), cut by range. Segments never change. A **state**
names its segments with the checksums of their files, and those of each group of rows in them; it is
published whole, after the files that it names, and numbered upwards. So readers see one state from
beginning to end while a writer adds the next, a half-written segment is in no state, and a damaged
one is named. Who writes holds the lock; one that a dead process of this machine left is taken over.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import polars as pl
from numpy.typing import NDArray

from curate.duplicates.bands import (
    cut_ranges,
    distinct,
    find_places,
    make_entries,
    merge_entries,
    number_texts,
    read_entries,
    shape_of,
    write_entries,
)
from curate.duplicates.spool import PAIRS, count_ranges, meet, spooling, take_range
from curate.errors import CurateError, StoreError
from curate.recipe import DuplicatesSection
from curate.store import Store, content_key

GROUP_DOCUMENTS = 1 << 16
LOCK_SECONDS = 0.5  # between two looks at a lock that is held
SIGNED = 1  # raise it when signatures change for the same text and parameters
DOCUMENTS = pl.Schema(
    {
        "id": pl.String,
        "text_hash": pl.String,
        "release": pl.String,
        "block": pl.String,  # the object of documents that holds the text
        "row": pl.Int64,  # in it
    }
)


class IndexDamageError(StoreError):
    """A segment whose files are not those that the state names."""

    @property
    def segment(self) -> str:
        """The name of the segment."""
        return self.where.rpartition("/")[2]


@dataclass(frozen=True)
class Segment:
    """Documents of some releases.

    Attributes:
        name: a digest of what it holds.
        releases: whose kept documents it holds, but for those that earlier segments held already.
        documents: how many.
        size: bytes on disk.
        files: of each file a hash over the checksums of its groups.
    """

    name: str
    releases: tuple[str, ...]
    documents: int
    size: int
    files: Mapping[str, str]

    @property
    def ranges(self) -> int:
        """Files of bands."""
        return len(self.files) - 1


@dataclass(frozen=True)
class State:
    """What the index held at one time.

    Attributes:
        number: from 1; 0: nothing was indexed yet.
        segments: in the order in which they were added.
        removed: digest of the ids that were taken out; empty: none was.
    """

    number: int = 0
    segments: tuple[Segment, ...] = ()
    removed: str = ""

    @property
    def identity(self) -> str:
        """A hash of what can be found in it."""
        names = [segment.name for segment in self.segments]
        return content_key("index", 1, segments=names, removed=self.removed)

    @property
    def releases(self) -> list[str]:
        """The releases whose documents it holds."""
        return [release for segment in self.segments for release in segment.releases]

    @property
    def documents(self) -> int:
        """How many it holds, those that were taken out and are still in segments among them."""
        return sum(segment.documents for segment in self.segments)


@dataclass(frozen=True)
class Index:
    """The index of a store for one shape of signatures.

    Attributes:
        store: where it lies.
        section: the shape.
    """

    store: Store
    section: DuplicatesSection
    folder: str = field(default="", init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "folder", f"index/{content_key('index', 1, **self.parameters)}")

    @property
    def parameters(self) -> dict[str, Any]:
        """What must be equal for signatures to be compared."""
        return {**shape_of(self.section), "signed": SIGNED}

    # --- states

    def check_parameters(self) -> None:
        """Refuse an index that was made with other parameters.

        Raises:
            StoreError: the store has an index, but none with these; both sets are told.
        """
        name = f"{self.folder}/parameters.json"
        if self.store.has(name):
            found = _read_json(self.store, name)
            if found == self.parameters:
                return
            raise _other_parameters(self, [found])
        others = [
            _read_json(self.store, f"index/{other}/parameters.json")
            for other in self.store.names("index")
            if self.store.has(f"index/{other}/parameters.json")
        ]
        if others:
            raise _other_parameters(self, others)

    def newest(self) -> State:
        """The newest state; one with the number 0 where nothing was indexed.

        Raises:
            StoreError: it cannot be read.
        """
        if not self.store.is_local:  # another process may have published since this one looked
            _file_system(self.store).invalidate_cache()
        numbers = [int(name.removesuffix(".json")) for name in self.store.names(self._states)]
        return self.read_state(max(numbers)) if numbers else State()

    @property
    def _states(self) -> str:
        return f"{self.folder}/states"

    def read_state(self, number: int) -> State:
        """The state of a number.

        Raises:
            StoreError: there is none, or it cannot be read.
        """
        if number == 0:
            return State()
        name = f"{self._states}/{number:08}.json"
        facts = _read_json(self.store, name)
        try:
            segments = tuple(
                Segment(**{**one, "releases": tuple(one["releases"])}) for one in facts["segments"]
            )
            state = State(number, segments, facts["removed"])
        except (KeyError, TypeError) as error:
            raise _damaged_file(self.store, name, repr(error)) from error
        if facts["identity"] != state.identity:
            raise _damaged_file(self.store, name, "it does not have the identity that it names")
        return state

    def publish(self, state: State) -> State:
        """Make a state the newest, under the lock; returns it with its number."""
        new = replace(state, number=self.newest().number + 1)
        facts = {
            "identity": new.identity,
            "segments": [asdict(segment) for segment in new.segments],
            "removed": new.removed,
        }
        text = json.dumps(self.parameters, indent=1, sort_keys=True)
        self.store.write_bytes(f"{self.folder}/parameters.json", text.encode())
        text = json.dumps(facts, indent=1, sort_keys=True)
        self.store.write_bytes(f"{self._states}/{new.number:08}.json", text.encode())
        return new

    # --- the one writer

    @contextmanager
    def writing(self, patience_seconds: float = 0.0) -> Iterator[None]:
        """Hold the lock.

        Args:
            patience_seconds: how long to wait for another process that holds it.

        Raises:
            StoreError: another process holds it; the message says which, and the way out.
        """
        name = f"{self.folder}/lock"
        mine = {"host": platform.node(), "process": os.getpid()}
        ends = time.monotonic() + patience_seconds
        while not self._claim(name, mine):
            holder = self._holder(name)
            if holder["host"] == mine["host"] and not _is_alive(holder["process"]):
                self.store.remove(name)  # what a dead process left is in no state
            elif time.monotonic() >= ends:
                raise StoreError(
                    "one process writes the index at a time",
                    f"process {holder['process']} on {holder['host']} is writing it",
                    self.store.path(name),
                    "wait for it; if it is gone, remove this file: no state is half written",
                )
            else:
                time.sleep(LOCK_SECONDS)
        try:
            yield
        finally:
            self.store.remove(name)

    def _holder(self, name: str) -> dict[str, Any]:
        """Who holds the lock; nobody that is known where the file has just gone, or is empty yet."""
        try:
            found = json.loads(self.store.read_bytes(name))
            return {"host": str(found["host"]), "process": int(found["process"])}
        except (StoreError, ValueError, TypeError, KeyError):
            return {"host": "another machine", "process": 0}

    def _claim(self, name: str, mine: Mapping[str, Any]) -> bool:
        """Make the lock's file, unless it is there."""
        content = json.dumps(mine).encode()
        try:
            if not self.store.is_local:
                path = self.store.path(name)
                _file_system(self.store).pipe_file(path, content, mode="create")
                return True
            lock = Path(self.store.path(name))
            lock.parent.mkdir(parents=True, exist_ok=True)
            with lock.open("xb") as file:
                file.write(content)
        except FileExistsError:
            return False
        return True

    # --- segments

    def write_segment(
        self, state: State, releases: Iterable[str], expected: int, batches: Iterable[pl.DataFrame]
    ) -> Segment:
        """Write a segment; it is in no state yet.

        Memory: the documents, and 20 bytes for each of `RANGE_ENTRIES` entries, a few times over;
        entries lie in a local temporary folder until they are sorted.

        Args:
            state: documents that it holds (with the same text), or that were taken out, are left out.
            releases: that the segment shall stand for.
            expected: documents, about.
            batches: frames of the columns `DOCUMENTS` and `signature` (null: the document is found
                by an equal text alone).
        """
        parts = [pl.DataFrame(schema=DOCUMENTS)]
        with spooling(expected, self.section) as spool:
            for batch in batches:
                parts.append(batch.select(DOCUMENTS.names()).cast(DOCUMENTS))
                spool.add(make_entries(batch, self.section))
            documents = pl.concat(parts).filter(~pl.col("id").is_in(self.removed(state).implode()))
            documents = documents.unique(["id", "text_hash"], keep="first", maintain_order=True)
            same = ["id", "text_hash"]
            wanted = distinct(number_texts(documents["text_hash"]).to_numpy())
            for segment in state.segments:
                held = self.read_documents(segment, partial(_with_texts, wanted))
                documents = documents.join(held, same, "anti", maintain_order="left")
            live = number_texts(documents["text_hash"]).unique().to_frame()
            bands = (
                spool.read(low, high).join(live, on="text", how="semi", maintain_order="left")
                for low, high in cut_ranges(spool.ranges)
            )
            return self._write(tuple(releases), documents, bands, spool.ranges)

    def _write(
        self,
        releases: tuple[str, ...],
        documents: pl.DataFrame,
        bands: Iterable[pl.DataFrame],
        ranges: int,
    ) -> Segment:
        documents = documents.sort("id", "text_hash")
        sums = [checksum(group) for group in documents.iter_slices(GROUP_DOCUMENTS)]
        # the bands hang on the texts, so that the documents tell one segment from another
        name = content_key("segment", 1, releases=releases, documents=sums, ranges=ranges)
        folder = f"{self.folder}/segments/{name}"
        files = {"documents.parquet": _sum_texts(sums)}
        metadata = {"documents": documents.height, "checksums": sums}
        self.store.write_frame(f"{folder}/documents.parquet", documents, metadata, GROUP_DOCUMENTS)
        for number, entries in enumerate(bands):
            file = f"bands-{number:05}-of-{ranges:05}.parquet"
            write_entries(self.store, f"{folder}/{file}", entries, shape_of(self.section))
            files[file] = _sum_metadata(self.store.read_metadata(f"{folder}/{file}"))
        size = sum(self.store.size(f"{folder}/{file}") for file in files)
        return Segment(name, releases, documents.height, size, files)

    def append(self, segment: Segment) -> State:
        """The newest state with one segment more, published, unless it has its releases; under the lock."""
        state = self.newest()
        if set(segment.releases) <= set(state.releases):
            return state
        return self.publish(replace(state, segments=(*state.segments, segment)))

    def read_documents(
        self, segment: Segment, wanted: Callable[[pl.DataFrame], pl.DataFrame]
    ) -> pl.DataFrame:
        """Some documents of a segment, group by group.

        Args:
            segment: which.
            wanted: takes the rows of a group, and gives those that are wanted.

        Raises:
            IndexDamageError: its file is not the one that the state names.
        """
        name = "documents.parquet"
        found = [pl.DataFrame(schema=DOCUMENTS)]
        with self._naming(segment, name):
            path = self._path(segment, name)
            sums = self.store.read_metadata(path)["checksums"]
            if _sum_texts(sums) != segment.files[name]:
                raise self._damage(segment, f"{name} has other checksums")
            scan = self.store.scan_frame(path)
            for number, said in enumerate(sums):
                rows = scan.slice(number * GROUP_DOCUMENTS, GROUP_DOCUMENTS).collect()
                if checksum(rows) != said:
                    came = f"group {number} of {name} has another checksum"
                    raise self._damage(segment, came)
                found.append(wanted(rows).select(DOCUMENTS.names()))
        return pl.concat(found)

    def read_bands(self, segment: Segment, number: int) -> pl.DataFrame:
        """The entries of a segment's bands in one of its ranges.

        Raises:
            IndexDamageError: its file is not the one that the state names.
        """
        name = f"bands-{number:05}-of-{segment.ranges:05}.parquet"
        with self._naming(segment, name):
            path = self._path(segment, name)
            if _sum_metadata(self.store.read_metadata(path)) != segment.files[name]:
                raise self._damage(segment, f"{name} has other checksums")
            return read_entries(self.store, path, shape_of(self.section))

    def _path(self, segment: Segment, file: str) -> str:
        return f"{self.folder}/segments/{segment.name}/{file}"

    def _damage(self, segment: Segment, came: str) -> IndexDamageError:
        where = f"{self.folder}/segments/{segment.name}"
        change = "the next run makes it again from the releases' objects"
        return IndexDamageError("a segment of the index is whole", came, where, change)

    @contextmanager
    def _naming(self, segment: Segment, file: str) -> Iterator[None]:
        """Whatever keeps a segment's file from being read names the segment."""
        try:
            yield
        except IndexDamageError:
            raise
        except (CurateError, pl.exceptions.PolarsError, KeyError, ValueError, OSError) as error:
            came = f"{file} cannot be read ({str(error).partition(chr(10))[0]})"
            raise self._damage(segment, came) from error

    def find_damage(self, state: State) -> dict[str, str]:
        """Read all that a state names; the segments that are damaged, and how."""
        damage = {}
        for segment in state.segments:
            try:
                self.read_documents(segment, lambda rows: rows.clear())
                for number in range(segment.ranges):
                    self.read_bands(segment, number)
            except IndexDamageError as error:
                damage[segment.name] = error.came
        return damage

    def describe(self, state: State) -> dict[str, Any]:
        """A state in numbers."""
        return {
            "folder": self.folder,
            "number": state.number,
            "identity": state.identity,
            "documents": state.documents,
            "releases": state.releases,
            "segments": len(state.segments),
            "bytes": sum(segment.size for segment in state.segments),
            "removed": len(self.removed(state)),
        }

    # --- questions

    def find(
        self,
        state: State,
        hashes: pl.Series,
        entries_of: Callable[[int, int], pl.DataFrame],
    ) -> pl.DataFrame:
        """The documents of a state that may equal some texts or be near to them.

        Reads the bands of each segment once, in order, beside those of the texts. Where one band is
        equal in more than `FULL_BUCKET` texts of a segment, a text meets those `NEIGHBOURS` before
        and after it in the order of the next band.

        Args:
            state: what is searched.
            hashes: of the texts, as 32 hex digits.
            entries_of: the entries of the texts' bands from one to another, in any order.

        Returns:
            `own_hash` and the columns of `DOCUMENTS`; one row for each pair of a text and an indexed
            document, segment by segment; documents that were taken out are left out.

        Raises:
            IndexDamageError: a segment is damaged.
        """
        removed = self.removed(state)
        own = pl.DataFrame({"own_hash": hashes.unique()}, schema={"own_hash": pl.String})
        own = own.with_columns(own=number_texts(own["own_hash"]))
        texts = distinct(own["own"].to_numpy())
        found = [pl.DataFrame(schema={"own_hash": pl.String, **DOCUMENTS})]
        for segment in state.segments:
            pairs = pl.DataFrame(schema=PAIRS)
            for number, (low, high) in enumerate(cut_ranges(segment.ranges)):
                ours = entries_of(low, high)
                if ours.height:
                    met = meet(ours, self.read_bands(segment, number))
                    pairs = pl.concat([pairs, met]).unique()
            wanted = distinct(np.concatenate([texts, pairs["theirs"].to_numpy()]))
            rows = self.read_documents(segment, partial(_with_texts, wanted))
            rows = rows.filter(~pl.col("id").is_in(removed.implode()))
            near = rows.with_columns(theirs=number_texts(rows["text_hash"])).join(
                pairs, on="theirs"
            )
            near = near.join(own, on="own")
            equal = rows.join(own, left_on="text_hash", right_on="own_hash", coalesce=False)
            found += [some.select("own_hash", *DOCUMENTS) for some in (near, equal)]
        return pl.concat(found).unique(maintain_order=True)

    # --- taking out, and merging

    def removed(self, state: State) -> pl.Series:
        """The ids of the documents that were taken out."""
        if not state.removed:
            return pl.Series("id", [], dtype=pl.String)
        return self.store.read_frame(f"{self.folder}/removed/{state.removed}.parquet")["id"]

    def remove(self, ids: Iterable[str]) -> State:
        """Take documents out: nothing is a duplicate of them from the new state on."""
        with self.writing():
            state = self.newest()
            all_ids = sorted({*self.removed(state), *ids})
            digest = content_key("removed", 1, ids=all_ids)
            if digest == state.removed or not all_ids:
                return state
            frame = pl.DataFrame({"id": all_ids}, schema={"id": pl.String})
            self.store.write_frame(f"{self.folder}/removed/{digest}.parquet", frame)
            return self.publish(replace(state, removed=digest))

    def compact(self) -> State:
        """Merge all segments into one without the documents that were taken out.

        Memory: the documents, and the entries of one range. Old segments stay until `collect`.
        """
        with self.writing():
            state = self.newest()
            removed = self.removed(state)
            if not state.segments:
                return state
            parts = [
                self.read_documents(
                    segment, lambda rows: rows.filter(~pl.col("id").is_in(removed.implode()))
                )
                for segment in state.segments
            ]
            documents = pl.concat(parts).unique(
                ["id", "text_hash"], keep="first", maintain_order=True
            )
            live = number_texts(documents["text_hash"]).unique().to_frame()
            ranges = count_ranges(documents.height, self.section)

            def bands() -> Iterator[pl.DataFrame]:
                for low, high in cut_ranges(ranges):
                    merged = merge_entries(
                        take_range(self.read_bands(segment, number), low, high)
                        for segment in state.segments
                        for number, (first, last) in enumerate(cut_ranges(segment.ranges))
                        if first <= high and last >= low
                    )
                    yield merged.join(live, on="text", how="semi", maintain_order="left")

            segment = self._write(tuple(state.releases), documents, bands(), ranges)
            if state.segments == (segment,):
                return state
            return self.publish(replace(state, segments=(segment,)))

    def collect(self) -> list[str]:
        """Remove old states, and what the newest does not name; returns the names of the segments.

        Releases that name an older state keep its number and hash, but it can no longer be searched.
        """
        with self.writing():
            state = self.newest()
            for name in self.store.names(self._states):
                if name != f"{state.number:08}.json":
                    self.store.remove(f"{self._states}/{name}")
            for name in self.store.names(f"{self.folder}/removed"):
                if name != f"{state.removed}.parquet":
                    self.store.remove(f"{self.folder}/removed/{name}")
            live = {segment.name for segment in state.segments}
            gone = [n for n in self.store.names(f"{self.folder}/segments") if n not in live]
            for name in gone:
                self.store.remove(f"{self.folder}/segments/{name}")
            return gone


def open_indexes(store: Store) -> list[Index]:
    """Every index of a store."""
    found = []
    for name in store.names("index"):
        path = f"index/{name}/parameters.json"
        if store.has(path):
            facts = _read_json(store, path)
            shape = {key: value for key, value in facts.items() if key != "signed"}
            index = Index(store, DuplicatesSection(**shape))
            if index.folder == f"index/{name}":
                found.append(index)
    return found


# --- checksums and files


def checksum(rows: pl.DataFrame) -> str:
    """A hash of the values of a frame, whatever file they lie in."""
    digest = hashlib.blake2b(digest_size=16)
    for column in rows:
        values = column.cast(pl.String).fill_null("").str.join("\0")
        digest.update((values[0] or "").encode())
        digest.update(b"\1")
    return digest.hexdigest()


def _with_texts(wanted: NDArray[np.uint64], rows: pl.DataFrame) -> pl.DataFrame:
    """Those of some documents that have wanted texts, by sorted numbers."""
    numbers = number_texts(rows["text_hash"]).to_numpy()
    return rows.filter(pl.Series(find_places(wanted, numbers) >= 0))


def _sum_texts(sums: Iterable[str]) -> str:
    return hashlib.blake2b("\n".join(sums).encode(), digest_size=16).hexdigest()


def _sum_metadata(metadata: Mapping[str, Any]) -> str:
    return _sum_texts([str(metadata["entries"]), *metadata["checksums"]])


def _file_system(store: Store) -> Any:
    return fsspec.core.url_to_fs(store.url)[0]


def _read_json(store: Store, name: str) -> dict[str, Any]:
    try:
        found = json.loads(store.read_bytes(name))
        return dict(found)
    except (ValueError, TypeError) as error:
        raise _damaged_file(store, name, "it is no JSON") from error


def _damaged_file(store: Store, name: str, came: str) -> StoreError:
    change = "remove the file: the next run adds what the state before it lacks"
    return StoreError(f"{name} describes the index", came, store.url, change)


def _other_parameters(index: Index, found: Iterable[Mapping[str, Any]]) -> StoreError:
    def tell(parameters: Mapping[str, Any]) -> str:
        return ", ".join(f"{name} {value}" for name, value in sorted(parameters.items()))

    return StoreError(
        f"the store has an index with {tell(index.parameters)}",
        "it has one with " + "; ".join(tell(one) for one in found),
        f"{index.store.url}/index",
        "set these in [duplicates], or make another one with `curate duplicates index RECIPE`",
    )


def _is_alive(process: int) -> bool:
    """Whether a process of this machine runs."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
