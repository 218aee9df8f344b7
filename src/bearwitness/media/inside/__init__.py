"""What runs in the locked child: hostile bytes meet FFmpeg and Pillow here and nowhere else.

Nothing in this package is imported by the process that holds keys; :mod:`bearwitness.media.locked` loads it
in the zygote, before the locks are put on.
"""
