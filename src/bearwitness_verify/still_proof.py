"""Proves a still: entry, packet and tiles, and that its picture is made of them alone (format.md 11.4)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from . import merkle
from .canonical import Json
from .clip_proof import cut, prove_table
from .errors import ProofError
from .evidence import ProvenItem, check_evidence, entry_fields, entry_leaf
from .leaves import hash_leaf
from .note import VerifierKey
from .release import Still
from .rows import Track
from .still_picture import picture
from .stills import Frame, Pieces, parse_frame

SHOWN: Final = ("item", "kind", "still")


@dataclass(frozen=True)
class ProvenStill:
    """What was proven of a still: the frame, its track (with one packet), which tiles are shown."""

    frame: Frame
    track: Track
    shown: int
    checkpoint: int


def check_still(
    still: Still, item: ProvenItem, vault: VerifierKey, raw: Iterable[bytes], made: Iterable[bytes]
) -> ProvenStill:
    """Check a still of a proven `item`; return what it shows.

    `raw` are the bytes of its tiles' file, `made` those of its picture. Raises ProofError.
    """
    if still.log.key != vault:
        raise ProofError("the still stands in the log of another vault")
    checkpoint = check_evidence(entry_leaf(still.entry), still.log)
    fields = entry_fields(still.entry, "still")
    if not fields.keys() >= set(SHOWN):
        raise ProofError("of the entry of a still the fields item, kind and still must be shown")
    if fields["item"] != item.item:
        raise ProofError("the still was chosen from another item")
    frame = parse_frame(fields["still"])
    track = _packet(still.pieces, frame, item.fields)
    tiles = prove_tiles(still.pieces, frame, raw)
    _same(picture(frame, tiles), made)
    return ProvenStill(frame, track, len(tiles), checkpoint.size)


def _packet(still: Pieces, frame: Frame, fields: Mapping[str, Json]) -> Track:
    """Return the track of the packet that the frame was decoded from, proven in the item's track table."""
    tracks = prove_table(fields, still.table)
    if len(tracks) != 1 or len(tracks[0].rows) != 1:
        raise ProofError("a still is of exactly one packet of one track")
    (track,) = tracks
    if (track.number, still.table.proof.indices[-1]) != (frame.track, frame.packet):
        raise ProofError("the packet shown is not the one the still was decoded from")
    if track.media != "video" or track.rows[0].time != frame.time:
        raise ProofError("the still is of another time than its packet, or of no picture")
    return track


def prove_tiles(still: Pieces, frame: Frame, raw: Iterable[bytes]) -> dict[int, bytes]:
    """Return the payloads of the tiles shown, by number, once they are proven; raise ProofError."""
    proof, layout = still.proof, frame.layout
    if proof.indices[-1] >= layout.count:
        raise ProofError("a tile lies beyond the picture")
    payloads = list(cut(raw, [layout.tile_bytes(tile) for tile in proof.indices]))
    hashes = [hash_leaf("tile", proof.salt(n), payload) for n, payload in enumerate(payloads)]
    if merkle.root_from_several(proof.indices, frame.tiles.height, hashes, proof.hashes) != frame.tiles.root:
        raise ProofError("the tiles shown are not those of the still that was chosen")
    return dict(zip(proof.indices, payloads, strict=True))


def _same(wanted: bytes, made: Iterable[bytes]) -> None:
    at = 0
    for piece in made:
        if wanted[at : at + len(piece)] != piece:
            raise ProofError("the picture of a still differs from its proven tiles")
        at += len(piece)
    if at != len(wanted):
        raise ProofError("the picture of a still is shorter than its proven tiles make it")


def still_id(value: Json) -> str:
    """Return the id of a still, the beginning of its root, from the field `still` of its entry."""
    return parse_frame(value).tiles.root[:16].hex()
