"""Where the packets of a media file begin and end and what its index says of them.

:func:`tasks.index_file` reads an index (in the locked child), :func:`answer.decode_index` takes it
in strictly and :func:`cutting.cut` turns it into segments (both in the trusted parent).
"""
