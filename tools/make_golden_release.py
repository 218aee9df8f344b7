"""Makes the golden release of version 2, once: `python tools/make_golden_release.py`.

What lies in tests/golden/v2 must be accepted by every later verifier (tests/test_golden_release.py), so it is
never made anew: this refuses where it is there. It needs PyAV and drives the program through its commands.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
GOLDEN = ROOT / "tests" / "golden" / "v2"
sys.path.insert(0, str(ROOT / "tests"))

from footage import Footage  # noqa: E402 found by the line above
from workbench import verify  # noqa: E402

NAMES = ("h264-aac.mp4", "open-group.mp4", "vp8-opus.webm", "mpeg4-mp3.avi", "h264-aac.ts")
SHORT = "a text.txt"


def main() -> int:
    """Make it; return the exit code."""
    if GOLDEN.exists():
        print(f"{GOLDEN} is there already; it is made once and never again", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as folder:
        bench = Footage(Path(folder) / "bench", NAMES)
        words: list[object] = ["--item", bench.ids[SHORT], "--fields-of", bench.ids["small packets.mp4"]]
        for name in NAMES:
            words += ["--clip", f"{bench.ids[name]}:0.9-1.2"]
        words += [
            "--statement",
            f"{bench.ids[NAMES[0]]}@0.9-1.1#10,20,30,40: a man in uniform",
            "--stated-by",
            "Anna",
        ]
        words += ["--account", "items,seconds,withheld", "--other-ground", "not relevant"]
        words += ["--condition", "purpose=a test", "--condition", "embargo=2027-01-31T06:00:00Z"]
        release = GOLDEN / "release"
        bench.do("release", release, *words)
        bench.do("release", GOLDEN / "sound.zip", "--clip", f"{bench.ids['sound.wav']}:8-14")
        out = verify(release, "--vault-key", bench.fingerprint, "--json").ok().json
        expected = {"vault_key": bench.made["vault_key"], "findings": out["findings"]}
        (GOLDEN / "expected.json").write_text(json.dumps(expected, indent=1, ensure_ascii=False) + "\n")
    shutil.copystat(ROOT / "tests" / "golden", GOLDEN)
    return 0


if __name__ == "__main__":
    sys.exit(main())
