"""Redaction against deface on the same clip in the same run.

python bench/redact.py [CLIP] [--rounds 3] [--full]     without a CLIP the corpus's clip of a stage is taken

The command deface is that in DEFACE, else it is installed by pip into bench-out/deface, as its makers say and
with nothing added: it then runs CenterFace in OpenCV, which is what its users get. (With onnx and onnxruntime
beside it it took twice as much processor time here.)

Both decode, look at every frame at its native size and write H.264, in turn, round after round; what is
printed are medians, of wall time and of processor time. Ours starts its sandbox and its worker within the
time that counts, as deface starts its Python. --full: also our defaults, which have no peer.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bearwitness.redact import operations
from bearwitness.redact.eyes import Setting
from bearwitness.redact.geometry import Box
from bearwitness.redact.looking import Pass
from bearwitness.redact.plan import Plan
from bearwitness.redact.redaction import Workshop
from bearwitness.redact.rendering import render
from bearwitness.redact.writing import in_memory, write_footage

CORPUS = Path(
    os.environ.get("BEARWITNESS_CORPUS") or Path(__file__).resolve().parents[2] / "shared" / "corpus"
)
# What deface does: faces at one size. Overlays and persons it does not look for.
EQUAL = Setting(passes=(Pass(1.0),), attack=(Pass(1.0, mirrored=True),), persons=False, overlays=False)
CHANGED_SHARE = 0.2
PEER = "deface==1.5.0"


def main() -> int:
    """Run the measurements; return 0 even if a target is missed: a bench reports, tests judge."""
    parser = argparse.ArgumentParser()
    parser.add_argument("clip", nargs="?", type=Path, default=CORPUS / "video" / "stage-audience.mp4")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--full", action="store_true")
    options = parser.parse_args()
    peer = os.environ.get("DEFACE") or _installed()
    if peer is None or not options.clip.is_file():
        print(f"(redaction is not measured: deface or {options.clip} is not there)", flush=True)
        return 1
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        groups = _in_groups(options.clip, place / "groups.mp4")
        plan = _fifth(groups)
        jobs: dict[str, tuple[Callable[[], None], float | None]] = {
            "deface, native size": (lambda: _deface(peer, options.clip, place), None),
            "every frame detected, equal size": (lambda: _ours(options.clip, EQUAL, attacked=False), 4),
            "the same, attack included": (lambda: _ours(options.clip, EQUAL, attacked=True), 2),
            "a fifth needs change, plan given": (lambda: _render(groups, plan), 15),
        }
        if options.full:
            default = Setting()
            name = "two sizes and persons (default), no attack"
            jobs[name] = (lambda: _ours(options.clip, default, attacked=False), None)
            jobs["default, attack included"] = (lambda: _ours(options.clip, default, attacked=True), None)
        seconds: dict[str, list[float]] = {name: [] for name in jobs}
        work: dict[str, list[float]] = {name: [] for name in jobs}
        for _ in range(options.rounds):
            for name, (job, _) in jobs.items():
                begin, worked = time.perf_counter(), _processor_seconds()
                job()
                seconds[name].append(time.perf_counter() - begin)
                work[name].append(_processor_seconds() - worked)
    peer_work = statistics.median(work["deface, native size"])
    base = statistics.median(seconds["deface, native size"])
    for name, (_, target) in jobs.items():
        taken = statistics.median(seconds[name])
        verdict = (
            ""
            if target is None
            else f"  at least {target:g}×: {'met' if base / taken >= target else 'MISSED'}"
        )
        worked = statistics.median(work[name])
        print(
            f"{name:<46} {taken:8.2f} s {base / taken:8.2f}×   processor {worked:7.2f} s "
            f"{peer_work / worked:6.2f}×{verdict}",
            flush=True,
        )
    return 0


def _installed() -> str | None:
    """Return the command deface of an environment made for it; None if it can not be made."""
    place = Path("bench-out/deface").resolve()
    command = place / "bin" / "deface"
    if not command.exists():
        try:
            subprocess.run([sys.executable, "-m", "venv", str(place)], check=True, capture_output=True)
            pip = [str(place / "bin" / "pip"), "install", "-q", PEER]
            subprocess.run(pip, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            return None
    return str(command)


def _processor_seconds() -> float:
    """Return what this process and all it waited for have worked: on a busy machine the better measure."""
    return sum(
        usage.ru_utime + usage.ru_stime
        for usage in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


def _deface(peer: str, clip: Path, place: Path) -> None:
    out = place / "deface.mp4"
    subprocess.run([peer, str(clip), "-o", str(out)], check=True, capture_output=True)


def _in_groups(clip: Path, out: Path) -> Path:
    """Return the clip in closed groups of one second, as cameras write them, without an encoder's message."""
    command = ["ffmpeg", "-v", "error", "-y", "-i", str(clip), "-an", "-c:v", "libx264", "-g", "25"]
    command += ["-bsf:v", "filter_units=remove_types=6", "-copyts", str(out)]
    subprocess.run(command, check=True)
    return out


def _fifth(clip: Path) -> Plan:
    """Return a plan that hides a box in the first fifth of the frames."""
    with Workshop(setting=EQUAL) as workshop, workshop.open(clip) as (footage, source):
        plan = workshop.plan(footage, source, lambda what, done, total: None)
    bare = Plan(plan.source, plan.picture, plan.times, plan.detectors)
    last = plan.times[int(len(plan.times) * CHANGED_SHARE) - 1]
    return operations.add_box(bare, Box(100, 100, 80, 80), None, plan.seconds(last))


def _ours(clip: Path, setting: Setting, *, attacked: bool) -> None:
    with Workshop(setting=setting) as workshop, workshop.open(clip) as (footage, source):
        plan = workshop.plan(footage, source, lambda what, done, total: None)
        rendered = render(footage, plan, "h264")
        with in_memory("bench") as descriptor:
            write_footage(descriptor, "mp4", rendered.track, ())
            if attacked:
                workshop.attack(footage, plan, descriptor, "mp4", 0, lambda what, done, total: None)


def _render(clip: Path, plan: Plan) -> None:
    with Workshop(setting=EQUAL) as workshop, workshop.open(clip) as (footage, _):
        rendered = render(footage, plan, "h264")
        if not rendered.copied:
            raise SystemExit("no group was copied: the bench does not measure what it says")
        with in_memory("bench") as descriptor:
            write_footage(descriptor, "mp4", rendered.track, ())


if __name__ == "__main__":
    sys.exit(main())
