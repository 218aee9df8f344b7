"""Has checkpoints stamped, keeps the stamps, renews them (docs/format.md, 7)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from cryptography import x509

from bearwitness.custody import stamping
from bearwitness.errors import RefusedError
from bearwitness.vault import stampfiles
from bearwitness.vault.vault import Vault, digest_of
from bearwitness_verify import der, note, timestamp
from bearwitness_verify.canonical import Json
from bearwitness_verify.stamps import StampFile


@dataclass(frozen=True)
class Wanted:
    """What is to be stamped: the plain note of a checkpoint, or with `renewal` an older stamp file."""

    size: int
    message: bytes
    renewal: bool


@dataclass(frozen=True)
class Trust:
    """Who is believed about time: roots of authorities, and certificates and lists to keep."""

    roots: Sequence[x509.Certificate] = ()
    certificates: Sequence[bytes] = ()
    crls: Sequence[bytes] = ()


def latest(vault: Vault, size: int | None = None) -> Wanted:
    """Return the latest checkpoint (or the one of `size`) as something to stamp."""
    wanted = vault.log.size if size is None else size
    if wanted not in vault.log.note_sizes():
        raise RefusedError(f"there is no checkpoint of size {wanted}")
    plain = note.parse(vault.log.note_bytes(wanted)).plain(vault.log.key)
    return Wanted(wanted, plain.encode(), renewal=False)


def to_renew(vault: Vault) -> list[Wanted]:
    """Return every stamp file that no other stamp file renews yet."""
    found = []
    for size, files in stampfiles.by_size(vault, vault.log).items():
        renewed = {StampFile.parse(data).renewed for data in files}
        found += [Wanted(size, data, renewal=True) for data in files if sha256(data).digest() not in renewed]
    return found


def keep(vault: Vault, wanted: Wanted, stamp: bytes) -> dict[str, Json]:
    """Keep a checked stamp file, bound by an entry; return what the entry says."""
    info = timestamp.parse_reply(StampFile.parse(stamp).reply).info
    path = stampfiles.stamp_path(vault.log, wanted.size, stamp)
    vault.store.write(path, stamp)
    signer = timestamp.check_consistent(
        timestamp.parse_reply(StampFile.parse(stamp).reply),
        wanted.message,
        StampFile.parse(stamp).certificates,
    )
    said: dict[str, Json] = {
        "stamp": digest_of(stamp),
        "authority": signer.title,
        "stamped_time": info.time.isoformat(),
        "size": str(wanted.size),
    }
    vault.append({"kind": "stamped", **said}, {path: digest_of(stamp)})
    return said


def order(
    vault: Vault, wanted: Wanted, url: str, trust: Trust, *, lists: bool
) -> tuple[dict[str, Json], list[str]]:
    """Order a stamp over the network and keep it; return what was entered, and what could not be had."""
    stamp, problems = stamping.order(
        url,
        wanted.message,
        renewal=wanted.renewal,
        roots=trust.roots,
        certificates=trust.certificates,
        crls=trust.crls,
        fetch_lists=lists,
    )
    return keep(vault, wanted, stamp), problems


def read_request(query: bytes) -> tuple[bytes, int]:
    """Return the hash and the nonce in a TimeStampReq (RFC 3161, 2.4.1) that we wrote."""
    with der.Reader(query, "the request") as outer, outer.sequence() as request:
        request.integer()
        with request.sequence() as imprint:
            imprint.any()
            digest = imprint.octets()
        nonce = request.integer()
        request.boolean()
    return digest, nonce


def accept(vault: Vault, wanted: Wanted, query: bytes, reply: bytes, trust: Trust) -> dict[str, Json]:
    """Keep a reply that was carried here by hand, for the request `query` written before."""
    stamp = stamping.accept_reply(
        reply,
        wanted.message,
        read_request(query)[1],
        renewal=wanted.renewal,
        roots=trust.roots,
        certificates=trust.certificates,
        crls=trust.crls,
    )
    return keep(vault, wanted, stamp)
