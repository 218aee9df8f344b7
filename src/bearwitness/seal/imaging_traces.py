"""What an operating system leaves on a drive, and people in its folders: for the quarantine, not the
evidence.

By these a drive tells whose machine it was in: names of accounts, recycle bins, indexes, thumbnails of
pictures long deleted. A source keeper screens them; the footage among them can be released from the
quarantine then.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

# At the root of a volume, whatever the case of their letters.
_ROOT_NAMES: Final = frozenset(
    {
        b"$recycle.bin", b"recycler", b"recycled", b"system volume information", b"$winreagent",
        b"windows", b"winnt", b"windows.old", b"$windows.~bt", b"$sysreset", b"program files",
        b"program files (x86)", b"programdata", b"users", b"documents and settings", b"msocache",
        b"recovery", b"perflogs", b"boot", b"bootmgr", b"bootnxt", b"hiberfil.sys", b"pagefile.sys",
        b"swapfile.sys", b"dumpstack.log.tmp",
        b".trashes", b".trash", b".fseventsd", b".spotlight-v100", b".documentrevisions-v100",
        b".temporaryitems", b".apdisk", b".volumeicon.icns", b".pkinstallsandboxmanager",
        b"lost+found", b"lost.dir", b"android", b".android_secure", b"efi",
    }
)  # fmt: skip
_ROOT_PREFIXES: Final = (b".trash-", b"found.0", b".com.apple.")
# Of a whole Unix system, which has all the signs below at its root.
_UNIX_SIGNS: Final = (b"etc", b"usr", b"var")
_UNIX_NAMES: Final = frozenset(
    b"bin boot dev etc home lib lib32 lib64 opt proc root run sbin snap srv sys tmp usr var "
    b"applications library private system volumes cores".split()
)
_ANYWHERE: Final = frozenset({b".ds_store", b"thumbs.db", b"ehthumbs.db", b"desktop.ini", b".directory"})
_ANYWHERE_PREFIXES: Final = (b"._",)
_STREAMS: Final = (b":zone.identifier", b":smartscreen", b":encryptable", b":com.apple.quarantine")
# Folders whose own folders are named after people.
HOMES: Final = frozenset({b"users", b"documents and settings", b"home"})


class Traces:
    """Says of a volume's names which are traces; `roots` are the names at its root."""

    def __init__(self, roots: Iterable[bytes]) -> None:
        signs = set(_UNIX_SIGNS)
        for name in roots:
            signs.discard(name.lower())
        self._unix = not signs

    def is_trace(self, name: bytes, *, at_root: bool) -> bool:
        """Say whether a name in a folder is a trace, and with it all that lies below it."""
        low = name.lower()
        if low in _ANYWHERE or low.startswith(_ANYWHERE_PREFIXES) or low.endswith(_STREAMS):
            return True
        if not at_root:
            return False
        main = low.partition(b":")[0]  # also the streams of such a folder
        if main in _ROOT_NAMES or main.startswith(_ROOT_PREFIXES):
            return True
        return self._unix and main in _UNIX_NAMES
