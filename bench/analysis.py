"""What the analysers in signals/ find, and how fast, on the corpus and on drawn videos: figures for
docs/measurements.md.

python bench/analysis.py [matching drawn search pictures clock speech]   all by default; about ten minutes

Peers (faiss, pdqhash, PySceneDetect) run in the same process, in turn with ours; where one is missing its
line is left out and said. BEARWITNESS_CORPUS names the corpus.
"""

from __future__ import annotations

import json
import os
import re
import resource
import sys
import time
from collections.abc import Callable, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.signals import scenes
from tests.signals.conftest import frames, sound
from tests.signals.test_corpus_matching import sketch_file

from bearwitness.inference.models import WHISPER, model, whisper_files
from bearwitness.signals.candidates import CandidateIndex
from bearwitness.signals.clock_track import follow_clock
from bearwitness.signals.hashing import distances, hash_picture
from bearwitness.signals.hashsearch import HashSearch
from bearwitness.signals.overlays import find_overlays, read_clock
from bearwitness.signals.relation import compare
from bearwitness.signals.shots import ShotFinder
from bearwitness.signals.sketch import Sketch
from bearwitness.signals.speech import RATE, SpeechFinder, SpeechNetwork, Transcriber
from bearwitness.signals.text import TextFinder, TextReader

CORPUS = Path(
    os.environ.get("BEARWITNESS_CORPUS") or Path(__file__).resolve().parents[2] / "shared" / "corpus"
)


def say(name: str, value: object) -> None:
    """Print one figure."""
    print(f"{name:<66} {value}", flush=True)


def _judge(sketches: Sequence[Sketch], groups: Sequence[str]) -> None:
    begin = time.perf_counter()
    index = CandidateIndex(sketches)
    candidates = index.pairs()
    middle = time.perf_counter()
    said = set()
    for (i, j), tips in candidates.items():
        relation = compare(sketches[i], sketches[j], tips)
        if relation is not None and relation.kind == "copy":
            said.add((i, j))
    end = time.perf_counter()
    pairs = list(combinations(range(len(groups)), 2))
    true = {(i, j) for i, j in pairs if groups[i] == groups[j]}
    say("  pairs, of them the same", f"{len(pairs)}, {len(true)}")
    say("  candidates, true pairs among them", f"{len(candidates)}, {len(true & set(candidates))}")
    say("  recall", f"{len(said & true) / len(true):.3f}")
    say("  precision", f"{len(said & true) / max(1, len(said)):.3f}")
    say("  seconds: candidates, comparing (a pair)", _seconds(middle - begin, end - middle, len(candidates)))


def _seconds(first: float, second: float, count: int) -> str:
    return f"{first:.1f}, {second:.1f} ({1000 * second / max(1, count):.0f} ms)"


def matching() -> None:
    """Recall and precision over all pairs of the corpus."""
    print("near-duplicates, public corpus")
    told = json.loads((CORPUS / "corpus.json").read_text())["matching"]
    groups = {file: group for group, files in told["same"].items() for file in files}
    groups |= {file: file for file in told["different"]}
    begin = time.perf_counter()
    sketches = [sketch_file(CORPUS / file) for file in groups]
    say("  seconds to decode and sketch", f"{time.perf_counter() - begin:.1f}")
    _judge(sketches, list(groups.values()))


def drawn() -> None:
    """The same on drawn videos the thresholds were not set on: each place filmed twice, each film edited."""
    print("near-duplicates, drawn videos (same camera at another time counts as different)")
    edits: list[tuple[Callable[[scenes.Picture], scenes.Picture], ...]] = [
        (),
        (scenes.crop,),
        (scenes.letterbox,),
        (scenes.mirror,),
        (scenes.caption,),
        (scenes.inset,),
        (scenes.small,),
        (scenes.crop, scenes.mirror, scenes.brighten),
    ]
    sketches, groups = [], []
    for place in range(2):
        for action in range(2):
            film = scenes.film(100 + place, 10 * place + action, 5, shake=10.0 * (place % 2))
            for edit in edits:
                sketches.append(scenes.sketch(scenes.edited(film, *edit)))
                groups.append(f"{place}-{action}")
            part = [(time - 2, picture) for time, picture in film if 2 <= time < 4]
            sketches.append(scenes.sketch(scenes.edited(part, scenes.mirror)))
            groups.append(f"{place}-{action}")
    _judge(sketches, groups)


def _corpus_hashes() -> tuple[np.ndarray, float]:
    """Return (usable hashes of every second frame of the corpus, mean share of bits its re-encodes
    change).
    """
    names = json.loads((CORPUS / "corpus.json").read_text())["matching"]
    files = [
        f for group in names["same"].values() for f in group if Path(f).suffix in {".mp4", ".mkv", ".webm"}
    ]
    rows, noise = [], []
    for file in files:
        for number, (_, grey) in enumerate(frames(CORPUS / file)):
            found = hash_picture(grey)
            if number % 2 == 0 and found.usable:
                rows.append(np.frombuffer(found.bits, np.uint8))
    pairs = [("video/signer-woman.mkv", "neardup/woman-lowres.mp4"),
             ("neardup/chair-orig-22-sd-bar.mp4", "neardup/chair-22-sd-grey-bar.mp4")]  # fmt: skip
    for one, other in pairs:
        for (_, a), (_, b) in zip(frames(CORPUS / one), frames(CORPUS / other), strict=True):
            left, right = hash_picture(a), hash_picture(b)
            noise.append(int(distances(left.bits, np.frombuffer(right.bits, np.uint8)[None])[0]) / 256)
    return np.array(rows), float(np.mean(noise))


def _noisy(base: np.ndarray, rows: np.ndarray, noise: float, rng: np.random.Generator) -> np.ndarray:
    out = np.empty((len(rows), 32), np.uint8)
    for start in range(0, len(rows), 100_000):
        part = base[rows[start : start + 100_000]]
        flips = rng.random((len(part), 256), dtype=np.float32) < noise
        out[start : start + 100_000] = part ^ np.packbits(flips, axis=1)
    return out


def search(count: int = 10_000_000, asked: int = 60) -> None:
    """Exact search at distance 31 against faiss over the same hashes, results compared."""
    import faiss

    base, noise = _corpus_hashes()
    rng = np.random.default_rng(1)
    hashes = _noisy(base, rng.integers(0, len(base), count), noise, rng)
    queries = _noisy(base, rng.integers(0, len(base), asked), noise, rng)
    print(f"search: {count:,} hashes from {len(base):,} frames of the corpus, {noise:.1%} of bits flipped")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begin = time.perf_counter()
    index = HashSearch(hashes)
    say("  seconds to build the index", f"{time.perf_counter() - begin:.1f}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    say(
        "  peak memory of the process (MB; of it before the index)", f"{peak / 1000:.0f}; {before / 1000:.0f}"
    )
    flat = faiss.IndexBinaryFlat(256)
    flat.add(hashes)
    ours, theirs = [], []
    for _ in range(3):
        begin = time.perf_counter()
        hits = index.within(queries, threads=2)
        middle = time.perf_counter()
        limits, _, found = flat.range_search(queries, 32)  # faiss: nearer than, not within
        ours.append(middle - begin)
        theirs.append(time.perf_counter() - middle)
    same = all(
        np.array_equal(np.sort(found[limits[i] : limits[i + 1]]), hits.found[hits.query == i])
        for i in range(asked)
    )
    say("  found a query; the same hashes as faiss", f"{len(hits.found) / asked:.0f}; {same}")
    mine, peer = min(ours) / asked, min(theirs) / asked
    say("  ms a query: ours, faiss; faiss ÷ ours", f"{mine * 1e3:.1f}, {peer * 1e3:.1f}; {peer / mine:.1f}")


def pictures() -> None:
    """Hashes against pdqhash (which gives its bits last first), shots against PySceneDetect."""
    print("pictures")
    path = CORPUS / "neardup/chair-orig-22-sd-bar.mp4"
    video = [grey for _, grey in frames(path)]
    begin = time.perf_counter()
    mine = [hash_picture(grey) for grey in video]
    middle = time.perf_counter()
    import pdqhash

    colour = [np.repeat(grey[..., None], 3, axis=2) for grey in video]
    start = time.perf_counter()
    theirs = [pdqhash.compute(picture) for picture in colour]
    end = time.perf_counter()
    apart = [
        int(distances(one.bits, np.packbits(np.asarray(other[0], np.uint8)[::-1])[None])[0])
        for one, other in zip(mine, theirs, strict=True)
    ]
    say("  hash: ms a frame ours, pdqhash; ratio", _against(middle - begin, end - start, len(video)))
    say("  hash: mean bits from pdqhash's own", f"{np.mean(apart):.1f}")
    from scenedetect import ContentDetector, detect

    for name in ("video/stage-audience.mp4", "neardup/chair-orig-22-sd-bar.mp4"):
        begin = time.perf_counter()
        finder = ShotFinder()
        for moment, grey in frames(CORPUS / name):
            finder.add(grey, moment)
        shots = finder.finish()
        middle = time.perf_counter()
        scenes_found = detect(str(CORPUS / name), ContentDetector(), start_in_scene=True)
        end = time.perf_counter()
        say(f"  shots in {name}: ours, PySceneDetect", f"{len(shots)}, {len(scenes_found)}")
        say("    decoding included: PySceneDetect's time ÷ ours", f"{(end - middle) / (middle - begin):.1f}")


def _against(mine: float, peer: float, count: int) -> str:
    return f"{mine / count * 1e3:.2f}, {peer / count * 1e3:.2f}; {peer / mine:.1f}"


def clock() -> None:
    """Share of frames whose clock is read exactly, jump and drift, on all frames."""
    print("burned-in clocks")
    finder, reader = TextFinder(model("ocr-find").load()), TextReader(model("ocr-read").load())
    for name, rate in (("video/road-cars-clock.mp4", None), ("video/timecode-25fps.mp4", 25)):
        video = list(frames(CORPUS / name))
        begin = time.perf_counter()
        overlays = find_overlays([grey for _, grey in video], finder.find, reader.read)
        box = next(overlay.box for overlay in overlays if overlay.clock)
        middle = time.perf_counter()
        track = follow_clock(read_clock(video, box, reader.read), rate)  # type: ignore[arg-type]
        end = time.perf_counter()
        assert track is not None
        exact = np.mean(
            [r.text == t for r, t in zip(track.readings, _clock_truth(name, len(video)), strict=True)]
        )
        say(f"  {name}: exact text, frames", f"{exact:.3f}, {len(video)}")
        say(
            "    seconds to find the box; ms a frame to read",
            f"{middle - begin:.2f}; {(end - middle) / len(video) * 1e3:.1f}",
        )
        for run in track.runs:
            drift = (
                "unknown" if run.fit.drift is None else f"{run.fit.drift:+.5f} ± {run.fit.drift_error:.5f}"
            )
            say(
                "    run: from, to, offset error, drift",
                f"{float(run.start):.2f}, {float(run.end):.2f}, {run.fit.error:.3f}, {drift}",
            )
        for jump in track.jumps:
            say(
                "    jump: between, seconds",
                f"{float(jump.after):.2f}, {float(jump.before):.2f}, {jump.seconds:.2f} ± {jump.error:.2f}",
            )


def _clock_truth(name: str, count: int) -> list[str]:
    if "timecode" in name:
        return [f"00:00:{n // 25:02}:{n % 25:02}" for n in range(count)]
    runs = json.loads((CORPUS / name.replace(".mp4", ".clock.json")).read_text())["runs"]
    return [[run["text"] for run in runs if run["first_frame"] <= n][-1] for n in range(count)]


def speech() -> None:
    """Turns, language and word error rate."""
    print("speech")
    files = {
        each["file"]: each.get("truth") or {}
        for each in json.loads((CORPUS / "corpus.json").read_text())["files"]
    }
    finder = SpeechFinder(SpeechNetwork(model("silero-vad").load()).likelihoods)
    transcriber = Transcriber(whisper_files({name: model(name).load() for name in WHISPER}), 2)
    for name, truth in files.items():
        if not name.startswith("audio/") or not ({"turns", "transcript"} & set(truth)):
            continue
        samples = sound(CORPUS / name)
        begin = time.perf_counter()
        finder.add(samples)
        turns = finder.finish()
        middle = time.perf_counter()
        if "turns" in truth:
            off = [
                max(abs(t.start - u["start"]), abs(t.end - u["end"]))
                for t, u in zip(turns, truth["turns"], strict=False)
            ]
            say(
                f"  {name}: turns found, true, worst edge",
                f"{len(turns)}, {len(truth['turns'])}, {max(off):.2f} s",
            )
            say("    finding speech: × real time", f"{len(samples) / RATE / (middle - begin):.0f}")
        if "transcript" in truth:
            written = transcriber.transcribe(samples, turns)
            wrong, words = word_errors(truth["transcript"], written.text)
            say(
                f"  {name}: language, WER (wrong of words)",
                f"{written.language}, {wrong / words:.2f} ({wrong} of {words})",
            )
            say(
                "    writing down: × real time", f"{len(samples) / RATE / (time.perf_counter() - middle):.1f}"
            )


def word_errors(truth: str, said: str) -> tuple[int, int]:
    """Return (word edits from what is true to what was written, words that are true); case and marks
    ignored.
    """
    one, other = (re.sub(r"[^\w\s']", " ", text.lower().replace("ё", "е")).split() for text in (truth, said))
    costs = list(range(len(other) + 1))
    for i, word in enumerate(one, 1):
        before, costs = costs, [i]
        for j, heard in enumerate(other, 1):
            costs.append(min(before[j] + 1, costs[j - 1] + 1, before[j - 1] + (word != heard)))
    return costs[-1], len(one)


def main() -> int:
    """Run the parts named, or all."""
    parts: dict[str, Callable[[], Any]] = {
        "matching": matching,
        "drawn": drawn,
        "search": search,
        "pictures": pictures,
        "clock": clock,
        "speech": speech,
    }
    for name in sys.argv[1:] or parts:
        try:
            parts[name]()
        except ImportError as error:
            say(f"  {name} left out", error)
    return 0


if __name__ == "__main__":
    sys.exit(main())
