"""Which of many sketches are worth comparing: those that share local features or whole-picture hashes.

Features: each of the eight 16-bit parts of a feature is looked up exactly; what shares a part and is near in
all 128 bits is a vote, and enough different votes for one frame make a candidate. Hashes: hashsearch.py. Both
ways in all mirrorings.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from bearwitness.signals.arrays import Bits, Ints
from bearwitness.signals.features import mirrored
from bearwitness.signals.hashsearch import HashSearch
from bearwitness.signals.placing import Tip, fits
from bearwitness.signals.sketch import Sketch

VOTES = 8
_NEAR = 20  # of 128 bits
_PARTS = 8
_MOST_TIPS = 24
_AT_ONCE = 1_000_000


class CandidateIndex:
    """An index over the anchors of many sketches; sketches are named by their place in the sequence handed
    in.
    """

    def __init__(self, sketches: Sequence[Sketch]) -> None:
        self._sketches = tuple(sketches)
        self._frame_owner: list[tuple[int, int]] = []  # number of the sketch, of the frame in it
        bits: list[Bits] = []
        frames: list[Ints] = []
        hashes: list[bytes] = []
        self._hash_owner: list[int] = []
        for number, sketch in enumerate(self._sketches):
            for place, frame in enumerate(sketch.frames):
                if frame.features is not None and len(frame.features):
                    bits.append(frame.features.bits)
                    frames.append(np.full(len(frame.features), len(self._frame_owner), dtype=np.int64))
                    self._frame_owner.append((number, place))
                for each in dict.fromkeys((frame.whole, frame.inner)):
                    if each.usable:
                        hashes.append(each.bits)
                        self._hash_owner.append(number)
        self._bits = np.concatenate(bits) if bits else np.empty((0, 16), np.uint8)
        self._frames = np.concatenate(frames) if frames else np.empty(0, np.int64)
        self._tables = [_table(self._bits, part) for part in range(_PARTS)]
        table = np.frombuffer(b"".join(hashes), dtype=np.uint8).reshape(-1, 32)
        self._hashes = HashSearch(table)

    def pairs(self) -> dict[tuple[int, int], tuple[Tip, ...]]:
        """Return all pairs worth comparing, the smaller number first, each with the frames to look at.

        Where no hash is near, features must agree on a placement too: of footage that is not related a
        quarter shares enough features by chance (a checked shirt, blinds, lettering), and hardly any places.
        """
        found: dict[tuple[int, int], list[tuple[int, Tip]]] = {}
        near: set[tuple[int, int]] = set()
        for number, sketch in enumerate(self._sketches):
            hashed = self._near(sketch)
            near |= {(min(number, other), max(number, other)) for other in hashed}
            for other, voted in self._like(sketch, hashed).items():
                if other == number:
                    continue
                tips = found.setdefault((min(number, other), max(number, other)), [])
                tips += voted if number < other else [(votes, tip.turned()) for votes, tip in voted]
        best = {pair: _best(found[pair]) for pair in sorted(found)}
        return {
            (one, other): tips
            for (one, other), tips in best.items()
            if (one, other) in near or fits(self._sketches[one], self._sketches[other], tips)
        }

    def like(self, sketch: Sketch) -> dict[int, tuple[Tip, ...]]:
        """Return the numbers of the sketches worth comparing with this one (itself among them, if it is in
        the index), with the frames to look at.
        """
        found = self._like(sketch, self._near(sketch))
        return {other: _best(voted) for other, voted in sorted(found.items())}

    def _near(self, sketch: Sketch) -> set[int]:
        """Return the numbers of the sketches of which a hash is near to one of this."""
        queries = [turned for frame in sketch.frames if frame.inner.usable for turned in frame.inner.turned]
        queries += [frame.whole.bits for frame in sketch.frames if frame.whole.usable]
        if not queries or not len(self._hashes):
            return set()
        hits = self._hashes.within(np.frombuffer(b"".join(queries), dtype=np.uint8).reshape(-1, 32))
        return {self._hash_owner[row] for row in np.unique(hits.found)}

    def _like(self, sketch: Sketch, near: set[int]) -> dict[int, list[tuple[int, Tip]]]:
        found: dict[int, list[tuple[int, Tip]]] = {number: [] for number in near}
        for index in sketch.anchors:
            features = sketch.frames[index].features
            if features is None:
                continue
            for flipped, each in ((False, features), (True, mirrored(features))):
                for frame, votes in self._voted(each.bits):
                    owner, there = self._frame_owner[frame]
                    found.setdefault(owner, []).append((votes, Tip(index, there, flipped)))
        return found

    def _voted(self, bits: Bits) -> list[tuple[int, int]]:
        """Return (frame, votes) for frames of which at least VOTES features are near to as many different
        ones of the query.
        """
        votes = np.concatenate([np.empty((0, 2), np.int64), *self._votes(bits)])
        counts = []
        for column in (0, 1):  # many features near to one are one vote: text and grids repeat themselves
            span = int(votes[:, column].max(initial=0)) + 1  # a pair as one number: rows are slow to compare
            each = np.unique(self._frames[votes[:, 1]] * span + votes[:, column])
            counts.append(np.bincount(each // span, minlength=len(self._frame_owner)))
        least = np.minimum(*counts)
        return [(int(frame), int(least[frame])) for frame in np.nonzero(least >= VOTES)[0]]

    def _votes(self, bits: Bits) -> Iterator[Ints]:
        """Yield (k, 2): number of the query's feature and row of the feature it is near to."""
        words, known = np.ascontiguousarray(bits).view(np.uint64), self._bits.view(np.uint64)
        for part, (rows, starts) in enumerate(self._tables):
            keys = np.ascontiguousarray(bits).view(np.uint16)[:, part].astype(np.int64)
            first, count = starts[keys], starts[keys + 1] - starts[keys]
            for low, high in _slices(count):
                lengths = count[low:high]
                asking = np.repeat(np.arange(low, high), lengths)
                jumps = first[low:high] - np.concatenate([[0], np.cumsum(lengths)[:-1]])
                met = rows[np.repeat(jumps, lengths) + np.arange(int(lengths.sum()))]
                apart = np.bitwise_count(words[asking] ^ known[met]).sum(axis=1)
                near = apart <= _NEAR
                yield np.column_stack([asking[near], met[near]])


def _best(voted: list[tuple[int, Tip]]) -> tuple[Tip, ...]:
    """Return up to _MOST_TIPS tips, those with the most votes first, each once."""
    ordered = sorted(voted, key=lambda each: (-each[0], each[1].a, each[1].b))
    return tuple(dict.fromkeys(tip for _, tip in ordered))[:_MOST_TIPS]


def _table(bits: Bits, part: int) -> tuple[Ints, Ints]:
    keys = np.ascontiguousarray(bits).view(np.uint16)[:, part]
    rows = np.argsort(keys, kind="stable")
    starts = np.concatenate([[0], np.cumsum(np.bincount(keys, minlength=65_536))])
    return rows.astype(np.int64), starts.astype(np.int64)


def _slices(counts: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Yield stretches of queries that meet at most _AT_ONCE rows together (one query may meet more)."""
    low, met = 0, 0
    for index, count in enumerate(counts):
        if met + count > _AT_ONCE and index > low:
            yield low, index
            low, met = index, 0
        met += int(count)
    if len(counts):
        yield low, len(counts)
