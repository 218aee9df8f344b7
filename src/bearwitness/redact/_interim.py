"""Interim: until branch media has probe and packets. NOT sandboxed; must go before this is used."""

import os
from fractions import Fraction

import av

from bearwitness.media.model import Facts, Packet, Stream


class FD:
    def __init__(s, fd):
        s.fd, s.at, s.size = fd, 0, os.fstat(fd).st_size

    def read(s, n=-1):
        d = os.pread(s.fd, s.size if n < 0 else n, s.at)
        s.at += len(d)
        return d

    def seek(s, o, w=0):
        s.at = {0: 0, 1: s.at, 2: s.size}[w] + o
        return s.at

    def tell(s):
        return s.at

    def seekable(s):
        return True

    def readable(s):
        return True


def probe(sandbox, source):
    with av.open(FD(source.descriptor)) as c:
        out = []
        rot = 0
        for s in c.streams:
            cc = s.codec_context
            v = s.type == "video"
            a = s.type == "audio"
            if v:
                with av.open(FD(source.descriptor)) as c2:
                    for fr in c2.decode(c2.streams[s.index]):
                        rot = fr.rotation
                        break
            out.append(
                Stream(
                    s.index,
                    s.type or "data",
                    cc.name if cc else "",
                    s.profile or "" if cc else "",
                    "",
                    s.time_base,
                    None,
                    None,
                    s.frames,
                    cc.width if v else 0,
                    cc.height if v else 0,
                    (cc.pix_fmt or "") if v else "",
                    Fraction(s.sample_aspect_ratio) if v and s.sample_aspect_ratio else None,
                    rot if v else 0,
                    s.average_rate if v else None,
                    cc.sample_rate if a else 0,
                    cc.layout.nb_channels if a else 0,
                    "",
                    0,
                    "",
                    tuple(x.name for x in type(s.disposition) if s.disposition & x and x.name)
                    if hasattr(s, "disposition")
                    else (),
                    True,
                    tuple(s.metadata.items()),
                    bytes(cc.extradata or b"") if cc else b"",
                )
            )
        return Facts(c.format.name, None, None, 0, 0, tuple(c.metadata.items()), tuple(out))


def packets(sandbox, source, *, streams, troubles=None):
    with av.open(FD(source.descriptor)) as c:
        for p in c.demux([c.streams[i] for i in streams]):
            if p.size:
                yield Packet(
                    p.stream.index, p.pts, p.dts, p.duration or 0, p.is_keyframe, p.is_discard, bytes(p)
                )


def sound(sandbox, source, *, stream, troubles):
    import numpy as np

    from bearwitness.media.model import Sound

    first = 0
    with av.open(FD(source.descriptor)) as c:
        s = c.streams[stream]
        r = av.AudioResampler(format="flt", layout="mono", rate=s.rate)
        t0 = None
        for f in c.decode(s):
            if t0 is None:
                t0 = Fraction(f.pts) * f.time_base
            for g in r.resample(f):
                a = g.to_ndarray()[0]
                yield Sound(first, t0 + Fraction(first, s.rate), s.rate, a)
                first += len(a)
