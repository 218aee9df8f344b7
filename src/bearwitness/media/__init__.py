"""Hostile footage, sound and pictures, decoded in locked children (PyAV, Pillow) and taken in strictly.

    with Sandbox(media.TASKS) as sandbox:
        facts = probe(sandbox, source)
        troubles: list[DecodeTrouble] = []
        for frame in frames(sandbox, source, stream=0, max_side=640, troubles=troubles):
            ...

Doors: :mod:`.source` (where the bytes come from), :mod:`.probe`, :mod:`.frames`, :mod:`.sound`,
:mod:`.packets`, :mod:`.stills`. What runs in the child is in :mod:`.inside` and is imported nowhere else:
this process never loads a decoder. A file that crashes, hangs or exhausts its child costs its child; the
caller gets ChildFailedError and may try once more with :meth:`plans.Plan.stricter`.
"""

from typing import Final

TASKS: Final = "bearwitness.media.locked"
"""The module of tasks to open a Sandbox with."""
