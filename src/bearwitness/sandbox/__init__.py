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
"""
