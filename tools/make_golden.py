"""Makes the golden vault and release of version 1, once: `make golden`.

What lies in tests/golden/v1 must be read by every later version of the software (tests/test_golden.py), so it
is never made anew: this refuses where it is there. It drives the program through its commands, as people do.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
GOLDEN = ROOT / "tests" / "golden" / "v1"
BYTES_MAX = 1_500_000
CENTURY_DAYS = 36_500  # the authority's certificates must not run out before the format does
MTIME_NS = 1_741_789_327_123_456_789
FILES: dict[str, bytes] = {
    "CAM 03/note.txt": b"gate opened at 14:02\n",
    "CAM 03/copy of note.txt": b"gate opened at 14:02\n",
    "снимки/список.txt": "Смена 3\nпост 12, коридор Б\n".encode(),
    "papers/roster.csv": b"shift,post,name\n3,12,A. N.\n3,14,K. D.\n",
    "papers/empty.doc": b"",
    "papers/long.bin": b"".join(n.to_bytes(4, "big") for n in range(25_000)),
    "papers/withdrawn.txt": b"what she said, and took back\n" * 9,
    "line\nbreak.txt": b"a name with a newline\n",
}
KIT_FILES = {"from the field.txt": b"sealed where it happened\n", "more/кит.bin": bytes(range(256)) * 3}
IMAGE_FILES = {"DCIM/photo.txt": b"a picture, as it were\n", "readme.txt": b"on a stick\n"}


def main() -> int:
    """Make it; return the exit code."""
    if GOLDEN.exists():
        print(f"{GOLDEN} is there already; version 1 is made once and never again", file=sys.stderr)
        return 1
    sys.path.insert(0, str(ROOT / "tests"))
    with tempfile.TemporaryDirectory(prefix="golden-") as folder:
        os.chdir(folder)  # everything is named by relative paths: no name of this machine gets in
        story = Story(Path("v1"))
        story.tell()
        size = sum(path.stat().st_size for path in files_of(Path("v1")))
        if size > BYTES_MAX:
            print(f"{size} bytes are too many to keep in a repository", file=sys.stderr)
            return 1
        shutil.copytree("v1", GOLDEN, symlinks=True)
    print(f"{GOLDEN}: {size} bytes")
    return 0


class Story:
    """The acts that the golden vault remembers, in order."""

    def __init__(self, root: Path) -> None:
        from workbench import run, verify

        self._run, self._verify, self.root = run, verify, root
        self.keys, self.vault, self.kit = root / "keys", root / "vault", root / "kit"

    def do(self, *words: object, codes: tuple[int, ...] = (0,)) -> Any:
        """Run a command that must succeed; return its JSON."""
        return self._run(*words, "--json").ok(*codes).json

    def on_vault(self, verb: str, *words: object, codes: tuple[int, ...] = (0,)) -> Any:
        """Run a verb on the vault as Anna."""
        return self.do(verb, *words, "--vault", self.vault, "--identity", self.keys / "anna.key", codes=codes)

    def tell(self) -> None:
        """Do it all and keep what must be read from it."""
        self.found()
        self.seal()
        self.bring_home()
        self.witness()
        self.destroy()
        self.change_keys()
        self.release()
        self.shares()
        self.expect()
        for place in (self.vault, self.kit, self.root / "shared"):
            strip_local(place)

    def found(self) -> None:
        """Make keys and vault."""
        self.keys.mkdir(parents=True)
        self.recipients = {}
        for name in ("anna", "ben", "sara", "carla"):
            key = self.keys / f"{name}.key"
            self.recipients[name] = self.do("keys", "new", "-o", key)["recipient"]
        words = ["--recipient", self.recipients["anna"], "--recipient", self.recipients["ben"]]
        words += ["--source-keeper", self.recipients["sara"], "--origin", "bearwitness/golden-v1"]
        self.made = self.do("init", self.vault, *words, "--note", "founded for the tests")

    def seal(self) -> None:
        """Seal a folder with all kinds of names in it, and a disk image; keep an early checkpoint."""
        from containers.media import Recipe, make
        from disks.fat import Fat
        from disks.tree import Node
        from workbench import wav

        drive = write(Path("drive"), {**FILES, "CAM 03/gate.wav": wav(0.2)})
        for number, name in enumerate(("yard.mp4", "yard.mkv", "yard.ts")):
            made = make(drive / "CAM 03", Recipe(name, video="mpeg4", audio="mp2", frames=6, bitrate=40_000))
            os.utime(made, ns=(MTIME_NS, MTIME_NS + 1000 + number))
        with (drive / "papers/sparse.bin").open("wb") as file:  # its hole is not stored
            file.write(b"begin")
            file.seek(4 << 20)
            file.write(b"end")
        (drive / "latest").symlink_to("CAM 03/gate.wav")
        os.link(drive / "papers/roster.csv", drive / "papers/roster again.csv")
        os.mkfifo(drive / "papers/pipe")
        with open(os.fsencode(drive) + b"/\xff\xfe \xe4.txt", "wb") as file:
            file.write(b"a name that is not UTF-8\n")
        form = ["--by", "Anna", "--note", "handed over in person", "--bag", "0417", "--storage", "the safe"]
        form += ["--handler", "a relative", "--late", "copied twice before", "--instalment", "1/2", "--md5"]
        self.do("seal", drive, "--vault", self.vault, *form, "--card", "card.html")
        shutil.copy(self.vault / "log/vault/checkpoint", self.root / "early.checkpoint")
        folder = Node("DCIM", children=[Node("photo.txt", IMAGE_FILES["DCIM/photo.txt"])])
        image = Path("stick.img")
        image.write_bytes(Fat(64, bits=16).write([folder, Node("readme.txt", IMAGE_FILES["readme.txt"])]))
        self.do("seal", image, "--as", "image", "--vault", self.vault, "--by", "Ben")

    def bring_home(self) -> None:
        """Seal with a kit and import it."""
        self.do("kit", self.kit, "--vault", self.vault, "--label", "the laptop that travels")
        self.do("seal", write(Path("field"), KIT_FILES), "--vault", self.kit, "--note", "in the field")
        self.on_vault("import", self.kit)

    def witness(self) -> None:
        """Have the log cosigned, stamped, and the stamp renewed."""
        cosigner = self.do("cosign", "new", "--name", "paper.example/desk", "-o", "cosigner.key")
        (self.root / "cosigner.vkey").write_text(str(cosigner["cosigner"]) + "\n")
        size = self.do("cosign", "request", "request", "--vault", self.vault)["size"]
        words = ["--key", "cosigner.key", "--state", "seen", "--log-key", self.made["vault_key"]]
        Path("line").write_text(self.do("cosign", "sign", "request", *words)["cosignature"])
        self.do("cosign", "add", "line", "--cosigner", cosigner["cosigner"], "--vault", self.vault)
        self.stamp(size)
        shutil.copy(self.vault / "log/vault/checkpoint", self.root / "later.checkpoint")

    def stamp(self, size: int) -> None:
        """Have a checkpoint stamped by an authority whose certificates last a century, and stamped again."""
        import tsa

        root = tsa.issue("Golden Root", ca=True, days=(-400, CENTURY_DAYS))
        signer = tsa.issue("Golden Stamps", root, "p384", days=(-400, CENTURY_DAYS))
        (self.root / "tsa-root.pem").write_bytes(root.pem)
        authority = tsa.Openssl(signer)
        for renew in (["--size", size], ["--renew"]):
            self.do("stamp", "--vault", self.vault, "--request", "tsq", *renew)
            Path("tsr").write_bytes(authority.reply(Path("tsq").read_bytes()))
            words = ["--query", "tsq", "--reply", "tsr", "--tsa-root", self.root / "tsa-root.pem"]
            self.do("stamp", "--vault", self.vault, *words, *renew)

    def destroy(self) -> None:
        """Mirror the vault, destroy one item in both."""
        self.on_vault("restore", "out", codes=(3,))  # a pipe can not be restored, and that is said
        self.do("mirror", "mirror", "--vault", self.vault)
        doomed = self.items()["papers/withdrawn.txt"]["item"]
        words = ["--identity", self.keys / "ben.key", "--item", doomed, "--ground", "consent withdrawn"]
        self.on_vault("destroy", *words)

    def change_keys(self) -> None:
        """Rotate the vault's identity, let Carla in, revoke a second kit."""
        recipients = ["--recipient", self.recipients["anna"], "--recipient", self.recipients["ben"]]
        self.on_vault("keys", "rotate", *recipients)
        self.on_vault("keys", "wrap", "--recipient", self.recipients["carla"])
        lost = self.do("kit", "lost-kit", "--vault", self.vault, "--label", "lost")
        self.on_vault("kit", "--revoke", lost["origin"], "--ground", "stolen")

    def items(self) -> dict[str, dict[str, Any]]:
        """Return the items by path; of a path twice there, one."""
        return {item["path"]: item for item in self.on_vault("list")["items"]}

    def release(self) -> None:
        """Release the same items as a folder and as one file, with all that can be shown."""
        items = self.items()
        paths = ["CAM 03/gate.wav", "CAM 03/yard.mp4", "снимки/список.txt", "papers/long.bin"]
        paths += ["papers/empty.doc", "latest", "more/кит.bin"]
        chosen = [word for path in paths for word in ("--item", items[path]["item"])]
        fields = ["path,mtime,stat,md5,tracks,delivery.items,delivery.bytes,delivery.time,delivery.note"]
        words = [*chosen, "--reveal", *fields, "--checkpoint", self.root / "later.checkpoint"]
        for place in ("release", "release.zip"):
            self.on_vault("release", self.root / place, *words)
            cosigner = (self.root / "cosigner.vkey").read_text().strip()
            anchors = ["--vault-key", self.made["vault_fingerprint"], "--cosigner", cosigner]
            anchors += ["--checkpoint", self.root / "later.checkpoint"]
            anchors += ["--tsa-root", self.root / "tsa-root.pem"]
            self._verify(self.root / place, *anchors).ok()

    def shares(self) -> None:
        """Make a second vault that only two of three keepers open together."""
        names = ("anna", "ben", "carla")
        recipients = [word for name in names for word in ("--recipient", self.recipients[name])]
        shared = self.root / "shared"
        self.do("init", shared, *recipients, "--threshold", "2", "--origin", "bearwitness/golden-v1-shared")
        self.do("seal", write(Path("small"), {"a.txt": b"opened by two\n"}), "--vault", shared)

    def expect(self) -> None:
        """Keep what every later version must find: items, the logical dump, the anchors."""
        from bearwitness.catalogue.catalogue import Catalogue
        from bearwitness.vault import keyring
        from bearwitness.vault.opening import open_vault_proper

        vault = open_vault_proper(self.vault)
        self.on_vault("rebuild")
        unlocked = keyring.unlock(vault, keyring.load_given([str(self.keys / "anna.key")], input))
        catalogue = Catalogue.open(vault.local / "catalogue.db", keyring.require_vault(unlocked))
        rows = [row for row in catalogue.dump() if json.loads(row)["table"] != "meta"]
        catalogue.close()
        (self.root / "dump.jsonl").write_text("\n".join(rows) + "\n")
        listed = self.on_vault("list")
        items = [
            {"item": i["item"], "path": path_of(i), "sha256": i["sha256"], "mtime": str(i["mtime_ns"])}
            | {"bytes": i["bytes"], "fate": i["fate"], "delivery": i["delivery"]}
            for i in listed["items"]
        ]
        expected = {
            "vault_fingerprint": self.made["vault_fingerprint"],
            "destroyed": listed["destroyed"],
            "items": items,
        }
        (self.root / "expected.json").write_text(json.dumps(expected, indent=1, sort_keys=True) + "\n")


def path_of(item: dict[str, Any]) -> str:
    """Return the bytes of an item's path in base64."""
    return base64.b64encode(item["path"].encode("utf-8", "surrogateescape")).decode()


def write(root: Path, files: dict[str, bytes]) -> Path:
    """Write files with fixed times."""
    for number, (name, data) in enumerate(files.items()):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        os.utime(path, ns=(MTIME_NS + number, MTIME_NS + number))
    return root


def strip_local(vault: Path) -> None:
    """Leave of `local/` the signing key alone: later versions shall be able to go on with the vault."""
    for path in list((vault / "local").iterdir()):
        if path.name != "device.key":
            path.unlink() if path.is_file() else shutil.rmtree(path)


def files_of(root: Path) -> list[Path]:
    """Return all files below `root`."""
    return [path for path in root.rglob("*") if path.is_file()]


if __name__ == "__main__":
    sys.exit(main())
