"""How fast and how large triage is, as ratios against peers in the same run, on one 720p H.264 file.

python bench/triage.py [--rounds 3] [--minutes 10] [--only peers,named,everything,parts,short]

The file is made of the public corpus: its clips brought to 1280 x 720 and 25 frames a second by x264 as it
is (medium, a key frame every 250), with the corpus's conversation as sound, and repeated. Everything is
triaged by the command, out of a vault. Processor seconds are those of all processes together, decoders and
workers included; on a machine that others load they say more than the clock does. BEARWITNESS_CORPUS names
the corpus.
Peers: scenedetect and pdqhash, in none of our requirements; what is missing is left out and said.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

from measure import Usage, watched

OUT = Path("bench-out").resolve() / "triage"
COMMAND = str(Path(sys.executable).parent / "bearwitness")
CORPUS = Path(
    os.environ.get("BEARWITNESS_CORPUS") or Path(__file__).resolve().parents[2] / "shared" / "corpus"
)
CLIPS = (
    "video/corridor-two-walking.mp4", "video/people-from-behind.mp4", "video/stage-audience.mp4",
    "video/road-cars.mp4", "video/signer-woman.mkv", "neardup/chair-orig-22-sd-bar.mp4",
    "video/signer-bystander.mkv", "video/road-cars-clock.mp4",
)  # fmt: skip
SOUND = "audio/conversation-1688-2033.flac"
NOTE = [
    word
    for name in ("purpose", "danger", "legal-basis", "who")
    for word in (f"--note-{name}", "measuring on public footage")
]
PARTS = (
    "probe",
    "metadata",
    "shots",
    "sketch",
    "loudness",
    "speech",
    "faces",
    "persons",
    "sensitivity",
    "clock",
)
NAMED = ("shots", "sketch", "faces", "sensitivity", "speech")  # key frames, hashes, and what has a target
FILTER = (
    "fps=25,scale=1280:720:force_original_aspect_ratio=decrease:flags=lanczos,pad=1280:720:-1:-1,setsar=1,"
    "format=yuv420p"
)


def ffmpeg(*words: object) -> None:
    """Run Debian's ffmpeg."""
    subprocess.run(["ffmpeg", "-v", "error", "-y", *map(str, words)], check=True, stdin=subprocess.DEVNULL)


def footage(minutes: float) -> Path:
    """Return the file that is measured on, made if it is not there."""
    made = OUT / f"footage-{minutes:g}.mp4"
    if made.exists():
        return made
    if not shutil.which("ffmpeg"):
        sys.exit("bench/triage.py makes its footage with ffmpeg, which is not installed: apt install ffmpeg")
    OUT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=OUT) as folder:
        listed = Path(folder, "clips.txt")
        for number, clip in enumerate(CLIPS):
            part = Path(folder, f"{number}.mp4")
            ffmpeg("-i", CORPUS / clip, "-an", "-vf", FILTER, "-c:v", "libx264", "-preset", "medium", part)
            with listed.open("a") as file:
                file.write(f"file '{part}'\n")
        once, twice = Path(folder, "once.mp4"), Path(folder, "loops.txt")
        ffmpeg("-f", "concat", "-safe", "0", "-i", listed, "-c", "copy", once)
        twice.write_text(f"file '{once}'\n" * 64)
        sound = ["-stream_loop", "-1", "-i", CORPUS / SOUND]
        ends = ["-t", minutes * 60, "-c:v", "copy", "-c:a", "aac", "-ac", "2", "-ar", "44100", "-b:a", "96k"]
        part = Path(folder, "whole.mp4")
        ffmpeg("-f", "concat", "-safe", "0", "-i", twice, *sound, "-map", "0:v", "-map", "1:a", *ends, part)
        part.rename(made)
    return made


class Board:
    """Prints figures beside what is wanted."""

    def line(self, name: str, value: str, wanted: str = "", *, met: bool = True) -> None:
        """Print one figure."""
        verdict = f"  {wanted}: {'met' if met else 'MISSED'}" if wanted else ""
        print(f"{name:<64} {value}{verdict}", flush=True)


def vault_of(source: Path, folder: Path) -> tuple[Path, Path]:
    """Return a new vault with `source` (a file or folder) in it, and the key that opens it."""
    drive, vault, key = folder / "drive", folder / "vault", folder / "anna.key"
    if source.is_dir():
        drive = source
    else:
        drive.mkdir()
        os.link(source, drive / source.name)
    told = json.loads(
        subprocess.run(
            [COMMAND, "keys", "new", "-o", str(key), "--json"], check=True, stdout=subprocess.PIPE
        ).stdout
    )
    for words in (["init", vault, "--recipient", told["recipient"]], ["seal", drive, "--vault", vault]):
        subprocess.run([COMMAND, *map(str, words)], check=True, stdout=subprocess.DEVNULL)
    return vault, key


def triage(source: Path, *more: str, memory: bool = True) -> Usage:
    """Triage `source` out of a new vault; return what it took."""
    with tempfile.TemporaryDirectory(dir=OUT) as folder:
        vault, key = vault_of(source, Path(folder))
        words = [COMMAND, "triage", "--vault", str(vault), "--identity", str(key), *NOTE, *more]
        return watched(words, codes=(0, 3), memory=memory)


def whole(board: Board, name: str, file: Path, seconds: float, rounds: int, only: tuple[str, ...]) -> None:
    """Time and memory of a triage by the command, with some analysers or with every one.

    Memory is looked at in one more run, for to look at it takes processor time.
    """
    words = [word for one in only for word in ("--only", one)]
    runs = [triage(file, *words, memory=False) for _ in range(rounds)]
    wall, cpu = (statistics.median(getattr(run, what) for run in runs) for what in ("seconds", "cpu"))
    speed = seconds / wall
    cores = len(os.sched_getaffinity(0))
    print(f"{name}, {seconds:.0f} s of footage, median of {rounds}")
    board.line("  × real time, by the clock", f"{speed:.1f}", "at least 40", met=speed >= 40)
    board.line(f"  × real time, if {cores} processors were its own", f"{cores * seconds / cpu:.1f}")
    board.line("  processors in use on average", f"{cpu / wall:.2f}")
    board.line("  processor ms for a second of footage", f"{1000 * cpu / seconds:.1f}")
    peak = triage(file, *words).peak / 1e9
    board.line("  peak memory of all processes (PSS)", f"{peak:.2f} GB", "at most 2", met=peak <= 2)


def parts(board: Board, file: Path, seconds: float) -> None:
    """Processor time of each analyser by itself, less that of a triage that only tells the kind of file."""
    print("processor ms for a second of footage, each analyser by itself")
    base = 0.0
    for name in PARTS:
        run = triage(file, "--only", name)
        base = base or run.cpu
        of_it = run.cpu if name == PARTS[0] else max(0.0, run.cpu - base)
        board.line(f"  {name}", f"{1000 * of_it / seconds:.1f}  (peak {run.peak / 1e9:.2f} GB)")


def short(board: Board) -> None:
    """The corpus itself: many short files."""
    run = triage(CORPUS)
    print("the public corpus, file by file")
    board.line("  seconds by the clock, of processors", f"{run.seconds:.0f}, {run.cpu:.0f}")
    peak = run.peak / 1e9
    board.line("  peak memory of all processes (PSS)", f"{peak:.2f} GB", "at most 2", met=peak <= 2)


def peers(board: Board, file: Path, seconds: float, rounds: int) -> None:
    """Key frames, shots and hashes against PySceneDetect and against one PDQ hash a second, as vpdq makes."""
    contestants: dict[str, Callable[[], object]] = {"ours": lambda: _ours(file)}
    for name, run in (("PySceneDetect", _scenedetect), ("PDQ once a second", _pdq)):
        try:
            run(None)
            contestants[name] = lambda run=run: run(file)  # type: ignore[misc]
        except ImportError as error:
            print(f"  ({name} is left out: {error})")
    used: dict[str, list[Usage]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, work in contestants.items():
            used[name].append(Usage.of(work))
    print(f"key frames, shots and perceptual hashes of {seconds:.0f} s, median of {rounds}")
    wall = {name: statistics.median(run.seconds for run in runs) for name, runs in used.items()}
    cpu = {name: statistics.median(run.cpu for run in runs) for name, runs in used.items()}
    board.line("  ours: seconds by the clock, of processors", f"{wall['ours']:.2f}, {cpu['ours']:.2f}")
    for name in list(contestants)[1:]:
        board.line(f"  {name}: seconds", f"{wall[name]:.2f}, {cpu[name]:.2f}")
        ratio = wall[name] / wall["ours"]
        board.line(f"  {name}'s time ÷ ours, by the clock", f"{ratio:.1f}", "at least 5", met=ratio >= 5)
        board.line(f"  {name}'s time ÷ ours, of processors", f"{cpu[name] / cpu['ours']:.1f}")


def _ours(file: Path) -> None:
    """Run shots and sketch as a worker of triage does, sandbox and all."""
    from bearwitness import media
    from bearwitness.media.plans import USUAL
    from bearwitness.media.source import Source
    from bearwitness.sandbox.client import Sandbox
    from bearwitness.triage import registry
    from bearwitness.triage.analyser import VIDEO, Material
    from bearwitness.triage.looking import look

    with Sandbox(media.TASKS) as sandbox, file.open("rb") as opened:
        source = Source.of_file(opened.fileno(), file.name)
        material = Material(
            "", file.name.encode(), VIDEO, source, USUAL, {media.TASKS: sandbox}.__getitem__, _none
        )
        looked = look(material, [(each.name, each) for each in registry.load(["shots", "sketch"])])
        assert all(each.outcome == "done" for each in looked), looked


def _none() -> Any:
    raise AssertionError("no network is needed for shots and sketches")


def _scenedetect(file: Path | None) -> None:
    from scenedetect import ContentDetector, detect

    if file is not None:
        detect(str(file), ContentDetector(), start_in_scene=True)


def _pdq(file: Path | None) -> None:
    """Decode all frames and hash one a second, which is what vpdq does."""
    import av
    import pdqhash

    if file is None:
        return
    due = Fraction(0)
    with av.open(str(file)) as container:
        container.streams.video[0].thread_type = "AUTO"
        for frame in container.decode(video=0):
            if frame.time is not None and frame.time >= due:
                pdqhash.compute(frame.to_ndarray(format="rgb24"))
                due += 1


def main(words: list[str] | None = None) -> int:
    """Measure what is named, or all; return 0 even if a target is missed: a bench reports, tests judge."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--only", default="peers,named,everything,parts,short")
    options = parser.parse_args(words)
    if not CORPUS.is_dir():
        print(f"(triage is not measured: there is no corpus at {CORPUS})")
        return 0
    wanted, board = options.only.split(","), Board()
    file, seconds = footage(options.minutes), options.minutes * 60
    print(f"load of the last minute: {os.getloadavg()[0]:.1f} on {len(os.sched_getaffinity(0))} processors")
    if "peers" in wanted:
        peers(board, file, seconds, options.rounds)
    if "named" in wanted:
        name = "what the target names (faces, sensitivity, speech; key frames and hashes)"
        whole(board, name, file, seconds, options.rounds, NAMED)
    if "everything" in wanted:
        whole(board, "everything on", file, seconds, options.rounds, ())
    if "parts" in wanted:
        parts(board, file, seconds)
    if "short" in wanted:
        short(board)
    return 0


if __name__ == "__main__":
    sys.exit(main())
