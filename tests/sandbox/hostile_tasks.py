"""Tasks that try to get out, to get hold of more than they may, or to harm the parent that waits for them.

Each that gets its way answers ``did it``.
"""

from __future__ import annotations

import codecs
import ctypes
import errno
import json
import mmap
import os
import resource
import signal
import socket
import struct
import sys
import threading
import time

from bearwitness.sandbox.channel import write
from bearwitness.sandbox.tasks import Call, Handler, Session, Task
from bearwitness.sandbox.wire import CONTROL, FRAME, RANGE, WANTED

_LIBC = ctypes.CDLL(None, use_errno=True)
_DID_IT = b"did it"
codecs.lookup("idna")  # else Python would look for it when it connects, and fail of that


# Getting out


def open_for_reading(task: Task) -> bytes:
    with open(task.arguments, "rb") as file:
        file.read(1)
    return _DID_IT


def open_for_writing(task: Task) -> bytes:
    with open(task.arguments, "wb") as file:
        file.write(b"was here")
    return _DID_IT


def open_own_memory(_: Task) -> bytes:
    with open("/proc/self/mem", "r+b", buffering=0):
        return _DID_IT


def list_folder(task: Task) -> bytes:
    os.listdir(task.arguments)
    return _DID_IT


def stat(task: Task) -> bytes:
    os.stat(task.arguments)
    return _DID_IT


def remove(task: Task) -> bytes:
    os.unlink(task.arguments)
    return _DID_IT


def open_internet_socket(_: Task) -> bytes:
    socket.socket(socket.AF_INET, socket.SOCK_STREAM).close()
    return _DID_IT


def open_local_socket(_: Task) -> bytes:
    socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).close()
    return _DID_IT


def connect(task: Task) -> bytes:
    with socket.create_connection(("127.0.0.1", int(task.arguments))):
        return _DID_IT


def connect_abstract(task: Task) -> bytes:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(b"\0" + task.arguments)
    return _DID_IT


def execute(_: Task) -> bytes:
    os.execv("/bin/true", ["true"])  # noqa: S606


def fork(_: Task) -> bytes:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    return _DID_IT


def signal_process(task: Task) -> bytes:
    os.kill(int(task.arguments), 0)
    return _DID_IT


def trace(_: Task) -> bytes:
    trace_me = 0
    if _LIBC.ptrace(trace_me, 0, 0, 0) < 0:
        raise _last_error()
    return _DID_IT


def make_code(_: Task) -> bytes:
    prot = mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC
    mmap.mmap(-1, mmap.PAGESIZE, prot=prot).close()
    return _DID_IT


def turn_data_into_code(_: Task) -> bytes:
    page = mmap.mmap(-1, mmap.PAGESIZE)
    at = ctypes.addressof(ctypes.c_char.from_buffer(page))
    if _LIBC.mprotect(ctypes.c_void_p(at), mmap.PAGESIZE, mmap.PROT_READ | mmap.PROT_EXEC) < 0:
        raise _last_error()
    return _DID_IT


def put_off_alarm(_: Task) -> bytes:
    signal.setitimer(signal.ITIMER_REAL, 0)
    return _DID_IT


def ignore_alarm(_: Task) -> bytes:
    signal.signal(signal.SIGALRM, signal.SIG_IGN)
    return _DID_IT


def block_alarm(_: Task) -> bytes:
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
    return _DID_IT


def write_to_file(task: Task) -> bytes:
    os.write(task.files[0], b"was here")
    return _DID_IT


def lengthen_file(task: Task) -> bytes:
    os.ftruncate(task.files[0], 1 << 20)
    return _DID_IT


def map_file_for_writing(task: Task) -> bytes:
    mmap.mmap(task.files[0], 4, access=mmap.ACCESS_WRITE)[:4] = b"here"
    return _DID_IT


def import_late(_: Task) -> bytes:
    import wave

    return wave.__name__.encode()


def calls_not_refused(task: Task) -> bytes:
    """Make every call but those named in the arguments; tell which ended otherwise than EPERM."""
    spared = set(json.loads(task.arguments))
    wrong = []
    for number in range(600):
        if number not in spared:
            ctypes.set_errno(0)
            result = _LIBC.syscall(ctypes.c_long(number), *[ctypes.c_long(-1)] * 6)
            if result != -1 or ctypes.get_errno() != errno.EPERM:
                wrong.append(number)
    return json.dumps(wrong).encode()


def make_call(task: Task) -> bytes:
    number, *arguments = json.loads(task.arguments)
    if _LIBC.syscall(ctypes.c_long(number), *[ctypes.c_long(each) for each in arguments]) < 0:
        raise _last_error()
    return _DID_IT


# Getting hold of more


def reserve_8_gigabytes(_: Task) -> bytes:
    norereserve = 0x4000
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | norereserve
    mmap.mmap(-1, 8 << 30, flags=flags).close()
    return _DID_IT


def fill_8_gigabytes(_: Task) -> bytes:
    return bytes([1]) * (8 << 30)


def use_the_processor(_: Task) -> bytes:
    while True:
        pass


def wait_for_ever(_: Task) -> bytes:
    return os.read(CONTROL, 1)


# Harming the parent


def answer_much(task: Task) -> bytes:
    return bytes(int(task.arguments))


def flood(_: Task) -> bytes:
    """Announce little, write for ever."""
    os.write(CONTROL, FRAME.pack(0, 4))
    while True:
        os.write(CONTROL, bytes(65_536))


def announce_too_much(_: Task) -> bytes:
    os.write(CONTROL, FRAME.pack(0, (1 << 32) - 1))
    return wait_for_ever(_)


def announce_long_failure(_: Task) -> bytes:
    os.write(CONTROL, FRAME.pack(1, (1 << 32) - 1))
    return wait_for_ever(_)


def write_unknown_kind(_: Task) -> bytes:
    os.write(CONTROL, struct.pack("<BI", 77, 2) + b"no")
    return wait_for_ever(_)


def trickle(_: Task) -> bytes:
    """Write one byte after the other, slower than any end."""
    os.write(CONTROL, FRAME.pack(0, 1 << 20))
    while True:
        os.write(CONTROL, b"x")
        os.sched_yield()


def end_within_answer(_: Task) -> bytes:
    os.write(CONTROL, FRAME.pack(0, 10) + b"half")
    os._exit(0)


def answer_and_stay(_: Task) -> bytes:
    os.write(CONTROL, FRAME.pack(0, 6) + _DID_IT)
    return wait_for_ever(_)


def close_channel(_: Task) -> bytes:
    os.close(CONTROL)
    time.sleep(3600)
    return b""


def close_channel_and_end(_: Task) -> bytes:
    os.close(CONTROL)
    os._exit(0)


def raise_error(task: Task) -> bytes:
    raise ValueError(task.arguments.decode())


def raise_long_error(_: Task) -> bytes:
    raise ValueError("\udcff" * 100_000)


def leave(_: Task) -> bytes:
    sys.exit(3)


def leave_at_once(_: Task) -> bytes:
    os._exit(7)


def crash(_: Task) -> bytes:
    return ctypes.string_at(8)


def answer_text(_: Task) -> bytes:
    return "no bytes"  # type: ignore[return-value]


def want(task: Task) -> bytes:
    """Ask for the range named in the arguments, whatever it is; return what comes."""
    write(WANTED, RANGE.pack(*json.loads(task.arguments)))
    size = struct.unpack("<I", os.read(CONTROL, 4))[0]
    return os.read(CONTROL, size)


def want_for_ever(_: Task) -> bytes:
    while True:
        write(WANTED, RANGE.pack(0, 1))
        os.read(CONTROL, 5)


def want_without_reading(_: Task) -> bytes:
    while True:
        write(WANTED, RANGE.pack(0, 1))


def want_in_half(_: Task) -> bytes:
    write(WANTED, b"half")
    return wait_for_ever(_)


# Doing nothing wrong


def read_source(task: Task) -> bytes:
    source = task.source
    if source is None:
        return b"there is none"
    offset, length = json.loads(task.arguments)
    return source.pread(offset, length)


def echo(task: Task) -> bytes:
    return task.arguments


def read_files(task: Task) -> bytes:
    parts = [os.pread(file, os.lseek(file, 0, os.SEEK_END), 0) for file in task.files]
    return b"|".join(parts)


def read_as_file_object(task: Task) -> bytes:
    with open(task.files[0], "rb") as file:
        return file.read()


def run_threads(_: Task) -> bytes:
    answers: list[int] = []
    threads = [threading.Thread(target=answers.append, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return str(sum(answers)).encode()


def environment(_: Task) -> bytes:
    return json.dumps(dict(os.environ)).encode()


def descriptors(_: Task) -> bytes:
    """Tell what each descriptor leads to (only where nothing is locked)."""
    found = {}
    for name in os.listdir("/proc/self/fd"):
        try:
            found[int(name)] = os.readlink(f"/proc/self/fd/{name}")
        except FileNotFoundError:  # the one used to list the folder
            continue
    return json.dumps(found).encode()


def core_limits(_: Task) -> bytes:
    pr_get_dumpable = 3
    return f"{list(resource.getrlimit(resource.RLIMIT_CORE))} {_LIBC.prctl(pr_get_dumpable)}".encode()


def converse(task: Task) -> Handler:
    def answer(question: bytes) -> bytes:
        if question == b"scribble" and task.scratch is not None:
            task.scratch[:8] = b"hostile!"
            threading.Thread(target=_scribble_on, args=(task.scratch,)).start()
            return b"evidence"
        if question == b"pid":
            return str(os.getpid()).encode()
        if question == b"hang":
            time.sleep(3600)
        if question == b"crash":
            return ctypes.string_at(8)
        if question == b"error":
            raise ValueError("this question can not be answered")
        if question == b"source" and task.source is not None:
            return task.source.pread(0, task.source.size)
        if question == b"much":
            return bytes(2 << 20)
        return question[::-1]

    return answer


def _scribble_on(scratch: memoryview) -> None:
    for number in range(100_000):
        scratch[:1] = bytes([number % 256])


def fail_to_open(_: Task) -> Handler:
    raise ValueError("no image")


def never_read(_: Task) -> Handler:
    time.sleep(3600)
    return bytes


def _last_error() -> OSError:
    code = ctypes.get_errno()
    return OSError(code, os.strerror(code))


CALLS: dict[str, Call] = {
    name: value
    for name, value in list(globals().items())
    if callable(value)
    and getattr(value, "__module__", None) == __name__
    and not name.startswith("_")
    and name not in {"converse", "fail_to_open", "never_read"}
}
SESSIONS: dict[str, Session] = {
    "converse": converse,
    "fail_to_open": fail_to_open,
    "never_read": never_read,
}
