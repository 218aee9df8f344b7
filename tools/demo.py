"""The main job, end to end, with the real commands: what `make demo` runs and the README tells."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

OUT = Path("demo-out")
BIN = Path(sys.executable).parent
CONSISTENT_ONLY = 4


def main() -> int:
    """Run the story; return 0 if every step ended as it must."""
    parser = argparse.ArgumentParser()
    parser.add_argument(
        "--drive", type=Path, help="a real drive (a folder, device or image) instead of the sample"
    )
    options = parser.parse_args()
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir()
    begin = time.monotonic()
    drive = options.drive.resolve() if options.drive else sample_drive()
    os.chdir(OUT)
    Story(drive).tell()
    print(f"\nAll of it took {time.monotonic() - begin:.0f} seconds. What was made is in {OUT}/.")
    return 0


def sample_drive() -> Path:
    """Make the sample drive and return its folder."""
    import sample_drive as maker

    print(
        "Making a sample drive: videos with sound, pictures, papers, a duplicate, a damaged file, odd names …"
    )
    maker.make(OUT / "drive")
    return Path("drive")


class Story:
    """The steps, each a real command whose exit code is checked."""

    def __init__(self, drive: Path) -> None:
        self.drive = str(drive)

    def tell(self) -> None:
        """Tell it from the first key to the last tombstone."""
        self.found()
        self.seal()
        items = self.look()
        self.triage()
        self.hide()
        self.show(items)
        self.tamper()
        self.forget(items)

    def found(self) -> None:
        """Keys, vault, kit."""
        say("Anna and Ben keep the keys; Sara knows the source and keeps what may betray it.")
        recipients = {}
        for name in ("anna", "ben", "sara"):
            out = run(f"bearwitness keys new -o {name}.key")
            recipients[name] = out.split()[1]
        say("They make a vault, and a field kit: it can seal, and holds nothing that decrypts.")
        run(
            f"bearwitness init vault --recipient {recipients['anna']} --recipient {recipients['ben']} "
            f"--source-keeper {recipients['sara']}"
        )
        run("bearwitness kit kit --vault vault --label 'the laptop that travels'")

    def seal(self) -> None:
        """Seal with the kit, bring it home."""
        say("The drive arrives. It is sealed on the spot, with the kit.")
        run(
            f"bearwitness seal {shlex.quote(self.drive)} --vault kit --by Anna --bag 0417 "
            "--note 'handed over in person' --card card.html",
            accept=(0, 3),
        )
        say("Back home the kit is imported into the vault, and everything is checked, every byte.")
        run("bearwitness import kit --vault vault --identity anna.key")
        run("bearwitness check --vault vault --identity anna.key")

    def look(self) -> list[dict[str, object]]:
        """List what is there; return three items to show and one to destroy."""
        say("What is on it?")
        run("bearwitness list --vault vault --identity anna.key", lines=24)
        listing = json.loads(quiet("bearwitness list --vault vault --identity anna.key --json"))
        seen: dict[str, int] = {}
        for item in listing["items"]:
            seen[item["sha256"]] = seen.get(item["sha256"], 0) + 1
        files = [i for i in listing["items"] if i["sha256"] and i["bytes"] and seen[i["sha256"]] == 1]
        files.sort(key=lambda item: -int(item["bytes"]))
        return files[:4]

    def triage(self) -> None:
        """Have the machine look at everything; ask it where a face is."""
        say("Nobody has to watch it all: the machine looks first, in a locked sandbox.")
        run(
            "bearwitness triage --vault vault --identity anna.key --note-purpose 'who gave the orders' "
            "--note-danger 'guards may recognise who filmed' --note-legal-basis 'mandate of the families' "
            "--note-who 'Anna, Ben'",
            accept=(0, 3),
        )
        say("Which files show a face? Which are copies of one another?")
        run("bearwitness find --faces 1 --vault vault --identity anna.key", lines=8)
        run("bearwitness similar --vault vault --identity anna.key", lines=3)

    def hide(self) -> None:
        """Hide the faces of the shortest file that shows one; the copy goes into the vault."""
        found = json.loads(quiet("bearwitness find --faces 1 --vault vault --identity anna.key --json"))
        videos = [item for item in found["found"] if item["facts"].get("media") == "video"]
        if not videos:
            say("No video shows a face: nothing to redact.")
            return
        say("That face is nobody's business. It is hidden, and the result attacked before it counts.")
        shortest = min(videos, key=lambda item: float(item["facts"].get("duration", "inf")))
        run(f"bearwitness redact {shortest['item']} --vault vault --identity anna.key", lines=12, last=True)

    def show(self, items: list[dict[str, object]]) -> None:
        """Release three items; let a stranger verify them."""
        say("Three of the files go to a court, with their names and times. Of the others it learns nothing.")
        wanted = " ".join(f"--item {item['item']}" for item in items[:3])
        run(
            f"bearwitness release for-the-court --vault vault --identity anna.key {wanted} "
            "--reveal path,mtime,delivery.items,delivery.time"
        )
        say("A stranger checks it offline. Without knowing whose vault it is, it proves little, and says so:")
        run("bearwitness-verify for-the-court", accept=(CONSISTENT_ONLY,))
        say("With the fingerprint that was published on the day of the founding:")
        log = json.loads(quiet("bearwitness log --vault vault --json"))
        self.fingerprint = log["vault_fingerprint"]
        run(f"bearwitness-verify for-the-court --vault-key {self.fingerprint}")

    def tamper(self) -> None:
        """Flip one byte of an exhibit."""
        say("Somebody alters one byte of one exhibit.")
        exhibit = sorted(Path("for-the-court/exhibits").iterdir())[0]
        data = bytearray(exhibit.read_bytes())
        data[len(data) // 2] ^= 1
        exhibit.write_bytes(data)
        run(f"bearwitness-verify for-the-court --vault-key {self.fingerprint}", accept=(1,))
        data[len(data) // 2] ^= 1
        exhibit.write_bytes(data)

    def forget(self, items: list[dict[str, object]]) -> None:
        """Destroy one item with two people; show that all else holds."""
        say("A survivor withdraws consent. Anna and Ben together destroy that file for good.")
        doomed = items[-1]["item"]
        run(
            f"bearwitness destroy --vault vault --identity anna.key --identity ben.key --item {doomed} "
            "--ground 'consent withdrawn' --copy kit"
        )
        say("It is gone; everything else still proves what it proved.")
        run("bearwitness check --vault vault --identity anna.key")
        run(f"bearwitness-verify for-the-court --vault-key {self.fingerprint}", lines=2, last=True)
        run("bearwitness log --vault vault --identity anna.key")


def say(text: str) -> None:
    """Tell what comes next."""
    print(f"\n\033[1m{text}\033[0m" if sys.stdout.isatty() else f"\n# {text}", flush=True)


def run(command: str, accept: Sequence[int] = (0,), lines: int = 0, *, last: bool = False) -> str:
    """Show and run a command; stop unless it ends with one of the codes to `accept`."""
    print(f"$ {command}", flush=True)
    done = subprocess.run(_words(command), capture_output=True, text=True, check=False, errors="replace")
    shown = (done.stderr + done.stdout).rstrip().split("\n")
    if lines and len(shown) > lines:
        shown = ["…", *shown[-lines:]] if last else [*shown[:lines], f"… ({len(shown) - lines} more lines)"]
    print("\n".join(shown), flush=True)
    if accept != (0,):
        print(f"(exit code {done.returncode})")
    if done.returncode not in accept:
        sys.exit(f"demo: this should have ended with {' or '.join(map(str, accept))}, not {done.returncode}")
    return done.stdout


def quiet(command: str) -> str:
    """Run a command and return what it prints."""
    return subprocess.run(_words(command), capture_output=True, text=True, check=True).stdout


def _words(command: str) -> list[str]:
    name, *rest = shlex.split(command)
    return [str(BIN / name), *rest]


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    BIN = BIN.resolve() if BIN.is_absolute() else Path.cwd() / BIN
    sys.exit(main())
