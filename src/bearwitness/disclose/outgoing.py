"""What a finished release shows, as the hashes that people approve; read from its own statement."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from bearwitness.custody.statements import digest
from bearwitness.errors import MalformedError
from bearwitness_verify import canonical
from bearwitness_verify.canonical import Json, unb64
from bearwitness_verify.leaves import ITEM_HEIGHT, TreeRef, hash_leaf, item_id

from .request import CLEAR, REDACTED, TEXT

_OF_EVERY_FILE: Final = frozenset({"content", "fate", "sha256", "size", "tracks"})
_OF_EVERY_CLIP: Final = frozenset({"content", "fate", "tracks"})
_OF_EVERY_STILL: Final = frozenset({"fate", "tracks"})
_OF_EVERY_COPY: Final = frozenset({"fate"})
_OF_EVERY_DELIVERY: Final = frozenset({"delivery", "kind"})


@dataclass(frozen=True)
class Outgoing:
    """An exhibit that lies ready: its item, the SHA-256 of its bytes, clear or redacted or text."""

    item: str
    sha256: str
    treatment: str


@dataclass(frozen=True)
class Draft:
    """All that a release shows. `plan` stands for what is told besides the exhibits, None for nothing."""

    exhibits: tuple[Outgoing, ...]
    plan: str | None

    def encode(self) -> bytes:
        """Return canonical JSON."""
        exhibits: list[Json] = [dict(vars(exhibit)) for exhibit in self.exhibits]
        return canonical.dumps({"exhibits": exhibits, "plan": self.plan, "type": "release-draft", "v": "1"})

    @classmethod
    def decode(cls, data: bytes) -> Draft:
        """Read canonical JSON strictly."""
        got = canonical.members(canonical.loads(data, "the draft"), "the draft", "exhibits plan type v")
        if (got["type"], got["v"]) != ("release-draft", "1"):
            raise MalformedError("this is no draft of a release")
        exhibits = []
        for value in canonical.array(got["exhibits"], "the exhibits of a draft"):
            one = canonical.members(value, "an exhibit of a draft", "item sha256 treatment")
            exhibits.append(Outgoing(**{name: canonical.text(member) for name, member in one.items()}))
        return cls(tuple(exhibits), None if got["plan"] is None else canonical.text(got["plan"]))


def draft_of(statement: bytes) -> Draft:
    """Return what the release with this statement (``release.json``, made here) shows."""
    value = canonical.loads(statement, "the statement")
    if not isinstance(value, dict):
        raise MalformedError("the statement is no object")
    hashes = {canonical.text(f["name"]): canonical.text(f["sha256"]) for f in _objects(value["files"])}
    exhibits: set[Outgoing] = set()
    told: list[Json] = []
    for delivery in _objects(value["deliveries"]):
        for item in _objects(delivery["items"]):
            exhibits.update(_of_item(item, hashes, _objects(value.get("statements", []))))
        told += _of_delivery(delivery)
    said: list[Json] = [value.get("account"), value.get("conditions") or None]
    if value.get("answers"):
        told.append(value["answers"])
    if value.get("escrow"):
        told.append(value["escrow"])
    if value.get("ranges"):
        told.append(value["ranges"])
    plan = digest([*said, *told]) if any(said) or any(told) else None
    return Draft(tuple(sorted(exhibits, key=lambda e: (e.item, e.sha256))), plan)


def conditions_of(statement: bytes) -> dict[str, str]:
    """Return the conditions that a statement made here tells."""
    value = canonical.loads(statement, "the statement")
    told = value.get("conditions") if isinstance(value, dict) else None
    return {name: canonical.text(text) for name, text in told.items()} if isinstance(told, dict) else {}


class ExhibitFile(NamedTuple):
    """A file that goes out: its name, its SHA-256, and the name of the file that plays the same bytes."""

    name: str
    sha256: str
    plays: str


def files_of(statement: bytes) -> list[ExhibitFile]:
    """Return the files that the exhibits of a statement made here consist of."""
    value = canonical.loads(statement, "the statement")
    if not isinstance(value, dict):
        raise MalformedError("the statement is no object")
    hashes = {canonical.text(f["name"]): canonical.text(f["sha256"]) for f in _objects(value["files"])}
    plays = {name: name for name in hashes if name.startswith("exhibits/")}
    for delivery in _objects(value["deliveries"]):
        for item in _objects(delivery["items"]):
            for clip in _objects(item.get("clips", [])):
                segments = clip["segments"]
                if clip["playable"] is not None and isinstance(segments, dict):
                    plays[canonical.text(segments["file"])] = canonical.text(clip["playable"])
            for copy in _objects(item.get("redacted", [])):
                copied = copy["copied"]
                segments = copied["segments"] if isinstance(copied, dict) else None
                if isinstance(segments, dict):  # all of them stand in the copy too
                    plays[canonical.text(segments["file"])] = canonical.text(copy["file"])
    return [ExhibitFile(name, hashes[name], by) for name, by in sorted(plays.items())]


def _of_item(
    item: Mapping[str, Json], hashes: Mapping[str, str], statements: list[dict[str, Json]]
) -> Iterator[Outgoing]:
    """Yield its files, the files of its clips, and one text of the fields and words that are shown of it."""
    root = TreeRef("item-field", ITEM_HEIGHT, unb64(item["root"], "a root", 32))
    leaf = hash_leaf("item", unb64(item["salt"], "a salt", 32), canonical.dumps(root.to_json()))
    name, clips = item_id(leaf), _objects(item.get("clips", []))
    files = [item["file"], *(clip["playable"] for clip in clips)]
    stills = _objects(item.get("stills", []))
    for still in stills:
        tiles = still["tiles"]
        files += [still["picture"], tiles["file"] if isinstance(tiles, dict) else None]
    for clip in clips:
        segments = clip["segments"]
        files.append(segments["file"] if isinstance(segments, dict) else None)
    copies = _objects(item.get("redacted", []))
    proven = [copy["copied"] for copy in copies if isinstance(copy["copied"], dict)]
    for copied in proven:  # the packets of its pictures that were not altered
        segments = copied["segments"] if isinstance(copied, dict) else None
        files.append(segments["file"] if isinstance(segments, dict) else None)
    for file in files:
        if file is not None:
            yield Outgoing(name, hashes[canonical.text(file)], CLEAR)
    for copy in copies:
        yield Outgoing(name, hashes[canonical.text(copy["file"])], REDACTED)
    # What goes with the bytes by itself. A size or hash of the sealed file does so with all of it alone.
    along: set[str] = set()
    along |= _OF_EVERY_FILE if item["file"] is not None else set()
    along |= _OF_EVERY_CLIP if clips or proven else set()
    along |= _OF_EVERY_STILL if stills else set()
    along |= _OF_EVERY_COPY if copies else set()
    payloads = _payloads(item["fields"])
    more = [p for p in payloads if p["name"] not in along]
    words: list[Json] = [s for s in statements if s["item"] == name]
    if more or words:
        yield Outgoing(name, digest({"fields": [*payloads], "statements": words}), TEXT)


def _of_delivery(delivery: Mapping[str, Json]) -> list[Json]:
    """Return what is told of a delivery besides that it is one: fields of its entry, what is withheld."""
    entry = delivery["entry"]
    shown = _payloads(entry["shown"] if isinstance(entry, dict) else [])
    more: list[Json] = [p for p in shown if p["name"] not in _OF_EVERY_DELIVERY]
    withheld = delivery.get("withheld")
    grounds: list[Json] = [[w["leaf"], w["ground"]] for w in _objects(withheld or [])]
    return [more or None, grounds or None]


def _payloads(leaves: Json) -> list[dict[str, Json]]:
    found = []
    for leaf in _objects(leaves):
        payload = leaf["payload"]
        if isinstance(payload, dict):
            found.append(payload)
    return found


def _objects(value: Json) -> list[dict[str, Json]]:
    return [one for one in canonical.array(value, "a list") if isinstance(one, dict)]
