"""Writes what a release consists of into a folder: exhibits, statement, signature, instructions."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from hashlib import sha256
from pathlib import Path

from bearwitness.custody.log import Log
from bearwitness.errors import RefusedError
from bearwitness.vault import stampfiles
from bearwitness.vault.delivery import OpenDelivery, Record
from bearwitness.vault.indexblob import read_index
from bearwitness.vault.ledger import DeliveryRecord, Ledger
from bearwitness.vault.redactions import Redaction
from bearwitness_verify import canonical
from bearwitness_verify.canonical import Json, b64
from bearwitness_verify.checkpoint import Checkpoint
from bearwitness_verify.leaves import item_id
from bearwitness_verify.release import SIGNATURE_NAME, STATEMENT_NAME

from . import footage, proofs, webpage
from .clip_choice import Asked, Taken
from .clips import write_clip
from .copies import CopyWriter, WrittenCopy
from .exhibits import write_exhibit
from .found import Found, Shown, find
from .instructions import NAME as INSTRUCTIONS_NAME
from .instructions import instructions
from .proofs import Chosen
from .ranges import Amounts
from .selection import Selection, answer_json
from .still_choice import ChosenStill
from .stills import AskedStill, WrittenStill, write_still

_ALWAYS_ITEM = frozenset({"fate"})
_ALWAYS_FILE = frozenset({"content", "fate", "sha256", "size"})
_ALWAYS_CLIP = frozenset({"content", "fate", "tracks"})
_ALWAYS_STILL = frozenset({"fate", "tracks"})
_ALWAYS_DELIVERY = frozenset({"kind", "delivery"})


@dataclass(frozen=True)
class Part:
    """What is shown of an item: all its bytes, clips, stills, or only fields."""

    delivery: str
    leaf: bytes
    whole: bool
    clips: tuple[Asked, ...]
    stills: tuple[tuple[ChosenStill, AskedStill], ...] = ()
    copies: tuple[Redaction, ...] = ()


@dataclass(frozen=True)
class File:
    """A file of the release."""

    name: str
    size: int
    sha256: str


@dataclass
class Made:
    """What was written, beside the statement itself."""

    statement: bytes = b""
    clips: list[Taken] = field(default_factory=list)
    stills: list[WrittenStill] = field(default_factory=list)
    copies: list[WrittenCopy] = field(default_factory=list)


class Builder:
    """Writes the files of a release into a folder."""

    def __init__(
        self,
        ledger: Ledger,
        folder: Path,
        chosen: Chosen,
        selection: Selection,
        checkpoints: Sequence[Checkpoint],
        *,
        seal_date: bool = True,
        exact: bool = True,
        plans: bool = False,
    ) -> None:
        """`seal_date`: time stamps and cosignatures, which tell when a delivery was sealed, may be shown.

        `exact`: packets of the original may be shown as such; `plans`: the plans of redacted copies go along.
        """
        self._writer = CopyWriter(ledger, exact=exact, plans=plans)
        self._ledger, self._folder, self._chosen, self._selection = ledger, folder, chosen, selection
        self._checkpoints, self._seal_date = checkpoints, seal_date
        self._plain = selection.is_plain
        self._files: list[File] = []
        self._number = 0
        self._items = 0
        self._shown_seconds = self._held_seconds = Fraction(0)
        self._held_items = 0
        self._amounts = Amounts()
        self.made = Made()

    def build(self, parts: Sequence[Part], progress: Callable[[str], None]) -> Made:
        """Write exhibits, statement, signature and instructions."""
        wanted = {part.delivery: {p.leaf: p for p in parts if p.delivery == part.delivery} for part in parts}
        deliveries: list[Json] = []
        for record in self._ledger.deliveries():
            if record.delivery in wanted:
                count = len(wanted[record.delivery])
                progress(f"proving {count} item{'s' * (count != 1)} of delivery {record.delivery}")
                deliveries.append(self._delivery(record, wanted[record.delivery]))
        vault = self._ledger.vault.config.vault_key
        text = instructions(vault, [f.name for f in self._files], deliveries, self._folder).encode()
        (self._folder / INSTRUCTIONS_NAME).write_bytes(text)
        page = webpage.page()
        (self._folder / webpage.NAME).write_bytes(page)
        files = [
            File(INSTRUCTIONS_NAME, len(text), sha256(text).hexdigest()),
            File(webpage.NAME, len(page), sha256(page).hexdigest()),
            *self._files,
        ]
        listed: list[Json] = [
            {"bytes": str(f.size), "name": f.name, "sha256": f.sha256}
            for f in sorted(files, key=lambda f: f.name)
        ]
        value: dict[str, Json] = {
            "deliveries": deliveries,
            "files": listed,
            "type": "release",
            "v": "1" if self._plain else self._selection.version,
            "vault": vault.encode(),
        }
        if not self._plain:
            value |= self._said(parts)
        self._sign(canonical.dumps(value))
        return self.made

    def _sign(self, statement: bytes) -> None:
        (self._folder / STATEMENT_NAME).write_bytes(statement)
        signer = self._ledger.vault.signer()
        note = signer.sign_note(f"bearwitness/1/release\n{sha256(statement).hexdigest()}\n")
        (self._folder / SIGNATURE_NAME).write_bytes(note)
        self.made.statement = statement

    def _said(self, parts: Sequence[Part]) -> dict[str, Json]:
        """Return what version 2 says besides its proofs."""
        ids = [item_id(part.leaf) for part in parts]
        statements: list[Json] = []
        for said in self._selection.statements:
            (item,) = (i for i in ids if i.startswith(said.item))
            statements.append(said.to_json(item))
        account: dict[str, Json] = {"items": None, "seconds": None}
        if "items" in self._selection.account:
            account["items"] = {"held": str(self._held_items), "shown": str(self._items)}
        if "seconds" in self._selection.account:
            held, shown = math.ceil(self._held_seconds), math.ceil(self._shown_seconds)
            account["seconds"] = {"held": str(max(held, shown)), "shown": str(shown)}
        told = account if self._selection.account & {"items", "seconds"} else None
        value: dict[str, Json] = {"account": told, "conditions": dict(self._selection.conditions)}
        if self._selection.answers:
            value["answers"] = [answer_json(answer) for answer in self._selection.answers]
        if self._selection.escrow:
            value["escrow"] = {"sha256": self._selection.escrow}
        if self._selection.ranges and self._amounts.years:
            value["ranges"] = self._amounts.to_json(self._selection.ranges)
        return {**value, "statements": statements}

    def _delivery(self, record: DeliveryRecord, parts: Mapping[bytes, Part]) -> Json:
        opened = self._ledger.open_delivery(record.delivery)
        counting = "seconds" in self._selection.account | self._selection.ranges
        listing = "withheld" in self._selection.account
        found = find(opened, record, parts.keys(), others=listing, counting=counting)
        self._held_seconds += found.seconds
        self._add_amounts(record, found)
        items = [self._item(opened, found.shown[leaf], parts[leaf]) for leaf in sorted(found.shown)]
        self._items += len(items)
        names = _ALWAYS_DELIVERY | self._chosen.delivery_fields
        if self._selection.account & {"items", "withheld"}:
            names |= {"items"}
            self._held_items += canonical.integer(record.body.fields["items"], "the count of items")
        log = self._ledger.vault.log
        imported: Json = None
        if record.imported is not None and record.imported.body is not None:
            act, body = record.imported, record.imported.body
            imported = {
                "entry": proofs.entry_json(act.entry, body, ("kind", "device", "checkpoint")),
                "log": self._log(log, act.index),
            }
            log, checkpoint = self._ledger.device_log(act)
            own = self._device_log(log, record.sealed.index, checkpoint.size)
        else:
            own = self._log(log, record.sealed.index)
        entry = proofs.entry_json(record.sealed.entry, record.body, names)
        delivery: dict[str, Json] = {"entry": entry, "import": imported, "items": list(items), "log": own}
        if not self._plain:
            delivery["withheld"] = self._withheld(found) if listing else None
        return delivery

    def _add_amounts(self, record: DeliveryRecord, found: Found) -> None:
        fields, amounts = record.body.fields, self._amounts
        amounts.items += canonical.integer(fields["items"], "the count of items")
        amounts.bytes += canonical.integer(fields["bytes"], "the count of bytes")
        amounts.seconds += math.ceil(found.seconds)
        told = fields["time"]
        amounts.years.append(int(canonical.text(told["utc"] if isinstance(told, dict) else told)[:4]))

    def _withheld(self, found: Found) -> Json:
        grounds = self._selection.grounds
        listed: list[Json] = []
        for leaf in sorted(found.others):
            item = item_id(leaf)
            own = next((ground for name, ground in grounds.items() if item.startswith(name)), "")
            ground = own or found.others[leaf] or self._selection.other_ground
            if not ground:
                raise RefusedError(
                    f"item {item} is withheld, and no ground is given",
                    "give --ground ITEM=TEXT, or --other-ground TEXT for all that have none of their own",
                )
            place = found.tree.proofs[leaf]
            listed.append(
                {
                    "ground": ground,
                    "index": str(place.index),
                    "leaf": b64(leaf),
                    "path": proofs.hashes(place.path),
                }
            )
        return listed

    def _log(self, log: Log, index: int) -> Json:
        stamps = stampfiles.by_size(self._ledger.vault, log) if self._seal_date else {}
        sizes = proofs.covering_sizes(log, index, stamps.keys(), self._asked(log))
        return proofs.log_json(log, index, sizes, stamps, plain=not self._seal_date)

    def _device_log(self, log: Log, index: int, imported: int) -> Json:
        """Return the proof in the imported checkpoint, and in earlier ones: stamped, or asked for."""
        stamps = stampfiles.by_size(self._ledger.vault, log) if self._seal_date else {}
        stamped = [size for size in stamps if index < size < imported][:1]
        asked = [size for size in self._asked(log) if index < size < imported]
        sizes = [imported, *sorted({*stamped, *asked})]
        return proofs.log_json(log, index, sizes, stamps, plain=not self._seal_date)

    def _asked(self, log: Log) -> list[int]:
        """Return the sizes of this log's checkpoints that the recipient holds already."""
        return [known.size for known in self._checkpoints if known.origin == log.key.name]

    def _item(self, opened: OpenDelivery, shown: Shown, part: Part) -> Json:
        record = shown.record
        names = _ALWAYS_ITEM | self._chosen.item_fields
        whole = part.whole and record.size is not None
        if whole or part.clips or part.stills or part.copies or self._plain:
            self._number += 1
        file: str | None = None
        content: Json = None
        if whole:
            exhibit = write_exhibit(self._folder / "exhibits", self._number, opened, record)
            self._files.append(File(exhibit.name, exhibit.size, exhibit.sha256))
            file, content, names = exhibit.name, exhibit.content, names | _ALWAYS_FILE
            if "seconds" in self._selection.account:
                self._shown_seconds += footage.seconds(read_index(opened, record))
        value = proofs.item_json(shown.proofs, shown.place, names, file, content)
        if self._plain:
            return value
        clips = self._clips(opened, record, part, again=whole)
        stills = self._stills(opened, record, part, again=whole or bool(clips))
        copies = self._copies(opened, record, part, again=whole or bool(clips) or bool(stills))
        names |= (_ALWAYS_CLIP if clips else frozenset()) | (_ALWAYS_STILL if stills else frozenset())
        proven = any(isinstance(copy, dict) and copy["copied"] for copy in copies)
        names |= _ALWAYS_CLIP if proven else frozenset()
        value = proofs.item_json(shown.proofs, shown.place, names, file, content)
        return {
            **value,
            "clips": clips,
            **({"redacted": copies} if copies else {}),
            **({"stills": stills} if stills else {}),
        }

    def _copies(self, opened: OpenDelivery, record: Record, part: Part, *, again: bool) -> list[Json]:
        copies: list[Json] = []
        for one in part.copies:
            if again or copies:
                self._number += 1
            written = self._writer.write(self._folder / "exhibits", self._number, opened, record, one)
            self._files += [File(file.name, file.size, file.sha256) for file in written.files]
            self.made.copies.append(written)
            copies.append(written.json)
        return copies

    def _stills(self, opened: OpenDelivery, record: Record, part: Part, *, again: bool) -> list[Json]:
        stills: list[Json] = []
        for chosen, asked in part.stills:
            if again or stills:
                self._number += 1
            exhibits = self._folder / "exhibits"
            written = write_still(exhibits, self._number, self._ledger, opened, record, chosen, asked)
            self._files += [File(file.name, file.size, file.sha256) for file in written.files]
            self.made.stills.append(written)
            stills.append(written.json)
        return stills

    def _clips(self, opened: OpenDelivery, record: Record, part: Part, *, again: bool) -> list[Json]:
        clips: list[Json] = []
        for asked in part.clips:
            if again or clips:
                self._number += 1
            written = write_clip(self._folder / "exhibits", self._number, opened, record, asked)
            self._files += [File(file.name, file.size, file.sha256) for file in written.files]
            self.made.clips.append(written.taken)
            clips.append(written.json)
            if not again:
                self._shown_seconds += written.taken.end - written.taken.begin
        return clips
