"""The log of one device: entries, signed checkpoints, proofs (docs/format.md, 6).

:class:`Log` reads and appends in the store it is handed. An append is committed once its checkpoint is
signed and kept under ``notes/``; what a crash left before that was never signed and does not count.

Entries are read once: an append, and a :meth:`Log.refresh` after somebody else's, look at the new ones only,
and the root grows with them (:class:`Frontier`), so that a log of a million entries costs no more to continue
than a short one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from bearwitness.errors import MalformedError, RefusedError, TamperedError, VaultError, unreadable_error
from bearwitness.store.base import Store
from bearwitness_verify import merkle, note
from bearwitness_verify.checkpoint import Checkpoint, LogProof, read_checkpoint
from bearwitness_verify.note import VerifierKey

from .entries import Effect, Entry
from .signing import SigningKey

OWN: Final = "vault"  # the name of a vault's or kit's own log


class Frontier:
    """The roots of the whole subtrees of a dense tree that grows on the right (RFC 6962, 2.1)."""

    def __init__(self, leaves: Iterable[bytes] = ()) -> None:
        self._roots: list[tuple[int, bytes]] = []  # leaves below, a power of two; root
        for leaf in leaves:
            self.add(leaf)

    def copy(self) -> Frontier:
        """Return another one that grows by itself."""
        other = Frontier()
        other._roots = list(self._roots)
        return other

    def add(self, leaf: bytes) -> None:
        """Add a leaf hash on the right."""
        size, node = 1, leaf
        while self._roots and self._roots[-1][0] == size:
            size, node = 2 * size, merkle.node_hash(self._roots.pop()[1], node)
        self._roots.append((size, node))

    def root(self) -> bytes:
        """Return the root over all leaves added so far."""
        if not self._roots:
            return merkle.EMPTY_ROOT
        root = self._roots[-1][1]
        for _, left in reversed(self._roots[:-1]):
            root = merkle.node_hash(left, root)
        return root


class Log:
    """One log in a store, under ``log/<name>/``."""

    def __init__(self, store: Store, key: VerifierKey, name: str = OWN) -> None:
        """Open the log; raises TamperedError if its latest checkpoint does not hold."""
        self._store, self.key, self.name = store, key, name
        self._folder = f"log/{name}"
        self._leaves: list[bytes] = []  # of the entries read so far, checked against the checkpoint
        self._effects: list[Effect] = []
        self._frontier = Frontier()
        self.checkpoint = self._latest()

    @property
    def size(self) -> int:
        """How many entries are committed."""
        return self.checkpoint.size

    def _latest(self) -> Checkpoint:
        sizes = self.note_sizes()
        if not sizes:
            return Checkpoint(self.key.name, 0, merkle.EMPTY_ROOT)
        checkpoint = self._read_note(sizes[-1])
        if checkpoint.size != sizes[-1]:
            raise TamperedError(f"checkpoint {sizes[-1]} of log {self.name} speaks of another size")
        return checkpoint

    def note_sizes(self) -> list[int]:
        """Return the sizes for which a checkpoint was signed, ascending."""
        names = (path.rpartition("/")[2] for path in self._store.names(f"{self._folder}/notes"))
        try:
            return sorted(int(name.removesuffix(".note")) for name in names)
        except ValueError:
            raise TamperedError(f"there is a strange file among the checkpoints of log {self.name}") from None

    def note_path(self, size: int) -> str:
        """Return where the checkpoint of `size` lies."""
        return f"{self._folder}/notes/{size}.note"

    def note_bytes(self, size: int) -> bytes:
        """Return the signed note of the checkpoint of `size`, cosignatures included."""
        try:
            return self._store.read(self.note_path(size))
        except KeyError:
            raise VaultError(f"there is no checkpoint of size {size} in log {self.name}") from None
        except OSError as error:
            raise unreadable_error(error, self.note_path(size)) from None

    def _read_note(self, size: int) -> Checkpoint:
        return read_checkpoint(self.note_bytes(size), self.key)[0]

    def entry_path(self, index: int) -> str:
        """Return where entry `index` lies."""
        return f"{self._folder}/entries/{index // 1000:06}/{index:09}.entry"

    def entry(self, index: int) -> Entry:
        """Return entry `index`; raise TamperedError if it is gone or not itself."""
        what = f"entry {index} of log {self.name}"
        try:
            data = self._store.read(self.entry_path(index))
        except KeyError:
            raise TamperedError(f"{what} is missing") from None
        except OSError as error:
            raise unreadable_error(error, what) from None
        try:
            return Entry.decode(data, what)
        except MalformedError as error:
            raise TamperedError(f"{what} was altered: {error}") from None

    def entries(self, start: int = 0) -> Iterator[tuple[int, Entry]]:
        """Yield committed entries with their indices."""
        for index in range(start, self.size):
            yield index, self.entry(index)

    def leaves(self) -> list[bytes]:
        """Return the leaf hashes of all committed entries, which add up to the checkpoint."""
        if len(self._leaves) < self.size:
            frontier = self._frontier.copy()
            leaves, effects = [], []
            for _, entry in self.entries(len(self._leaves)):
                leaves.append(entry.leaf())
                effects.append(entry.effect)
                frontier.add(leaves[-1])
            if frontier.root() != self.checkpoint.root:
                raise TamperedError(
                    f"the entries of log {self.name} do not add up to its checkpoint",
                    "an entry was altered, exchanged or put in another order",
                )
            self._take(leaves, effects, frontier)
        return self._leaves

    def _take(self, leaves: list[bytes], effects: list[Effect], frontier: Frontier) -> None:
        self._leaves += leaves
        self._effects += effects
        self._frontier = frontier

    def _is_latest(self) -> bool:
        """Say whether nobody can have appended since, without listing all checkpoints ever signed.

        Whoever appends writes the entry that follows before anything else, and entries are never removed.
        """
        return (
            self.size > 0
            and self._store.size(self.entry_path(self.size)) is None
            and self._store.size(self.note_path(self.size)) is not None
            and self._read_note(self.size) == self.checkpoint
        )

    def refresh(self) -> None:
        """See what was appended since by another process; raise TamperedError if the log went back."""
        latest = self.checkpoint if self._is_latest() else self._latest()
        if latest.size < self.size or (latest.size == self.size and latest.root != self.checkpoint.root):
            raise TamperedError(
                f"log {self.name} had {self.size} entries a moment ago and has {latest.size} now",
                "somebody put an older state of the vault in its place",
            )
        self.checkpoint = latest
        if self._leaves:  # else nobody asked for them yet
            self.leaves()

    def effects(self) -> list[Effect]:
        """Return what each committed entry does to the files of the vault."""
        self.leaves()
        return self._effects

    def append(self, entries: Sequence[Entry], signer: SigningKey) -> Checkpoint:
        """Append `entries` together and sign a checkpoint over them; committed when this returns."""
        if signer.verifier != self.key:
            raise VaultError("the signing key of this device is not the one of this log")
        latest = self.size if self._is_latest() else max(self.note_sizes(), default=0)
        if latest != self.size:  # a failed append may have been kept after all
            raise VaultError(f"log {self.name} grew since it was opened", "run the same command again")
        self.leaves()
        frontier, leaves = self._frontier.copy(), []
        for index, entry in enumerate(entries, start=self.size):
            self._store.write(self.entry_path(index), entry.encode())
            leaves.append(entry.leaf())
            frontier.add(leaves[-1])
        checkpoint = Checkpoint(self.key.name, self.size + len(leaves), frontier.root())
        signed = signer.sign_note(checkpoint.text())
        self._store.write(self.note_path(checkpoint.size), signed)
        self._store.write(f"{self._folder}/checkpoint", signed)
        self._take(leaves, [entry.effect for entry in entries], frontier)
        self.checkpoint = checkpoint
        return checkpoint

    def add_signatures(self, size: int, signatures: Sequence[note.Signature]) -> bytes:
        """Return the note of `size` with `signatures` added, not stored yet.

        Raises RefusedError where it could not be read again, and so nothing be proven in it any more.
        """
        signed = note.parse(self.note_bytes(size))
        new = tuple(s for s in signatures if s not in signed.signatures)
        data = note.Note(signed.text, signed.signatures + new).encode()
        try:
            note.parse(data)
        except MalformedError as error:
            raise RefusedError(
                f"{len(new)} signatures can not be added to checkpoint {size} of log {self.name}: {error}",
                "a cosigner signs a checkpoint once: ask whoever sent so many",
            ) from None
        return data

    def root_at(self, size: int) -> bytes:
        """Return the root when the log had `size` entries."""
        if size > self.size:
            raise TamperedError(
                f"the log has {self.size} entries, fewer than the {size} of that checkpoint",
                "somebody put an older state of the vault in its place",
            )
        return merkle.root_of(self.leaves()[:size])

    def prove(self, index: int, size: int) -> LogProof:
        """Return the proof that entry `index` is in the checkpoint of `size`."""
        leaves = self.leaves()[:size]
        hashes = inclusion_proof(leaves, index)
        merkle.verify_inclusion(index, size, leaves[index], hashes, self._read_note(size).root)
        return LogProof(index, tuple(hashes), self.note_bytes(size))


def inclusion_proof(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """Return the audit path of leaf `index` (RFC 6962, 2.1.1)."""
    if len(leaves) <= 1:
        return []
    split = 1 << (len(leaves) - 1).bit_length() - 1
    if index < split:
        return [*inclusion_proof(leaves[:split], index), merkle.root_of(leaves[split:])]
    return [*inclusion_proof(leaves[split:], index - split), merkle.root_of(leaves[:split])]


def consistency_proof(leaves: Sequence[bytes], old_size: int) -> list[bytes]:
    """Return the proof that all `leaves` continue the first `old_size` (RFC 6962, 2.1.2)."""
    if not 0 < old_size < len(leaves):
        return []
    return _subproof(leaves, old_size, whole=True)


def _subproof(leaves: Sequence[bytes], old_size: int, *, whole: bool) -> list[bytes]:
    if old_size == len(leaves):
        return [] if whole else [merkle.root_of(leaves)]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    if old_size <= split:
        return [*_subproof(leaves[:split], old_size, whole=whole), merkle.root_of(leaves[split:])]
    right = _subproof(leaves[split:], old_size - split, whole=False)
    return [*right, merkle.root_of(leaves[:split])]
