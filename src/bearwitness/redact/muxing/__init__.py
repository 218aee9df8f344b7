"""Containers written by ourselves: MP4, QuickTime, Matroska, WebM, with nothing in them but what plays.

A library's muxer leaves its name, its times and its habits; these write no tag, no time, no edit list that
sound does not need, and keep the times of the packets they are given to the tick.
"""
