"""The assembled filters decide as the policy says, on both architectures, shown by running them here."""

from __future__ import annotations

import struct

import pytest

from bearwitness.sandbox import landlock
from bearwitness.sandbox.seccomp import assemble
from bearwitness.sandbox.syscalls import ALLOW, CHILD, DENY, KILL, NUMBERS, PRETEND_OLD_KERNEL, ZYGOTE, Rule

AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
COLUMN = {"x86_64": 0, "aarch64": 1}
I386 = 0x40000003
UNCONDITIONAL = """
    brk clock_gettime clock_nanosleep close exit exit_group fstat futex getpid getrandom gettid gettimeofday
    lseek madvise mremap munmap nanosleep pread64 preadv read readv restart_syscall rseq rt_sigreturn
    sched_getaffinity sched_yield set_robust_list
""".split()

machines = pytest.mark.parametrize("machine", AUDIT)


def run(program: bytes, number: int, *arguments: int, audit: int) -> int:
    """Run the classic BPF program as the kernel would; jumps out of it or endless ones fail."""
    data = struct.pack("<IIQ6Q", number, audit, 0, *(arguments + (0,) * 6)[:6])
    code = list(struct.iter_unpack("<HBBI", program))
    accumulator, at = 0, 0
    while True:
        operation, if_true, if_false, value = code[at]
        at += 1
        if operation == 0x20:
            (accumulator,) = struct.unpack_from("<I", data, value)
        elif operation == 0x54:
            accumulator &= value
        elif operation == 0x15:
            at += if_true if accumulator == value else if_false
        elif operation == 0x35:
            at += if_true if accumulator >= value else if_false
        elif operation == 0x06:
            return value
        else:
            raise AssertionError(f"unknown instruction {operation:#x}")


def decide(machine: str, name: str, *arguments: int, rules: tuple[Rule, ...] = CHILD) -> int:
    number = NUMBERS[name][COLUMN[machine]]
    assert number is not None
    return run(assemble(rules, machine), number, *arguments, audit=AUDIT[machine])


@machines
def test_without_a_look_at_arguments_exactly_these_calls_are_allowed(machine: str) -> None:
    program = assemble(CHILD, machine)
    anything = (1 << 64) - 1
    allowed = {
        number
        for number in range(1000)
        if run(program, number, *[anything] * 6, audit=AUDIT[machine]) == ALLOW
    }
    expected = {NUMBERS[name][COLUMN[machine]] for name in UNCONDITIONAL}
    assert allowed == expected


@machines
def test_calls_of_another_architecture_end_the_process(machine: str) -> None:
    for other in {I386, *AUDIT.values()} - {AUDIT[machine]}:
        assert run(assemble(CHILD, machine), 0, audit=other) == KILL
        assert run(assemble(ZYGOTE, machine), 0, audit=other) == KILL


def test_x32_ends_the_process() -> None:
    for rules in (CHILD, ZYGOTE):
        for number in (0x40000000, 0x40000000 | 59, 0xFFFFFFFF):
            assert run(assemble(rules, "x86_64"), number, audit=AUDIT["x86_64"]) == KILL


@machines
def test_what_is_written_goes_nowhere_but_to_the_channel(machine: str) -> None:
    for name in ("write", "writev"):
        assert [decide(machine, name, file) for file in (0, 1, 2, 3)] == [ALLOW] * 4
        assert {decide(machine, name, file) for file in (4, 7, 255, 1 << 31, (1 << 32) - 1)} == {DENY}


@machines
def test_memory_never_becomes_code(machine: str) -> None:
    for name in ("mmap", "mprotect"):
        assert [decide(machine, name, 0, 4096, prot) for prot in (0, 1, 2, 3)] == [ALLOW] * 4
        assert {decide(machine, name, 0, 4096, prot) for prot in (4, 5, 6, 7, 4 | 1 << 40)} == {DENY}


@machines
def test_threads_are_the_only_thing_that_can_be_cloned(machine: str) -> None:
    glibc_thread, musl_thread, plain_fork = 0x3D0F00, 0x7D0F00, 0x01200011
    assert decide(machine, "clone", glibc_thread) == decide(machine, "clone", musl_thread) == ALLOW
    new_namespaces = (0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000)
    for namespace in new_namespaces:
        assert decide(machine, "clone", glibc_thread | namespace) == DENY
        assert decide(machine, "clone", plain_fork | namespace, rules=ZYGOTE) == DENY
    for flags in (plain_fork, 0, 17, glibc_thread & ~0x10000, glibc_thread | 1 << 32, 1 << 32):
        assert decide(machine, "clone", flags) == DENY
    assert decide(machine, "clone", plain_fork, rules=ZYGOTE) == ALLOW
    assert decide(machine, "clone3") == PRETEND_OLD_KERNEL


@machines
def test_the_zygote_can_not_reach_files_or_the_network_either(machine: str) -> None:
    program = assemble(ZYGOTE, machine)
    denied = {  # openat, socket, connect, execve, execveat, sendmsg, sendto, kill
        "x86_64": (257, 2, 41, 42, 59, 322, 46, 44, 62),
        "aarch64": (56, 198, 203, 221, 281, 211, 206, 129),
    }
    for number in denied[machine]:
        assert run(program, number, audit=AUDIT[machine]) == DENY


def test_landlock_handles_every_right_the_kernel_knows_and_none_it_does_not() -> None:
    def handled(version: int) -> tuple[int, int, int]:
        tables = (landlock._FS_RIGHTS, landlock._NET_RIGHTS, landlock._SCOPES)
        fs, net, scopes = (landlock._all_bits(table, version) for table in tables)
        return fs, net, scopes

    assert handled(1) == (0x1FFF, 0, 0)
    assert handled(2) == (0x3FFF, 0, 0)
    assert handled(3) == (0x7FFF, 0, 0)
    assert handled(4) == (0x7FFF, 3, 0)
    assert handled(5) == (0xFFFF, 3, 0)
    assert handled(6) == handled(7) == handled(99) == (0xFFFF, 3, 3)
