"""Recall and precision of copies on drawn videos that nothing was tuned to: figures for
docs/measurements-triage.md.

python bench/copies.py   about three minutes of processor time

Four places, each filmed twice (one of them with other people on the same ways), through a real encoder, with
edits that the set of bench/analysis.py does not have; sampled as triage samples. Beside them videos that hold
one of these in their middle, two that share an opening of three seconds alone, and pictures in which nothing
happens.
"""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Callable
from fractions import Fraction
from itertools import combinations
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.signals import scenes
from tests.signals.scenes import Edit, Picture, Video

from bearwitness.signals.candidates import CandidateIndex
from bearwitness.signals.relation import Relation, compare
from bearwitness.signals.sketch import Sketch, Sketcher, sampling

RATE, SECONDS, OPENING = 25, 6, 3
OPENS = "opening"  # the group of videos that share an opening: neither the same nor different


def encoded(video: Video, crf: int = 28) -> Video:
    """Return the video encoded by x264 and decoded again."""
    out, height, width = io.BytesIO(), *video[0][1].shape
    height, width = height - height % 2, width - width % 2
    with av.open(out, "w", format="mp4") as container:
        stream: Any = container.add_stream(
            "libx264", rate=RATE, options={"crf": str(crf), "preset": "veryfast"}
        )
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for _, picture in video:
            whole = np.ascontiguousarray(picture[:height, :width])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(whole, format="gray")))
        container.mux(stream.encode())
    out.seek(0)
    with av.open(out) as container:
        pictures = [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]
    return [(moment, picture) for (moment, _), picture in zip(video, pictures, strict=True)]


def sketch(video: Video) -> Sketch:
    """Return the sketch triage would keep."""
    sketcher = Sketcher(*sampling(float(video[-1][0])))
    for moment, picture in video:
        sketcher.add(picture, moment)
    return sketcher.finish()


def letterbox(picture: Picture) -> Picture:
    """Put bars above and below."""
    bar = picture.shape[0] // 6
    return cv2.copyMakeBorder(picture, bar, bar, 0, 0, cv2.BORDER_CONSTANT, value=16).astype(np.uint8)


def pillarbox(picture: Picture) -> Picture:
    """Put bars left and right, half as wide as the picture together."""
    bar = picture.shape[1] // 4
    return cv2.copyMakeBorder(picture, 0, 0, bar, bar, cv2.BORDER_CONSTANT, value=16).astype(np.uint8)


def crop_to_60(picture: Picture) -> Picture:
    """Leave 60 % of both sides."""
    rows, columns = picture.shape
    return picture[rows // 4 : rows // 4 + rows * 6 // 10, columns // 6 : columns // 6 + columns * 6 // 10]


def caption(picture: Picture) -> Picture:
    """Burn words in, without a bar behind them."""
    out = picture.copy()
    cv2.putText(out, "Eyewitness, 4 June", (30, picture.shape[0] - 24), cv2.FONT_HERSHEY_SIMPLEX, 1, 0, 6)
    cv2.putText(out, "Eyewitness, 4 June", (30, picture.shape[0] - 24), cv2.FONT_HERSHEY_SIMPLEX, 1, 255, 2)
    return out


def gamma(picture: Picture) -> Picture:
    """Darken the middle greys."""
    return (255 * (picture / 255.0) ** 1.7).astype(np.uint8)


def lines_240(picture: Picture) -> Picture:
    """Scale to 240 lines."""
    return cv2.resize(picture, (picture.shape[1] * 240 // picture.shape[0], 240)).astype(np.uint8)


def logo(picture: Picture) -> Picture:
    """Put a logo into a corner."""
    out = picture.copy()
    cv2.circle(out, (picture.shape[1] - 45, 45), 28, 255, -1)
    cv2.putText(out, "7", (picture.shape[1] - 57, 58), cv2.FONT_HERSHEY_DUPLEX, 1.2, 0, 3)
    return out


def border(picture: Picture) -> Picture:
    """Put a light border around."""
    return cv2.copyMakeBorder(picture, 14, 14, 14, 14, cv2.BORDER_CONSTANT, value=200).astype(np.uint8)


def slower(video: Video) -> Video:
    """Leave out every second frame, the time of the others kept."""
    return video[::2]


def at_30(video: Video) -> Video:
    """Bring 25 frames a second to 30 by doubling."""
    count = len(video) * 30 // RATE
    return [(Fraction(n, 30), video[min(len(video) - 1, round(n * RATE / 30))][1]) for n in range(count)]


def part(video: Video) -> Video:
    """Cut 2.6 s out of the middle."""
    return later([each for each in video if 2.3 <= each[0] < 4.9], -video[round(2.3 * RATE)][0])


def in_picture(video: Video) -> Video:
    """Return the video at 45 % of its size in a corner of another, which no other video shows."""
    seed = 1000 + int(video[0][1].sum()) % 1000
    around = scenes.film(seed, seed, SECONDS, fps=RATE)
    made = []
    for (moment, picture), (_, whole) in zip(video, around, strict=False):
        small = cv2.resize(picture, None, fx=0.45, fy=0.45, interpolation=cv2.INTER_AREA)
        out = whole.copy()
        out[-small.shape[0] - 12 : -12, -small.shape[1] - 12 : -12] = small
        made.append((moment, out))
    return made


def each(edit: Edit) -> Callable[[Video], Video]:
    """Return the edit of a video that edits each frame."""
    return lambda video: [(moment, edit(picture)) for moment, picture in video]


def later(video: Video, by: Fraction) -> Video:
    """Move a video in time."""
    return [(moment + by, picture) for moment, picture in video]


def joined(*videos: Video) -> Video:
    """Join videos, one after another."""
    whole: Video = []
    for video in videos:
        start = whole[-1][0] + Fraction(1, RATE) if whole else Fraction(0)
        whole += later(video, start - video[0][0])
    return whole


def blank(level: int, noise: float, seconds: float) -> Video:
    """Return flat frames with noise."""
    rng = np.random.default_rng(level)
    return [
        (Fraction(n, RATE), np.clip(rng.normal(level, noise, (270, 480)), 0, 255).astype(np.uint8))
        for n in range(round(seconds * RATE))
    ]


EDITS: dict[str, Callable[[Video], Video]] = {
    "crf 38": lambda video: encoded(video, 38),
    "letterbox": each(letterbox),
    "pillarbox": each(pillarbox),
    "crop to 60 %": each(crop_to_60),
    "mirror": each(scenes.mirror),
    "caption": each(caption),
    "gamma": each(gamma),
    "240 lines": each(lines_240),
    "12.5 a second": slower,
    "30 a second": at_30,
    "in picture": in_picture,
    "logo": each(logo),
    "border": each(border),
    "part": part,
    "mirrored part": lambda video: each(scenes.mirror)(part(video)),
    "black in between": lambda video: joined(video[:75], blank(16, 1, 2), video[75:]),
}


def films() -> dict[str, Video]:
    """Return the eight films by group."""
    made = {}
    for place, shake in ((200, 0.0), (201, 8.0), (202, 18.0)):
        for action in range(2):
            film = scenes.film(place, 3 * place + action, SECONDS, fps=RATE, shake=shake)
            made[f"{place}-{action}"] = film
    for person in range(2):
        made[f"203-person{person}"] = scenes.film(203, 609, SECONDS, fps=RATE, looks=700 + person)
    return made


def videos() -> list[tuple[str, str, Video]]:
    """Return (name, group, video) of the whole set."""
    made, edits = [], list(EDITS)
    for number, (group, film) in enumerate(films().items()):
        made.append((f"{group} original", group, encoded(film, 20)))
        for step in range(4):
            name = edits[(4 * number + step + number // 4) % len(edits)]
            made.append((f"{group} {name}", group, encoded(EDITS[name](film))))
        if number % 2 == 0:
            around = [scenes.film(210 + number + n, 210 + number + n, 4, fps=RATE) for n in range(2)]
            made.append((f"{group} in the middle", group, encoded(joined(around[0], film, around[1]))))
    opening = scenes.film(220, 220, OPENING, fps=RATE, shake=6)
    for place in (221, 222):
        whole = joined(opening, scenes.film(place, place, 5, fps=RATE, shake=6))
        made.append((f"{place} after the opening", OPENS, encoded(whole)))
    for place in (223, 224):
        made.append((f"{place} still", str(place), encoded(scenes.film(place, 1, 4, fps=RATE, figures=0))))
    for level, noise in ((16, 0.0), (16, 3.0), (128, 3.0)):
        made.append((f"blank {level} ± {noise:g}", f"blank {level} {noise}", encoded(blank(level, noise, 5))))
    return made


def main() -> int:
    """Draw, compare all, and print what was missed and what was wrong."""
    begin = time.process_time()
    set_ = [(name, group, sketch(video)) for name, group, video in videos()]
    drawn = time.process_time()
    sketches = [each[2] for each in set_]
    candidates = CandidateIndex(sketches).pairs()
    found = {pair: compare(sketches[pair[0]], sketches[pair[1]], tips) for pair, tips in candidates.items()}
    print(f"processor seconds: drawing {drawn - begin:.0f}, comparing {time.process_time() - drawn:.0f}")
    report([(name, group) for name, group, _ in set_], found)
    return 0


def report(names: list[tuple[str, str]], found: dict[tuple[int, int], Relation | None]) -> None:
    """Print recall, precision and each pair that was judged wrongly."""
    pairs = [
        (i, j) for i, j in combinations(range(len(names)), 2) if (names[i][1], names[j][1]) != (OPENS, OPENS)
    ]
    true = {(i, j) for i, j in pairs if names[i][1] == names[j][1]}
    said = {pair for pair in pairs if (relation := found.get(pair)) is not None and relation.kind == "copy"}
    print(f"pairs, the same, candidates: {len(pairs)}, {len(true)}, {len(found)}")
    print(f"recall {len(said & true) / len(true):.3f}, precision {len(said & true) / max(1, len(said)):.3f}")
    for i, j in sorted(true ^ said):
        relation = found.get((i, j))
        kind = relation.kind if relation else "candidate" if (i, j) in found else "no candidate"
        print(f"  {'missed' if (i, j) in true else 'WRONG'}: {names[i][0]} / {names[j][0]}: {kind}")
    for (i, j), relation in found.items():
        if (names[i][1], names[j][1]) == (OPENS, OPENS) and relation is not None:
            spans = [[round(s.a_start, 1), round(s.a_end, 1), round(s.b_start, 1)] for s in relation.spans]
            print(f"  shared opening of {OPENING} s: {relation.kind}, {sorted(relation.traits)}, {spans}")


if __name__ == "__main__":
    sys.exit(main())
