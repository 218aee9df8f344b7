"""A group whose vault holds footage and redacted copies of it, made with detectors told what to see."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from bearwitness.catalogue.catalogue import Catalogue
from bearwitness.custody import entries
from bearwitness.redact import attacker, eyes, items, redaction
from bearwitness.redact.tracking import Detection
from bearwitness.vault import keyring, redactions
from bearwitness.vault.derivatives import DONE, Derivation
from bearwitness.vault.ledger import VAULT, Ledger
from bearwitness.vault.opening import open_vault_proper
from forging import Forged
from people import Group
from redact import clips
from redact.conftest import Blind, Deaf, Idle
from redact.test_attack import Seer
from redact.test_rendering import GROUPS

FINE = {**GROUPS, "crf": "1"}  # packets large enough to be sealed one by one
FACE = Detection(24, 20, 32, 32, 0.9, "faces 1×")
HIDDEN = range(22, 38)  # frames in which the face is


def exchange_detectors(patch: pytest.MonkeyPatch, seen: range = HIDDEN) -> None:
    """Have plans see a face in the frames `seen`, and the attack nobody; nothing is read or heard."""

    def looker(worker: object, passes: object, threshold: float = 0.0, **_: object) -> Seer:
        return Seer() if threshold else Seer(dict.fromkeys(seen, FACE))

    patch.setattr(eyes, "InferenceWorker", Idle)
    patch.setattr(eyes, "FaceLooker", looker)
    patch.setattr(eyes, "Texts", lambda worker: Blind())
    for module in (redaction, attacker):
        patch.setattr(module, "Listener", lambda **_: Deaf())


class Studio(Group):
    """A vault with `clip.mp4`, a redacted copy of it, and a plan that Anna and Ben approved."""

    def __init__(self, folder: Path, *more: object) -> None:
        super().__init__(folder)
        self.drive = folder / "second"
        self.drive.mkdir()
        clips.make(self.drive / "clip.mp4", "libx264", "aac", options=FINE)
        clips.make(self.drive / "other.mp4", "libx264", None, options=FINE, times=tuple(range(5, 65)))
        self.seal(self.drive)
        self.clip, self.other = (self.items()[name]["item"] for name in ("clip.mp4", "other.mp4"))
        with pytest.MonkeyPatch.context() as patch:
            exchange_detectors(patch)
            self.copy: Any = self.do("redact", self.clip, *more)
            self.other_copy: Any = self.do("redact", self.other, *more)
        for name in ("Anna", "Ben"):
            words = ["--subject", self.copy["plan_sha256"], "--purpose", redactions.APPROVAL]
            self.as_(name, "approve", *words)

    def enter(self, item: str, copy: bytes, plan: str, container: str = "mp4") -> str:
        """Have the vault enter any bytes as a redacted copy, as one that forges could; return their hash."""
        digest = sha256(copy).hexdigest()
        attack = redactions.encode_attack(digest, plan, [], {}, [])
        parameters: Any = {
            "build": "1",
            "container": container,
            "detectors": [],
            "plan": plan,
            "source": "00" * 32,
        }
        made = Derivation(
            digest, redactions.KIND, redactions.TOOL, items.VERSION, None, parameters, entries.now(), DONE,
            files={redactions.COPY: copy, redactions.ATTACK: attack, redactions.PLAN: b"{}"},
        )  # fmt: skip
        vault = open_vault_proper(self.vault)
        unlocked = keyring.unlock(vault, keyring.load_given([str(self.anna)], lambda _: ""))
        catalogue = Catalogue.in_memory(VAULT)
        catalogue.refresh(Ledger(vault, unlocked))
        items.enter(vault, unlocked, catalogue.find(item), made)
        catalogue.close()
        return digest


def redacted(forged: Forged) -> Any:
    """Return the one redacted copy that a forged release shows."""
    (copy,) = forged.own["items"][0]["redacted"]
    return copy


def within(data: bytes, *path: bytes) -> int:
    """Return where the content of a box stands, found by its name after those before it."""
    at = 0
    for kind in path:
        at = data.index(kind, at) + 4
    return at


def patched(data: bytes, at: int, new: bytes) -> bytes:
    return data[:at] + new + data[at + len(new) :]


def _retimed(copy: bytes, packets: bytes) -> bytes:
    del packets
    at = within(copy, b"vide", b"stts") + 8
    count, delta = struct.unpack_from(">II", copy, at)
    return patched(copy, at, struct.pack(">II", count, delta + 1))


def _resized(copy: bytes, packets: bytes) -> bytes:
    del packets
    return patched(copy, within(copy, b"tkhd") + 88, struct.pack(">I", 100 << 16))


def _turned(copy: bytes, packets: bytes) -> bytes:
    del packets
    return patched(copy, within(copy, b"tkhd") + 52, struct.pack(">i", -65536))


def _other_parameters(copy: bytes, packets: bytes) -> bytes:
    del packets
    at = within(copy, b"avcC") + 8
    return patched(copy, at + 3, bytes([copy[at + 3] ^ 1]))


def _other_keys(copy: bytes, packets: bytes) -> bytes:
    del packets
    at = within(copy, b"vide", b"stss") + 12  # the second key frame, of the group that is copied
    return patched(copy, at, struct.pack(">I", 52))


def _flipped_copied(copy: bytes, packets: bytes) -> bytes:
    at = copy.index(packets[:64]) + 100
    return patched(copy, at, bytes([copy[at] ^ 1]))


def _stuffed(copy: bytes, packets: bytes) -> bytes:
    del packets
    return copy + struct.pack(">I4s", 12, b"free") + b"more"


def _faster(copy: bytes, packets: bytes) -> bytes:
    del packets
    return patched(copy, within(copy, b"mvhd") + 32, struct.pack(">I", 4 << 16))


def _media_elsewhere(copy: bytes, packets: bytes) -> bytes:
    del packets
    return patched(copy, within(copy, b"vide", b"dref", b"url "), bytes(4))  # not in this file


FORGERIES: dict[str, Callable[[bytes, bytes], bytes]] = {
    "retimed": _retimed, "resized": _resized, "turned": _turned, "other parameters": _other_parameters,
    "other keys": _other_keys, "a copied picture altered": _flipped_copied, "stuffed": _stuffed,
    "faster": _faster, "media elsewhere": _media_elsewhere,
}  # fmt: skip


def forged_copies(studio: Studio, released: Path, folder: Path) -> Iterator[tuple[str, Forged]]:
    """Yield releases of forged copies that the vault entered, called copied where the good one is."""
    honest = Forged(released, studio.vault, folder)
    good = redacted(honest)
    packets = honest.files[good["copied"]["segments"]["file"]]
    for name, forge in FORGERIES.items():
        copy = forge(honest.files[good["file"]], packets)
        digest = studio.enter(studio.clip, copy, studio.copy["plan_sha256"])
        place = folder / f"entered {name}"
        studio.do("release", place, "--redacted", f"{studio.clip}:{digest[:12]}")
        made = Forged(place, studio.vault, folder)
        shown = redacted(made)
        shown["copied"] = good["copied"]
        made.put(good["copied"]["segments"]["file"], packets)
        have = {leaf["payload"]["name"] for leaf in made.own["items"][0]["fields"]}
        assert have <= {leaf["payload"]["name"] for leaf in honest.own["items"][0]["fields"]}
        made.own["items"][0]["fields"] = honest.own["items"][0]["fields"]
        yield name, made
