"""Where everything that parses hostile bytes runs: in children without network, files, keys or privileges.

The door is :class:`bearwitness.sandbox.client.Sandbox`; what runs inside is written as :mod:`.tasks` says;
whether this machine can do it is told by :func:`bearwitness.sandbox.status.require`.

    parent ──exec──> zygote ──fork──> child
      └────────channel, status──────────┘

The *zygote* (:mod:`.zygote`) holds no keys and no plaintext. It loads one module of tasks, then puts on
Landlock and a filter of system calls. A *child* (:mod:`.child`) serves one request, under limits, an alarm, a
Landlock domain of its own and a stricter filter (:mod:`.syscalls`). What it answers is untrusted: call it so.

A child reads files that are handed over open for reading alone, and, where the source is no file but an item
decrypted in memory, ranges of it: it asks on the channel it answers on, and the parent, which waits there for
the answer, reads and sends them (:mod:`.ranges`). That was chosen over a second socket with a thread of the
parent, which would widen the filter by a descriptor, and over a memfd, which would hold the whole item.
Answers too large for a socket (decoded frames) go through memory that the child writes and the parent copies
from (:mod:`.scratch`).

Networks run in a *worker* (:mod:`.worker`, :mod:`.workshop`): exec'ed, warmed up, then locked, all threads
at once, and never forked. It may make code, which it needs, but has no file, no network and no other process.
Pictures reach it through memory that the parent writes and that it can but read (:class:`.scratch.Inbox`).
"""
