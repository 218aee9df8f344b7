"""All that people do with a vault, seen from outside: what it connects to, writes, and which keys it reads.

The commands run in processes of their own, their temporary folder is watched, and every text and name they
are given holds a marker of its own that must nowhere be found in the clear but where plaintext was ordered.
"""

from __future__ import annotations

import base64
import json
import os
import re
import resource
import secrets
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import tsa
from bearwitness.crypto import age
from bearwitness.vault.keyring import load_given, unlock
from bearwitness.vault.opening import open_vault
from workbench import (
    BIN,
    PATIENCE_SECONDS,
    children_of,
    fill,
    finish,
    needs_strace,
    recipient_of,
    start,
    wait_until,
    wav,
)

MARKER_BYTES = 18
SWAP_BYTES_MAX = 4 << 30  # larger swap is read only as far as this
WATCHED = "network,openat,open,creat,openat2,rename,renameat,renameat2,memfd_create"
_SOCKET = re.compile(r"\b(?:socket|socketpair)\((\w+)")
_OPENED = re.compile(r'open(?:at)?\((?:(?:AT_FDCWD|\d+)<([^>]*)>, )?"((?:[^"\\]|\\.)*)", ([A-Z_|]+)')
_ANONYMOUS = ("/dev/null", "/dev/tty", "/dev/shm/")


class Story:
    """A vault, kit, mirror and release made with real commands; `calls` are the system calls of each."""

    def __init__(self, folder: Path, *, strace: bool) -> None:
        self.folder, self._strace = folder, strace
        self.temporary, self.home, self.traces = folder / "tmp", folder / "home", folder / "traces"
        for place in (self.temporary, self.home, self.traces):
            place.mkdir()
        self.markers: dict[str, bytes] = {}
        self.verbs: list[str] = []
        self.vault, self.kit, self.mirror = folder / "vault", folder / "kit", folder / "mirror"
        self.clear = folder / "clear"  # where plaintext is ordered
        self.clear.mkdir()
        self._tell()

    def marker(self, what: str) -> str:
        """Return a text that stands nowhere else in the world."""
        self.markers[what] = base64.b32encode(secrets.token_bytes(MARKER_BYTES)).rstrip(b"=")
        return self.markers[what].decode()

    def run(self, *words: object, codes: tuple[int, ...] = (0,), program: str = "bearwitness") -> str:
        command = [str(BIN / program), *map(str, words)]
        if self._strace:
            trace = self.traces / f"{len(self.verbs):02}-{Path(str(words[0])).name}"
            command = [
                "strace",
                "-f",
                "--seccomp-bpf",
                "-y",
                "-qq",
                "-s",
                "4096",
                "-e",
                f"trace={WATCHED}",
                "-o",
                str(trace),
                *command,
            ]
        self.verbs.append(Path(str(words[0])).name)
        environment = {**os.environ, "HOME": str(self.home), "TMPDIR": str(self.temporary)}
        done = subprocess.run(
            command, capture_output=True, text=True, env=environment, cwd=self.home, check=False,
            timeout=PATIENCE_SECONDS, errors="surrogateescape",
        )  # fmt: skip
        assert done.returncode in codes, f"{words}: {done.stdout}\n{done.stderr}"
        return done.stdout

    def drive(self) -> Path:
        """Return a source with a marker in every name and content, also where a pack or a segment is cut."""
        sound = bytearray(wav(2.0))
        sound[20_000:20_020] = self.marker("sound").encode()[:20]
        self.markers["sound"] = self.markers["sound"][:20]
        large = bytearray(secrets.token_bytes(9_000_000))
        for at in (0, 65_530, 1_048_570, 8_388_600, 8_999_900):
            text = self.marker(f"large at {at}").encode()
            large[at : at + len(text)] = text
        files: dict[str, bytes | int] = {
            f"{self.marker('a folder')}/{self.marker('a name')}.txt": self.marker("a small file").encode(),
            f"{self.marker('the name of a film')}.bin": bytes(large),
            f"{self.marker('the name of a sound')}.wav": bytes(sound),
            "doomed.txt": self.marker("what is destroyed").encode() * 3,
            "empty": b"",
        }
        source = fill(self.folder / "drive", files)
        (source / self.marker("a link")).symlink_to(self.marker("a target"))
        return source

    def _tell(self) -> None:
        drive = self.drive()
        self.keys = {name: self.home / f"{name}.key" for name in ("anna", "ben", "keeper", "carla")}
        for key in self.keys.values():
            self.run("keys", "new", "-o", key)
        recipients = {name: recipient_of(key) for name, key in self.keys.items()}
        self.run(
            "init", self.vault, "--recipient", recipients["anna"], "--recipient", recipients["ben"],
            "--source-keeper", recipients["keeper"], "--note", self.marker("the note of the founding"),
        )  # fmt: skip
        self.run("kit", self.kit, "--vault", self.vault, "--label", self.marker("the label of a kit"))
        form = [
            word
            for name in "by note late bag photograph handler transfer storage".split()
            for word in (f"--{name}", self.marker(f"--{name}"))
        ]
        self.run("seal", drive, "--vault", self.kit, *form, "--md5", "--card", self.clear / "card.html")
        self.run("seal", drive, "--vault", self.vault)
        anna, ben = ("--identity", self.keys["anna"]), ("--identity", self.keys["ben"])
        opened = ("--vault", self.vault, *anna)
        self.run("import", self.kit, *opened)
        self.run("check", *opened, *ben, "--identity", self.keys["keeper"], "--deep")
        listed = json.loads(self.run("list", *opened, "--json"))["items"]
        self.items = {
            item["path"]: item["item"] for item in listed if item["delivery"] == listed[0]["delivery"]
        }
        self.run("log", *opened)
        self.run("restore", self.clear / "restored", *opened)
        some = [
            word for path, item in self.items.items() if path != "doomed.txt" for word in ("--item", item)
        ][:6]
        reveal = ("--reveal", "path,mtime,stat,delivery.items")
        self.run("release", self.clear / "folder", *opened, *some, *reveal)
        self.run("release", self.clear / "file.zip", *opened, *some)
        for release in ("folder", "file.zip"):
            self.run(self.clear / release, codes=(4,), program="bearwitness-verify")
        self.run("mirror", self.mirror, "--vault", self.vault)
        self._stamp_and_cosign()
        self.run(
            "destroy", *opened, *ben, "--item", self.items["doomed.txt"], "--ground",
            self.marker("the ground"), "--leave-copies", "--copy", self.kit, codes=(0, 3),
        )  # fmt: skip
        self.run("rebuild", *opened)
        self.run(
            "keys", "rotate", *opened, "--recipient", recipients["anna"], "--recipient", recipients["ben"]
        )
        self.run("keys", "wrap", *opened, "--recipient", recipients["carla"])
        self.run("list", *opened)
        self.run("check", "--vault", self.mirror)

    def _stamp_and_cosign(self) -> None:
        place, key = self.clear, self.home / "cosigner.key"
        cosigner = self.run("cosign", "new", "--name", "paper.example/desk", "-o", key).strip()
        self.run("cosign", "request", place / "asked", "--vault", self.vault)
        log = json.loads(self.run("log", "--vault", self.vault, "--json"))["key"]
        words = ("--key", key, "--state", self.clear / "seen", "--log-key", log)
        (place / "line").write_text(self.run("cosign", "sign", place / "asked", *words))
        self.run("cosign", "add", place / "line", "--vault", self.vault, "--cosigner", cosigner)
        if shutil.which("openssl"):
            world = tsa.world()
            (place / "roots.pem").write_bytes(world.root.pem)
            (place / "middle.pem").write_bytes(world.middle.pem)
            self.run("stamp", "--vault", self.vault, "--request", place / "tsq")
            (place / "tsr").write_bytes(tsa.Openssl(world.ecdsa).reply((place / "tsq").read_bytes()))
            words = ("--query", place / "tsq", "--reply", place / "tsr", "--tsa-root", place / "roots.pem")
            self.run("stamp", "--vault", self.vault, *words, "--certificate", place / "middle.pem")

    # --- What was seen -----------------------------------------------------------------------------

    def calls(self, *verbs: str) -> Iterator[tuple[str, str]]:
        """Yield verb and line for all system calls that were watched."""
        for trace in sorted(self.traces.iterdir()):
            verb = trace.name.partition("-")[2]
            if not verbs or verb in verbs:
                for line in trace.read_text(errors="surrogateescape").splitlines():
                    yield verb, line

    def opened(self, *verbs: str) -> Iterator[tuple[str, Path, set[str]]]:
        """Yield verb, path and flags of every file that was opened."""
        for verb, line in self.calls(*verbs):
            if (found := _OPENED.search(line)) and not re.search(r"= -1 ", line):
                yield verb, Path(found[1] or self.home) / found[2], set(found[3].split("|"))


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    return Story(tmp_path_factory.mktemp("story"), strace=shutil.which("strace") is not None)


def forms(marker: bytes) -> set[bytes]:
    """Return a marker as it could stand in a file: as it is, in base64 at any offset, hexadecimal, UTF-16."""
    found = {marker, marker.hex().encode(), marker.decode().encode("utf-16-le")}
    for shift in range(3):
        encoded = base64.b64encode(bytes(shift) + marker)
        found.add(encoded[4:-4] if shift else encoded[:-4])
    return found | {form.translate(bytes.maketrans(b"+/", b"-_")) for form in found}


def found_in(data: bytes, markers: dict[str, bytes]) -> set[str]:
    """Return which markers stand in `data`, in any form."""
    return {what for what, marker in markers.items() if any(form in data for form in forms(marker))}


def test_the_search_finds_markers_in_every_form_so_that_what_it_does_not_find_is_not_there(
    story: Story,
) -> None:
    for what, marker in story.markers.items():
        for data in (
            marker,
            base64.b64encode(b"x" + marker),
            base64.urlsafe_b64encode(b"xy" + marker + b"z"),
        ):
            assert found_in(b"before " + data + b" after", {what: marker}) == {what}
    assert found_in((story.clear / "card.html").read_bytes(), story.markers) >= {"--by", "--bag"}
    release = (story.clear / "folder/release.json").read_bytes()
    assert found_in(release, story.markers), "what a release reveals is in the clear"


def test_no_marker_is_in_the_clear_in_vault_kit_mirror_home_or_temporary_folder(story: Story) -> None:
    looked, bad = 0, []
    for place in (story.vault, story.kit, story.mirror, story.temporary, story.home):
        for path in place.rglob("*"):
            looked += 1
            for what in found_in(os.fsencode(path.relative_to(place)), story.markers):
                bad.append((what, "the name of", path))
            if path.is_file():
                for what in found_in(path.read_bytes(), story.markers):
                    bad.append((what, "in", path))
    assert looked > 60
    assert not bad, bad
    assert not list(story.temporary.iterdir()), "something is left in the temporary folder"


def test_nothing_new_in_the_systems_temporary_folders_holds_a_marker(story: Story) -> None:
    begin = story.home.stat().st_mtime - 60
    for place in {Path("/tmp"), Path("/var/tmp"), Path("/dev/shm")}:
        for path in place.iterdir() if place.is_dir() else ():
            try:
                status = path.lstat()
                if not path.is_symlink() and path.is_file() and status.st_mtime >= begin:
                    data = path.read_bytes() if status.st_size < 64 << 20 else b""
                    assert not found_in(data, story.markers), path
            except (FileNotFoundError, PermissionError):
                continue


def test_swap_holds_no_marker(story: Story) -> None:
    swaps = [Path(line.split()[0]) for line in Path("/proc/swaps").read_text().splitlines()[1:]]
    readable = [path for path in swaps if os.access(path, os.R_OK)]
    if not readable:
        pytest.skip("there is no swap on this machine, or it may not be read")
    for path in readable:
        with path.open("rb") as file:
            tail = b""
            while file.tell() < SWAP_BYTES_MAX and (piece := file.read(8 << 20)):
                assert not {what for what, marker in story.markers.items() if marker in tail + piece}
                tail = piece[-64:]


@needs_strace
def test_no_command_makes_a_socket_that_leads_out(story: Story) -> None:
    seen = set()
    for verb, line in story.calls():
        for family in _SOCKET.findall(line):
            seen.add(family)
            assert family in ("AF_UNIX", "AF_LOCAL"), f"{verb}: {line}"
        assert not re.search(r"\bconnect\(", line) or "AF_UNIX" in line, f"{verb}: {line}"
    assert seen <= {"AF_UNIX"}
    told = {trace.name.partition("-")[2] for trace in story.traces.iterdir()}
    assert told >= set("init kit seal import check list log restore release mirror destroy rebuild".split())


@needs_strace
def test_files_are_written_only_in_vault_kit_and_mirror_or_where_it_was_ordered(story: Story) -> None:
    """A file that is removed again may have held plaintext all the same."""
    ordered = (story.vault, story.kit, story.mirror, story.clear, story.home)
    written = 0
    for verb, path, flags in story.opened():
        if flags & {"O_WRONLY", "O_RDWR", "O_CREAT"} and not str(path).startswith(_ANONYMOUS):
            if path.suffix == ".pyc" or "__pycache__" in path.parts or path.is_relative_to("/proc/self"):
                continue  # Python keeps what it compiled of our own code
            written += 1
            assert path.resolve().is_relative_to(story.folder.resolve()), f"{verb} wrote {path}"
            assert any(path.is_relative_to(place) for place in ordered), f"{verb} wrote {path}"
            if path.is_relative_to(story.home):
                assert path.suffix == ".key", f"{verb} wrote {path}"
    assert written > 100
    assert not [line for _, line in story.calls() if "O_TMPFILE" in line]


@needs_strace
def test_sealing_opens_no_file_from_which_a_key_that_decrypts_could_be_had(story: Story) -> None:
    """Identities lie in the home folder, wrapped ones in the vault; it may read only what it wrote itself."""
    secret_texts = [key.read_text().splitlines()[-1].encode() for key in story.keys.values()]
    read = 0
    for _, path, _ in story.opened("seal"):
        if not path.is_relative_to(story.folder) or path.is_relative_to(story.folder / "drive"):
            continue
        read += 1
        assert path not in story.keys.values(), "a keeper's identity was opened"
        assert not path.is_relative_to(story.vault / "keys/keepers"), path
        assert not path.is_relative_to(story.vault / "keys/source"), path
        assert not path.is_relative_to(story.vault / "keys/previous"), path
        data = path.read_bytes() if path.is_file() else b""
        assert b"AGE-SECRET-KEY" not in data.upper(), path
        assert not any(text in data for text in secret_texts)
    assert read > 20


def test_a_kit_holds_no_identity_in_any_file(story: Story) -> None:
    files = [path for path in story.kit.rglob("*") if path.is_file()]
    assert len(files) > 5
    for path in files:
        assert b"age-secret-key" not in path.read_bytes().lower(), path


# --- A running seal, held in mid-run ---------------------------------------------------------------


@dataclass(frozen=True)
class Held:
    """A seal that was stopped in mid-run, with all its processes."""

    vault: Path
    keys: dict[str, Path]
    pids: list[int]


@pytest.fixture
def held(tmp_path: Path) -> Iterator[Held]:
    from workbench import Bench

    bench = Bench(tmp_path / "bench")
    source = fill(tmp_path / "drive", {f"f{i:02}": 9_000_000 for i in range(12)} | {"a.wav": wav(1.0)})
    process = start("seal", source, "--vault", bench.vault)
    wait_until(
        lambda: (
            process.poll() is not None
            or any(path.stat().st_size for path in (bench.vault / "runs").glob("[!.]*/journal"))
        ),
        "a part was stored",
    )
    os.killpg(process.pid, signal.SIGSTOP)
    pids = [process.pid, *sorted(children_of(process.pid))]
    assert process.poll() is None, "it ended before it could be looked at"
    try:
        yield Held(bench.vault, {"anna": bench.anna, "ben": bench.ben, "keeper": bench.keeper}, pids)
    finally:
        os.killpg(process.pid, signal.SIGCONT)
        finish(process).ok()


def memory_of(pid: int) -> Iterator[bytes]:
    """Yield all private writable memory of a stopped process."""
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            span, rights, *_ = line.split()
            if rights.startswith("rw"):
                begin, end = (int(text, 16) for text in span.split("-"))
                try:
                    memory.seek(begin)
                    yield memory.read(end - begin)
                except OSError:
                    continue


def may_read_memory() -> bool:
    scope = Path("/proc/sys/kernel/yama/ptrace_scope")
    return os.geteuid() == 0 or not scope.exists() or scope.read_text().strip() == "0"


def test_a_running_seal_holds_no_key_of_vault_or_keepers_in_memory_or_open_file(held: Held) -> None:
    vault = open_vault(held.vault)
    unlocked = unlock(vault, load_given([str(key) for key in held.keys.values()], lambda _: ""))
    assert unlocked.identity
    assert unlocked.source
    texts = {name: key.read_text().splitlines()[-1] for name, key in held.keys.items()}
    identities = {name: age.Identity.parse(text) for name, text in texts.items()}
    identities |= {"the vault": unlocked.identity, "the quarantine": unlocked.source}
    (run_folder,) = [path.parent for path in (held.vault / "runs").glob("[!.]*/key")]
    wrapped = (held.vault / "keys" / run_folder.name / "identity.age").read_bytes()
    delivery = age.Identity.parse(age.decrypt(wrapped, unlocked.identity).decode())
    for pid in held.pids:
        for link in Path(f"/proc/{pid}/fd").iterdir():
            target = os.readlink(link)
            assert not target.endswith(".key"), target
            assert "/keys/" not in target, target
    if not may_read_memory():
        pytest.skip("the memory of other processes may not be read here")
    run_key = (run_folder / "key").read_bytes()
    seen_run_key = False
    for pid in held.pids:
        for region in memory_of(pid):
            seen_run_key |= run_key in region
            for name, identity in [*identities.items(), ("the delivery", delivery)]:
                for form in (identity.secret, identity.text().encode(), identity.text().lower().encode()):
                    assert form not in region, f"the identity of {name} is in the memory of process {pid}"
    assert seen_run_key, "the search finds nothing, not even what is there"


def test_a_running_seal_can_leave_no_core_dump_and_is_not_swapped_where_that_can_be_had(held: Held) -> None:
    soft, _ = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    locks = os.geteuid() == 0 or soft == resource.RLIM_INFINITY
    for pid in held.pids:
        limits = Path(f"/proc/{pid}/limits").read_text()
        assert re.search(r"Max core file size\s+0\s+0\s", limits), limits
        status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
        assert status.get("VmSwap", "0 kB").split()[0] == "0"
        if locks and b"sandbox.zygote" not in Path(f"/proc/{pid}/cmdline").read_bytes():  # see SECURITY.md
            assert int(status["VmLck"].split()[0]) > 0, status["Name"]
