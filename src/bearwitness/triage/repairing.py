"""Makes a playable copy of a video that lost its index, with what a sibling of the same recorder says.

The copy is a derivative of kind ``repair``: the media data as they are, an index before them that was made
up. What is shown when, and at what size and rate, is the sibling's word: the copy is *reconstructed* and says
so. A sibling does not fit, and is refused, where the pictures it lets be found do not decode.
"""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from bearwitness import media
from bearwitness.catalogue.catalogue import Catalogue, ItemRow, refuse_other_name
from bearwitness.custody import entries
from bearwitness.errors import BearwitnessError, ChildFailedError, RefusedError
from bearwitness.jobs.model import job_id
from bearwitness.media.model import Facts
from bearwitness.media.plans import QUICK, USUAL
from bearwitness.media.probe import probe
from bearwitness.media.source import Source
from bearwitness.sandbox.client import Sandbox
from bearwitness.vault.derivatives import DONE, Derivation
from bearwitness.vault.entering import reader_of
from bearwitness.vault.ledger import Ledger
from bearwitness_verify.canonical import Json

from .analyser import VIDEO, Fact, Result
from .answers import plain_text, read_answer
from .clocks import recorder_of
from .kinds import HEAD_BYTES, guess

TASKS: Final = "bearwitness.triage.locked"
KIND: Final = "repair"
COPY: Final = "copy.mp4"
_VERSION: Final = "1"
_SHAPE: Final = {
    "refused": str, "start": int, "end": int, "pictures": int, "sounds": int, "decoded": int, "corrupt": int,
    "holes": int, "lost": int,
}  # fmt: skip
_CODECS: Final = ("h264", "hevc")
_FIT: Final = 0.9  # of the pictures that must decode, and of the bytes that must be found
_ANSWER_BYTES_MAX: Final = 256 << 20
_BYTES_MAX: Final = 1 << 30
_PIECE: Final = 1 << 20
_SIBLINGS_MAX: Final = 8


@dataclass(frozen=True)
class Repaired:
    """A copy that plays: what is entered of it, and which sibling it was made with."""

    sibling: str
    derivation: Derivation
    told: dict[str, Any]


def siblings(catalogue: Catalogue, row: ItemRow) -> list[ItemRow]:
    """Return items that may be of the same recorder, the likeliest first: by name, folder, delivery."""
    path = row.path.decode("utf-8", "replace")
    ranked = []
    for other in catalogue.items(row.delivery):
        usable = other.sha256 is not None and other.bytes and not other.same_as
        if not usable or other.item == row.item or catalogue.is_frozen(other.item):
            continue
        name = other.path.decode("utf-8", "replace")
        if name.rpartition(".")[2].lower() not in ("mp4", "mov", "m4v", "3gp"):
            continue
        near = sum(recorder_of(name, by) != recorder_of(path, by) for by in ("name", "folder"))
        ranked.append((near, name, other))
    return [other for _, _, other in sorted(ranked, key=lambda each: each[:2])[:_SIBLINGS_MAX]]


def repair(ledger: Ledger, row: ItemRow, candidates: Iterable[ItemRow], *, accept_weak: bool) -> Repaired:
    """Return a copy made with the first of `candidates` that fits.

    Raises RefusedError with a reason for each that does not, FrozenError for a frozen item or sibling,
    UsageError for another name of an item.
    """
    refuse_other_name(row)
    source = _source(ledger, row)
    if source.size > _BYTES_MAX:
        raise RefusedError("files above 1 GiB are not repaired yet: their copy is made in memory")
    if guess(source.read(0, min(HEAD_BYTES, source.size)) if source.read else b"") != VIDEO:
        raise RefusedError(f"item {row.item} is no video that could be repaired")
    reasons = []
    with (
        Sandbox(media.TASKS, accept_weak=accept_weak) as decoder,
        Sandbox(TASKS, accept_weak=accept_weak) as sandbox,
    ):
        for sibling in candidates:
            try:
                parameters = _parameters(probe(decoder, _source(ledger, sibling)))
                head, told = _salvaged(sandbox, source, parameters)
                data = head + b"".join(_pieces(source, told["start"], told["end"]))
                _check(decoder, data)
            except BearwitnessError as error:
                ledger.frozen.refuse([sibling.item])
                reasons.append(f"{sibling.item}: {error.message}")
                continue
            return Repaired(sibling.item, _derivation(row, sibling, told, data), told)
    raise RefusedError(
        f"item {row.item} can not be repaired: " + ("; ".join(reasons) or "there is no sibling to try"),
        "give a whole video of the same recorder: bearwitness repair --like ITEM",
    )


def _source(ledger: Ledger, row: ItemRow) -> Source:
    held = reader_of(ledger, row.delivery, row.part, row.leaf)
    return Source.of_ranges(held.read, held.size, f"item {row.item}")


def _parameters(facts: Facts) -> bytes:
    """Return what the task in the sandbox is told of a sibling's streams; raise RefusedError."""
    video, audio = facts.first("video"), facts.first("audio")
    if video is None or video.codec not in _CODECS or len(video.extradata) < 23 or not video.rate:
        raise RefusedError("it has no H.264 or H.265 whose parameters could be taken")
    if not video.decodes:
        raise RefusedError("its own pictures do not decode")
    if audio is not None and (audio.codec != "aac" or len(audio.extradata) < 2):
        raise RefusedError(f"its sound is {plain_text(audio.codec)}, and only AAC is known")
    told: dict[str, Any] = {
        "video": {
            "codec": video.codec, "extradata": base64.b64encode(video.extradata).decode(),
            "width": video.width, "height": video.height, "rate": str(video.rate),
        },
        "audio": None if audio is None else {
            "extradata": base64.b64encode(audio.extradata).decode(), "channels": audio.channels,
        },
    }  # fmt: skip
    return json.dumps(told).encode()


def _salvaged(sandbox: Sandbox, source: Source, parameters: bytes) -> tuple[bytes, dict[str, Any]]:
    """Return the head of the copy and what was found; raise RefusedError where the sibling does not fit."""
    files, ranges = source.handed()
    answer = sandbox.call("salvage", parameters, files, USUAL.limits(_ANSWER_BYTES_MAX), ranges)
    if len(answer) < 4:
        raise ChildFailedError("the child that repairs answered nonsense")
    (length,) = struct.unpack_from(">I", answer)
    told = read_answer(answer[4 : 4 + length], _SHAPE, "the child that repairs")
    if told["refused"]:
        raise RefusedError(plain_text(told["refused"]))
    if not 0 <= told["start"] < told["end"] <= source.size or told["pictures"] < 1:
        raise ChildFailedError("the child that repairs answered nonsense")
    whole = told["decoded"] - told["corrupt"]
    if whole < _FIT * told["pictures"]:
        raise RefusedError(f"it does not fit: {whole} of {told['pictures']} pictures decode with it")
    if told["lost"] > (1 - _FIT) * (source.size - told["start"]):
        raise RefusedError(f"it does not fit: {told['lost']:,} bytes are neither picture nor sound with it")
    return answer[4 + length :], told


def _pieces(source: Source, start: int, end: int) -> Iterator[bytes]:
    if source.read is None:
        raise AssertionError("an item is read by ranges")
    for at in range(start, end, _PIECE):
        yield source.read(at, min(_PIECE, end - at))


def _check(decoder: Sandbox, data: bytes) -> None:
    """See that another child opens the copy and decodes it; raise BearwitnessError."""
    video = probe(decoder, Source.of_bytes(data, "the copy"), plan=QUICK).first("video")
    if video is None or not video.decodes:
        raise RefusedError("the copy made with it does not decode")


def _derivation(row: ItemRow, sibling: ItemRow, told: dict[str, Any], data: bytes) -> Derivation:
    parameters: dict[str, Json] = {
        "sibling": sibling.item, "sibling_sha256": sibling.sha256.hex() if sibling.sha256 else "",
    }  # fmt: skip
    details = {
        **{name: told[name] for name in _SHAPE if name != "refused"},
        "label": "reconstructed: the index is made up after a sibling, the media data are the item's own",
        "sibling": sibling.item,
    }
    files = Result(facts=[Fact("reconstructed", "yes")], details=details, files={COPY: data}).encode()
    return Derivation(
        job=job_id(row.item, KIND, _VERSION, None, parameters),
        kind=KIND, tool="bearwitness repair", version=_VERSION, model=None, parameters=parameters,
        time=entries.now(), outcome=DONE, files=files,
    )  # fmt: skip
