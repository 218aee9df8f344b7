"""A drive of 300 MB/s: the kernel's blkio controller holds reads down to that (needs root)."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from measure import Timing, rounds, timed

BYTES_A_SECOND: Final = 300_000_000
_GROUP: Final = Path("/sys/fs/cgroup/blkio/bearwitness-bench")


def measure(source: Path, seal_command: Callable[[], list[str]], board: Any) -> None:
    """Seal `source` cold, against only reading it, both held down."""
    device = os.stat(source).st_dev
    name = f"{os.major(device)}:{os.minor(device)}"
    try:
        _GROUP.mkdir(exist_ok=True)
        (_GROUP / "blkio.throttle.read_bps_device").write_text(f"{name} {BYTES_A_SECOND}")
    except OSError as error:
        print(f"(a drive of 300 MB/s can not be made here: {error})")
        return

    def held(command: list[str] | str) -> Timing:
        subprocess.run(["sync"], check=True)
        Path("/proc/sys/vm/drop_caches").write_text("3")
        shell = command if isinstance(command, str) else " ".join(command)
        return timed(f"echo $$ > {_GROUP}/cgroup.procs; {shell}")

    files = " ".join(str(path) for path in sorted(source.iterdir()))
    got = rounds({"seal": lambda: held(seal_command()), "read": lambda: held(f"cat {files}")}, 3)
    board.line(
        f"cold, against only reading at 300 MB/s ({got['read'].wall:.2f} s)",
        got["seal"].against(got["read"]).wall,
        1.25,
    )
    _GROUP.rmdir()
