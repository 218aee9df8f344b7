"""What the tests of whole commands share: vaults to work on, commands to run, trees to compare.

Everything here drives the program as people do, through its command line; what a test needs to know of the
inside (which file holds what) it looks up itself.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
import wave
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import tsa
from bearwitness.cli.main import main
from bearwitness.crypto import age
from bearwitness_verify.__main__ import main as verify_main
from scale import ALL

SEED = 20_261_123
TESTS = Path(__file__).resolve().parent
BIN = Path(sys.executable).parent
PATIENCE_SECONDS = 120  # how long a condition may take to come true before a test gives up

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
needs_age = pytest.mark.skipif(
    shutil.which("age") is None, reason="the age command is not installed (Debian package age)"
)
needs_strace = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")


def scaled(normal: int, everything: int) -> int:
    """Return how much to do: a sample, or with BEARWITNESS_ALL=1 everything."""
    return everything if ALL else normal


# --- Commands -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    def ok(self, *codes: int) -> Done:
        """Return this if it ended with one of `codes` (default 0); else fail with what it said."""
        assert self.code in (codes or (0,)), f"exit {self.code}\n{self.out}\n{self.err}"
        assert "Traceback" not in self.err
        return self


def run(*words: object, stdin: str = "") -> Done:
    """Run `bearwitness` in this process."""
    return _run(main, words, stdin)


def verify(*words: object) -> Done:
    """Run `bearwitness-verify` in this process."""
    return _run(verify_main, words, "")


def _run(function: Callable[[Sequence[str]], int], words: Iterable[object], stdin: str) -> Done:
    out, err = io.StringIO(), io.StringIO()
    before, sys.stdin = sys.stdin, io.StringIO(stdin)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                code = function([os.fspath(w) if isinstance(w, Path) else str(w) for w in words])
            except SystemExit as leaving:
                code = int(leaving.code or 0)
    finally:
        sys.stdin = before
    return Done(code, out.getvalue(), err.getvalue())


def start(*words: object, program: str = "bearwitness", **settings: Any) -> subprocess.Popen[str]:
    """Start a command in a process group of its own; both outputs are pipes."""
    command = [str(BIN / program), *map(str, words)]
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        **settings,
    )


def finish(process: subprocess.Popen[str]) -> Done:
    """Wait for a started command."""
    out, err = process.communicate(timeout=PATIENCE_SECONDS)
    return Done(process.returncode, out, err)


def kill(process: subprocess.Popen[str]) -> Done:
    """Kill a started command with its whole process group."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    return finish(process)


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Look again and again until `condition` holds; fail if it takes too long."""
    end, never = time.monotonic() + PATIENCE_SECONDS, threading.Event()
    while not condition():
        assert time.monotonic() < end, f"waited too long until {what}"
        never.wait(0.002)


def children_of(pid: int) -> set[int]:
    """Return all processes below `pid`."""
    found: set[int] = set()
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, task.read_text().split()):
            found |= {child} | children_of(child)
    return found


def is_gone(pid: int) -> bool:
    """Say whether a process has ended (a zombie has)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


# --- Vaults -------------------------------------------------------------------------------------


class Bench:
    """A vault with two keepers, Anna and Ben, and a source keeper; commands on it must succeed."""

    def __init__(self, folder: Path, *options: object, vault: Path | None = None) -> None:
        self.folder, self.vault = folder, vault or folder / "vault"
        folder.mkdir(parents=True, exist_ok=True)
        self.anna, self.ben, self.keeper = (self.key(name) for name in ("anna", "ben", "source-keeper"))
        recipients = ["--recipient", recipient_of(self.anna), "--recipient", recipient_of(self.ben)]
        source = ["--source-keeper", recipient_of(self.keeper)]
        self.made = run("init", self.vault, *recipients, *source, *options, "--json").ok().json

    def key(self, name: str) -> Path:
        path = self.folder / f"{name}.key"
        run("keys", "new", "-o", path).ok()
        return path

    @property
    def fingerprint(self) -> str:
        return str(self.made["vault_fingerprint"])

    def do(self, verb: str, *words: object, vault: Path | None = None) -> Any:
        """Run a verb on the vault as Anna and return its JSON."""
        return run(*self.words(verb, *words, vault=vault), "--json").ok().json

    def words(self, verb: str, *words: object, vault: Path | None = None) -> list[object]:
        """Return the words of a command on the vault as Anna."""
        identity = [] if verb in ("seal", "mirror", "kit", "stamp") else ["--identity", self.anna]
        return [verb, *words, "--vault", vault or self.vault, *identity]

    def seal(
        self, source: Path, *words: object, vault: Path | None = None, codes: Sequence[int] = (0,)
    ) -> Any:
        done = run("seal", source, "--vault", vault or self.vault, *words, "--json")
        return done.ok(*codes).json

    def items(self, *words: object, vault: Path | None = None) -> dict[str, dict[str, Any]]:
        """Return the items by path; no path may be there twice."""
        listed = self.do("list", *words, vault=vault)["items"]
        by_path = {item["path"]: item for item in listed}
        assert len(by_path) == len(listed), "a path is listed twice"
        return by_path

    def release(self, destination: Path, paths: Sequence[str], *words: object) -> Any:
        items = self.items()
        chosen = [word for path in paths for word in ("--item", items[path]["item"])]
        return self.do("release", destination, *chosen, *words)

    def destroy(self, *items: str, more: Sequence[object] = (), codes: Sequence[int] = (0,)) -> Any:
        chosen = [word for item in items for word in ("--item", item)]
        keys = ["--identity", self.anna, "--identity", self.ben]
        words = ["destroy", "--vault", self.vault, *keys, *chosen, "--ground", "court order", *more, "--json"]
        return run(*words).ok(*codes).json

    def is_clean(self, vault: Path | None = None, *words: object) -> None:
        """Check the vault, without keys and with them, by SHA-256 too."""
        for more in ([], ["--identity", self.anna, "--identity", self.keeper, "--deep"]):
            done = run("check", "--vault", vault or self.vault, *more, *words, "--json").ok()
            assert done.json["problems"] == []


def recipient_of(key: Path) -> str:
    """Return the public half of an identity file."""
    return str(age.Identity.parse(key.read_text().splitlines()[-1]).recipient)


# --- Trees of files -----------------------------------------------------------------------------


def snapshot(root: Path, *, times: bool = True) -> dict[bytes, tuple[Any, ...]]:
    """Return what is below `root`: for each name kind, bytes or target, modification time, mode, links."""
    found: dict[bytes, tuple[Any, ...]] = {}
    inodes: dict[tuple[int, int], bytes] = {}
    base = os.fsencode(root)
    for folder, names, files in os.walk(base):
        for name in sorted(names + files):
            path = os.path.join(folder, name)
            status, short = os.lstat(path), os.path.relpath(path, base)
            time_ns = status.st_mtime_ns if times else 0
            if stat.S_ISLNK(status.st_mode):
                found[short] = ("symlink", os.readlink(path), time_ns)
            elif stat.S_ISDIR(status.st_mode):
                found[short] = ("folder", time_ns)
            elif stat.S_ISREG(status.st_mode):
                first = inodes.setdefault((status.st_dev, status.st_ino), short)
                with open(path, "rb") as file:
                    found[short] = ("file", file.read(), time_ns, stat.S_IMODE(status.st_mode), first)
            else:
                found[short] = ("special", stat.S_IFMT(status.st_mode))
    return found


def fill(root: Path, files: dict[str, bytes | int], seed: int = SEED) -> Path:
    """Write files below `root`: bytes, or a number of random ones; times are set to an odd past."""
    root.mkdir(parents=True, exist_ok=True)
    generator = random.Random(seed)
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(generator.randbytes(content) if isinstance(content, int) else content)
        moment = 1_400_000_000_123_456_789 + generator.randrange(10**17)
        os.utime(path, ns=(moment + 1, moment))
    return root


def files_of(root: Path, *left_out: str) -> Iterator[Path]:
    """Yield all files below `root` except in the folders `left_out`, in a fixed order."""
    for path in sorted(root.rglob("*")):
        if path.is_file() and path.relative_to(root).parts[0] not in left_out:
            yield path


# --- Small file systems -------------------------------------------------------------------------


@contextlib.contextmanager
def mounted(place: Path, *command: str) -> Iterator[Path]:
    """Mount something at `place` with ``mount``'s arguments; it is gone afterwards, even if busy."""
    place.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", *command, str(place)], check=True, capture_output=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=False, capture_output=True)


def tmpfs(place: Path, size: str) -> contextlib.AbstractContextManager[Path]:
    """Mount a small file system in memory."""
    return mounted(place, "-t", "tmpfs", "-o", f"size={size},mode=755", "tmpfs")


def resize(place: Path, size: str) -> None:
    """Make room in a small file system."""
    subprocess.run(["mount", "-o", f"remount,size={size}", str(place)], check=True)


# --- A vault in which everything has happened ---------------------------------------------------

SOUND = "sound/talk.wav"
FIRST = {
    "a.txt": b"the first file, quite short",
    "b/second.bin": 1_700,
    "b/doomed.txt": b"this one will be destroyed" * 20,
    "empty": b"",
}
SECOND = {"from the kit.txt": b"sealed in the field", "more/кит.bin": 900}


def wav(seconds: float = 0.08, seed: int = SEED) -> bytes:
    """Return a small sound file: a container whose index is read."""
    data = io.BytesIO()
    with wave.open(data, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(random.Random(seed).randbytes(int(seconds * 8000) * 2))
    return data.getvalue()


class Scene(Bench):
    """A small vault in which every kind of act has taken place, its kit, mirror and releases."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.kit, self.mirror = folder / "kit", folder / "mirror"
        self.court, self.press = folder / "court", folder / "press.zip"
        self.first = fill(folder / "first", {**FIRST, SOUND: wav()})
        (self.first / "link").symlink_to("a.txt")
        os.link(self.first / "a.txt", self.first / "b" / "also a.txt")
        self.second = fill(folder / "second", dict(SECOND), seed=2)
        self.delivery = self.seal(self.first, "--by", "Anna", "--note", "a note", "--bag", "17", "--md5")
        self.checkpoint_early = folder / "early.checkpoint"
        shutil.copy(self.vault / "log/vault/checkpoint", self.checkpoint_early)
        run("kit", self.kit, "--vault", self.vault, "--label", "laptop").ok()
        self.kit_delivery = self.seal(self.second, "--note", "in the field", vault=self.kit)
        self.do("import", self.kit)
        self._cosign()
        self.stamped = shutil.which("openssl") is not None
        if self.stamped:
            self._stamp()
        self.doomed = self.items()["b/doomed.txt"]["item"]
        self.release(folder / "with-doomed", ["b/doomed.txt"])
        self.do("restore", folder / "restored", "--item", self.items()["a.txt"]["item"])
        self.do("mirror", self.mirror)
        self.destroy(self.doomed, codes=(0, 3))
        self.do(
            "keys", "rotate", "--recipient", recipient_of(self.anna), "--recipient", recipient_of(self.ben)
        )
        self.do("keys", "wrap", "--recipient", recipient_of(self.key("carla")))
        reveal = ["--reveal", "path,mtime,stat,delivery.items,delivery.time,delivery.note"]
        self.release(self.court, ["a.txt", SOUND, "link", "more/кит.bin"], *reveal)
        self.release(self.press, ["empty", "b/second.bin"])
        self.do("mirror", self.mirror)

    def _cosign(self) -> None:
        key, request, line = (self.folder / name for name in ("cosigner.key", "request", "line"))
        self.cosigner = run("cosign", "new", "--name", "paper.example/desk", "-o", key).ok().out.strip()
        run("cosign", "request", request, "--vault", self.vault).ok()
        log = self.made["vault_key"]
        words = ["--key", key, "--state", self.folder / "seen", "--log-key", log]
        line.write_text(run("cosign", "sign", request, *words).ok().out)
        run("cosign", "add", line, "--vault", self.vault, "--cosigner", self.cosigner).ok()

    def _stamp(self) -> None:
        world = tsa.world()
        self.roots = self.folder / "roots.pem"
        self.roots.write_bytes(world.root.pem)
        (self.folder / "middle.pem").write_bytes(world.middle.pem)
        authority, query, reply = tsa.Openssl(world.ecdsa), self.folder / "tsq", self.folder / "tsr"
        for renew in ([], ["--renew"]):
            run("stamp", "--vault", self.vault, "--request", query, *renew).ok()
            reply.write_bytes(authority.reply(query.read_bytes()))
            words = ["--reply", reply, "--tsa-root", self.roots, "--certificate", self.folder / "middle.pem"]
            run("stamp", "--vault", self.vault, "--query", query, *words, *renew).ok()
