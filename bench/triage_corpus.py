"""What triage finds on the corpus, end to end: sealed, triaged by the command, read back from the vault.

python bench/triage_corpus.py [--transcripts]      BEARWITNESS_CORPUS names the corpus; ten minutes and more

Prints faces (per track, and where there are none), copies, clocks, speech, transcripts, how damaged files
ended, time and memory. Nothing here knows what the analysers do: truth is what the corpus says.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from bisect import bisect_right
from collections import Counter, defaultdict
from itertools import combinations
from pathlib import Path
from typing import Any

from bearwitness.catalogue.catalogue import Catalogue
from bearwitness.cli.unlocking import unlock
from bearwitness.triage.reading import Clock
from bearwitness.triage.seeing import FaceBoxes
from bearwitness.triage.speaking import SpeechTurns, Transcribed
from bearwitness.triage.stored import stored
from bearwitness.vault.ledger import VAULT, Ledger
from bearwitness.vault.opening import open_vault_proper

CORPUS = Path(
    os.environ.get("BEARWITNESS_CORPUS") or Path(__file__).resolve().parents[2] / "shared" / "corpus"
)
NOTE = [
    word
    for name in ("purpose", "danger", "legal-basis", "who")
    for word in (f"--note-{name}", "measuring on public footage")
]
EMPTY_OF_FACES = ("video/people-from-behind.mp4", "video/road-cars.mp4")


def say(name: str, value: object) -> None:
    """Print one figure."""
    print(f"{name:<66} {value}", flush=True)


def command(*words: object) -> Any:
    """Run a command of Bearwitness and return its JSON; losses are no failure here."""
    done = subprocess.run(
        [str(Path(sys.executable).parent / "bearwitness"), *map(str, words), "--json"],
        stdout=subprocess.PIPE, check=False,
    )  # fmt: skip
    if done.returncode not in (0, 3):
        sys.exit(f"bearwitness {words[0]} failed")
    return json.loads(done.stdout)


def overlap(one: list[float], other: list[float]) -> float:
    """Return intersection over union of two boxes (left, top, width, height)."""
    wide = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    high = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    both = max(0.0, wide) * max(0.0, high)
    return both / (one[2] * one[3] + other[2] * other[3] - both)


def faces(found: dict[str, dict[str, Any]]) -> None:
    """Print how many of each track's boxes are found in the pictures looked at, and false ones."""
    print("faces, one picture a second")
    shares: list[float] = []
    boxes = hits_of_all = 0
    for path in sorted(CORPUS.glob("video/*.faces.json")):
        truth = json.loads(path.read_text())
        name = next(name for name in found if name.startswith(f"video/{path.name.split('.')[0]}."))
        size = (truth["width"], truth["height"]) * 2
        times = [frame["t"] for frame in truth["frames"]]
        total, hits, false = Counter[int](), Counter[int](), 0
        for at, seen in found[name]["seen"]:
            frame = truth["frames"][min(range(len(times)), key=lambda n: abs(times[n] - at))]
            placed = [[part * side for part, side in zip(box, size, strict=False)] for box in seen]
            for box, track in zip(frame["boxes"], frame["tracks"], strict=True):
                total[track] += 1
                hits[track] += any(overlap(box, each) > 0.3 for each in placed)
            allowed = [*frame["boxes"], *frame["ignore"]]
            false += sum(not any(overlap(box, each) > 0.1 for box in allowed) for each in placed)
        told = ", ".join(f"{track}: {hits[track]}/{total[track]}" for track in sorted(total))
        say(f"  {name}: pictures, false, found by track", f"{found[name]['pictures']}, {false}  {told}")
        shares += [hits[track] / total[track] for track in total]
        boxes, hits_of_all = boxes + sum(total.values()), hits_of_all + sum(hits.values())
    say("  tracks, of them missed, of them found in 0.95", f"{len(shares)}, {shares.count(0.0)}, "
        f"{sum(share >= 0.95 for share in shares)}")  # fmt: skip
    say("  boxes found", f"{hits_of_all / max(1, boxes):.3f} of {boxes}")


def stills(found: dict[str, dict[str, Any]], listed: list[dict[str, Any]]) -> None:
    """Print how many faces of pictures are found."""
    wanted = hits = false = 0
    for each in listed:
        truth = (each.get("truth") or {}).get("faces")
        if truth is None or not each["file"].startswith("images/") or each["file"] not in found:
            continue
        from PIL import Image

        with Image.open(CORPUS / each["file"]) as image:
            size = image.size * 2
        ((_, seen),) = found[each["file"]]["seen"]
        placed = [[part * side for part, side in zip(box, size, strict=False)] for box in seen]
        boxes = [box if isinstance(box, list) else [box[side] for side in "xywh"] for box in truth]
        wanted, hits = (
            wanted + len(boxes),
            hits + sum(any(overlap(b, p) > 0.3 for p in placed) for b in boxes),
        )
        false += sum(not any(overlap(b, p) > 0.1 for b in boxes) for p in placed)
    say("  pictures: faces, found, others", f"{wanted}, {hits}, {false}")


def copies(told: dict[str, Any], matching: dict[str, Any]) -> None:
    """Print recall and precision over all pairs, and how long it took."""
    print("copies")
    groups = {file: group for group, files in matching["same"].items() for file in files}
    groups |= {file: file for file in matching["different"]}
    said = {
        tuple(sorted(told["paths"][item] for item in pair["items"]))
        for pair in told["pairs"]
        if pair["relation"] in ("copy", "same-bytes")
    }
    pairs = set(combinations(sorted(groups), 2))
    true = {(one, other) for one, other in pairs if groups[one] == groups[other]}
    say("  pairs, of them the same", f"{len(pairs)}, {len(true)}")
    say("  recall, precision", f"{len(said & true) / len(true):.3f}, "
        f"{len(said & true) / max(1, len(said & pairs)):.3f}")  # fmt: skip


def clocks(found: dict[str, dict[str, Any]]) -> None:
    """Print the share of frames read exactly, and the jumps."""
    print("clocks")
    truth = json.loads((CORPUS / "video/road-cars-clock.clock.json").read_text())["runs"]
    starts = [run["first_frame"] for run in truth]
    for clock in found["video/road-cars-clock.mp4"]["clocks"]:
        exact = [
            reading[1] == truth[bisect_right(starts, number) - 1]["text"]
            for number, reading in enumerate(clock["readings"])
        ]
        say("  road-cars-clock: readings, exact", f"{len(exact)}, {sum(exact) / len(exact):.3f}")
        for jump in clock["jumps"]:
            say("    jump", f"{jump['seconds']:.2f} ± {jump['error']:.2f} s before {jump['before']:.2f} s")
    with_clock = [name for name, told in found.items() if told.get("clocks")]
    say("  files in which a clock was followed", ", ".join(sorted(with_clock)))


def speech(found: dict[str, dict[str, Any]], listed: list[dict[str, Any]]) -> None:
    """Print how far off turns are."""
    print("speech")
    for each in listed:
        turns = (each.get("truth") or {}).get("turns")
        if not turns or each["file"] not in found:
            continue
        heard = found[each["file"]]["turns"]
        worst = max(
            max(abs(one[0] - other["start"]), abs(one[1] - other["end"]))
            for one, other in zip(heard, turns, strict=False)
        )
        say(f"  {each['file']}: turns, true, worst edge", f"{len(heard)}, {len(turns)}, {worst:.2f} s")


def transcripts(found: dict[str, dict[str, Any]], listed: list[dict[str, Any]]) -> None:
    """Print word error rates."""
    from analysis import word_errors

    for each in listed:
        truth = (each.get("truth") or {}).get("transcript")
        if truth and each["file"] in found:
            said = " ".join(part["text"] for part in found[each["file"]]["said"])
            wrong, words = word_errors(truth, said)
            say(f"  {each['file']}: WER", f"{wrong / words:.2f} ({wrong} of {words})")


def failures(report: dict[str, Any], paths: dict[str, str]) -> None:
    """Print how results ended and what failed, by file."""
    print("outcomes")
    say("  results by outcome", report["entered"])
    by_file = defaultdict(list)
    for failure in report["failures"]:
        by_file[paths[failure["item"]]].append(failure["kind"])
    for path, kinds in sorted(by_file.items()):
        say(f"  failed: {path}", ", ".join(sorted(kinds)))


def main() -> None:
    """Seal the corpus, triage it, print the figures."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--transcripts", action="store_true")
    given = options.parse_args()
    corpus = json.loads((CORPUS / "corpus.json").read_text())
    listed = corpus["files"]
    with tempfile.TemporaryDirectory() as folder:
        vault, key = Path(folder, "vault"), Path(folder, "anna.key")
        keeper = command("keys", "new", "-o", key)["recipient"]
        command("init", vault, "--recipient", keeper)
        command("seal", CORPUS, "--vault", vault)
        opening = ("--vault", vault, "--identity", key)
        begin = time.perf_counter()
        report = command("triage", *opening, *NOTE)
        say("seconds of triage", f"{time.perf_counter() - begin:.0f}")
        say("seconds of footage and sound", report["footage_seconds"])
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        say("largest process, MB", f"{peak:.0f}")
        if given.transcripts:
            command("triage", *opening, "--only", "transcript")
        begin = time.perf_counter()
        alike = command("similar", *opening)
        seconds = time.perf_counter() - begin
        opened = open_vault_proper(vault)
        unlocked = unlock(opened, [str(key)])
        ledger, catalogue = Ledger(opened, unlocked), Catalogue.in_memory(VAULT)
        catalogue.refresh(ledger)
        paths = {row.item: os.fsdecode(row.path) for row in catalogue.items()}
        kinds = {
            kind: {paths[item]: details for item, details in stored(ledger, catalogue, kind)}
            for kind in (FaceBoxes, Clock, SpeechTurns, Transcribed)
        }
        faces(kinds[FaceBoxes])
        stills(kinds[FaceBoxes], listed)
        copies(alike, corpus["matching"])
        say("  seconds of bearwitness similar", f"{seconds:.1f}")
        clocks(kinds[Clock])
        speech(kinds[SpeechTurns], listed)
        transcripts(kinds[Transcribed], listed)
        failures(report, paths)


if __name__ == "__main__":
    main()
