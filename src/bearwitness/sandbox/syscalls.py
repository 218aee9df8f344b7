"""Which system calls a locked process may make: the whole policy, on one page.

Default is EPERM. The lists are what honest tasks were found to need, not what sounds harmless. Notable for
what they lack:

* anything with a path, so also `newfstatat`, which is what `os.fstat` calls: it could `stat` any file. A task
  learns a file's length with `os.lseek(fd, 0, os.SEEK_END)`;
* `sendmsg` and `recvmsg`: no descriptor comes in or goes out;
* `rt_sigaction`, `rt_sigprocmask`, `setitimer`: the alarm that ends a child can not be put off.
"""

from __future__ import annotations

import errno
from dataclasses import dataclass
from typing import Final

ALLOW: Final = 0x7FFF0000
KILL: Final = 0x80000000
DENY: Final = 0x00050000 | errno.EPERM
PRETEND_OLD_KERNEL: Final = 0x00050000 | errno.ENOSYS

_PROT_EXEC: Final = 4
_CLONE_THREAD: Final = 0x10000
# What glibc and musl ask for when they start a thread: no other clone, above all no new namespace.
_CLONE_FLAGS_OF_THREADS: Final = 0x7D0F00
_CLONE_FLAGS_OF_FORK: Final = 0x01200011
_ALL_BITS: Final = (1 << 64) - 1


@dataclass(frozen=True)
class Check:
    """Holds if argument number `argument`, masked, equals `value`."""

    argument: int
    mask: int
    value: int = 0


@dataclass(frozen=True)
class Rule:
    """What happens to system call `name` if all `checks` hold; else a later rule or the default decides."""

    name: str
    action: int = ALLOW
    checks: tuple[Check, ...] = ()


_NO_EXEC = (Check(2, _PROT_EXEC),)
_FIRST_FOUR_FILES = (Check(0, 0xFFFFFFFC),)  # 0 to 2 are /dev/null, 3 is the answer channel
_THREAD = (Check(0, _ALL_BITS & ~_CLONE_FLAGS_OF_THREADS | _CLONE_THREAD, _CLONE_THREAD),)

# Nothing honest ever calls these, so whoever does is stopped there and then.
_NEVER = """
    add_key bpf io_uring_enter io_uring_register io_uring_setup kexec_load keyctl mount perf_event_open
    process_vm_readv process_vm_writev ptrace request_key setns unshare userfaultfd
""".split()

CHILD: Final = (
    *(Rule(name) for name in "read pread64 lseek readv preadv fstat close".split()),
    Rule("write", checks=_FIRST_FOUR_FILES),
    Rule("writev", checks=_FIRST_FOUR_FILES),
    Rule("mmap", checks=_NO_EXEC),
    Rule("mprotect", checks=_NO_EXEC),
    *(Rule(name) for name in "munmap mremap brk madvise futex getrandom".split()),
    *(Rule(name) for name in "clock_gettime clock_nanosleep nanosleep gettimeofday".split()),
    *(Rule(name) for name in "getpid gettid sched_yield sched_getaffinity".split()),
    *(Rule(name) for name in "exit exit_group rt_sigreturn restart_syscall".split()),
    Rule("clone", checks=_THREAD),
    *(Rule(name) for name in "rseq set_robust_list".split()),
    # glibc falls back to clone, whose flags, unlike those of clone3, a filter can see.
    Rule("clone3", PRETEND_OLD_KERNEL),
    *(Rule(name, KILL) for name in _NEVER),
)
"""A child that reads hostile bytes."""

WORKER: Final = (
    *(rule for rule in CHILD if rule.name not in ("mmap", "mprotect", "pread64", "preadv", "readv")),
    # Networks are compiled to machine code when their input takes a new size.
    *(Rule(name) for name in "mmap mprotect".split()),
)
"""A long-lived worker that runs networks over decoded pixels: it makes code, but has no file to read."""

ZYGOTE: Final = (
    *CHILD,
    *(Rule(name) for name in "recvmsg poll ppoll wait4 pidfd_open pidfd_send_signal".split()),
    Rule("clone", checks=(Check(0, _ALL_BITS, _CLONE_FLAGS_OF_FORK),)),
    # What a child calls between its birth and its own filter.
    *(Rule(name) for name in "getppid dup2 dup3 close_range prlimit64 setitimer prctl seccomp".split()),
    *(Rule(name) for name in "rt_sigaction rt_sigprocmask landlock_restrict_self".split()),
    Rule("write", checks=()),
)
"""The zygote, which reads no hostile bytes but forks those that do."""

PROGRAM: Final = (
    *(rule for rule in WORKER if rule.name not in ("write", "writev")),
    *(Rule(name) for name in "write writev pread64 readv execve open openat access faccessat".split()),
    *(Rule(name) for name in "stat lstat newfstatat statx getdents64 readlink readlinkat ioctl".split()),
    *(Rule(name) for name in "fcntl getuid geteuid getgid getegid set_tid_address arch_prctl".split()),
    *(Rule(name) for name in "prlimit64 rt_sigaction rt_sigprocmask sysinfo uname getcwd times".split()),
)
"""A program of others: it opens what Landlock lets it read, and is executed once. It starts no other."""

# On x86_64 and on aarch64, which lacks some old calls.
NUMBERS: Final[dict[str, tuple[int | None, int | None]]] = {
    "access": (21, None),
    "add_key": (248, 217),
    "arch_prctl": (158, None),
    "bpf": (321, 280),
    "brk": (12, 214),
    "clock_gettime": (228, 113),
    "clock_nanosleep": (230, 115),
    "clone": (56, 220),
    "clone3": (435, 435),
    "close": (3, 57),
    "close_range": (436, 436),
    "dup2": (33, None),
    "dup3": (292, 24),
    "execve": (59, 221),
    "exit": (60, 93),
    "exit_group": (231, 94),
    "faccessat": (269, 48),
    "fcntl": (72, 25),
    "fstat": (5, 80),
    "futex": (202, 98),
    "getcwd": (79, 17),
    "getdents64": (217, 61),
    "getegid": (108, 177),
    "geteuid": (107, 175),
    "getgid": (104, 176),
    "getpid": (39, 172),
    "getppid": (110, 173),
    "getrandom": (318, 278),
    "gettid": (186, 178),
    "gettimeofday": (96, 169),
    "getuid": (102, 174),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "io_uring_setup": (425, 425),
    "ioctl": (16, 29),
    "kexec_load": (246, 104),
    "keyctl": (250, 219),
    "landlock_restrict_self": (446, 446),
    "lseek": (8, 62),
    "lstat": (6, None),
    "madvise": (28, 233),
    "mmap": (9, 222),
    "mount": (165, 40),
    "mprotect": (10, 226),
    "mremap": (25, 216),
    "munmap": (11, 215),
    "nanosleep": (35, 101),
    "newfstatat": (262, 79),
    "open": (2, None),
    "openat": (257, 56),
    "perf_event_open": (298, 241),
    "pidfd_open": (434, 434),
    "pidfd_send_signal": (424, 424),
    "poll": (7, None),
    "ppoll": (271, 73),
    "prctl": (157, 167),
    "pread64": (17, 67),
    "preadv": (295, 69),
    "prlimit64": (302, 261),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "ptrace": (101, 117),
    "read": (0, 63),
    "readlink": (89, None),
    "readlinkat": (267, 78),
    "readv": (19, 65),
    "recvmsg": (47, 212),
    "request_key": (249, 218),
    "restart_syscall": (219, 128),
    "rseq": (334, 293),
    "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139),
    "sched_getaffinity": (204, 123),
    "sched_yield": (24, 124),
    "seccomp": (317, 277),
    "set_robust_list": (273, 99),
    "set_tid_address": (218, 96),
    "setitimer": (38, 103),
    "setns": (308, 268),
    "stat": (4, None),
    "statx": (332, 291),
    "sysinfo": (99, 179),
    "times": (100, 153),
    "uname": (63, 160),
    "unshare": (272, 97),
    "userfaultfd": (323, 282),
    "wait4": (61, 260),
    "write": (1, 64),
    "writev": (20, 66),
}
