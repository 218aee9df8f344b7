// MP4 and QuickTime out of proven packets (ISO/IEC 14496-12; format, 11.3).

const MOVIE_SCALE = 90000n;
const IDENTITY = [65536, 0, 0, 0, 65536, 0, 0, 0, 1073741824];

function box(kind, ...content) {
  const length = content.reduce((sum, part) => sum + part.length, 8);
  return joined(unsigned(4, length), typeof kind === "string" ? ascii(kind) : kind, ...content);
}

const fullBox = (kind, version, flags, ...content) => box(kind, unsigned(4, version * 2 ** 24 + flags), ...content);

function planMp4(tracks, order) {
  const brands = tracks[0].container === "mov" ? ["qt  "] : ["isom", "iso2", "mp41"];
  const ftyp = box("ftyp", ascii(brands[0]), unsigned(4, 512), ...brands.map(ascii));
  const origin = originOf(tracks);
  const media = tracks.map((track) => mediaOf(track, origin));
  const places = new Map();
  let at = 0;
  for (const { row } of order) {
    places.set(row, at);
    at += row.size;
  }
  const base = ftyp.length + movieBox(media, places, 0).length + 16;
  const mdat = joined(unsigned(4, 1), ascii("mdat"), unsigned(8, 16 + at));
  return { head: joined(ftyp, movieBox(media, places, base), mdat), before: () => NOTHING, tail: NOTHING };
}

function mediaOf(track, origin) {
  const rows = track.played;
  const told = rows.every((row) => row.pts >= -(2n ** 62n) && row.dts >= -(2n ** 62n));
  if (track.base[0] !== 1n || !told) throw new RangeError("times MP4 can not tell");
  const first = rows.reduce((least, row) => (row.pts < least ? row.pts : least), rows[0].pts);
  const forward = rows[0].dts > first ? rows[0].dts - first : 0n;
  const deltas = rows.slice(1).map((row, at) => row.dts - rows[at].dts);
  const end = rows.reduce((most, row) => (row.pts + row.lasts > most ? row.pts + row.lasts : most), first);
  const [n, d] = fractionMinus(track.clock(first), origin);
  const shown = floorOf([(end - first) * MOVIE_SCALE, track.base[1]]);
  return {
    track,
    deltas: [...deltas, rows.at(-1).lasts],
    offsets: rows.map((row) => row.pts - row.dts + forward),
    begin: first + forward - rows[0].dts,
    empty: floorOf([n * MOVIE_SCALE, d]),
    shown: shown > 1n ? shown : 1n,
  };
}

function movieBox(media, places, base) {
  const duration = media.map((one) => one.empty + one.shown).reduce((a, b) => (a > b ? a : b));
  const matrix = displayNumbers(media[0].track.display.movie_matrix, 9) ?? IDENTITY;
  const last = Math.max(...media.map((one) => one.track.number)) + 1;
  const mvhd = fullBox(
    "mvhd", 1, 0, zeros(16), unsigned(4, MOVIE_SCALE), unsigned(8, duration), unsigned(4, 0x10000),
    unsigned(2, 0x100), zeros(10), signed(4, ...matrix), zeros(24), unsigned(4, last),
  );
  return box("moov", mvhd, ...media.map((one) => trackBox(one, places, base)));
}

function trackBox(media, places, base) {
  const { track, empty, shown } = media;
  const sound = track.media === "audio";
  const size = ["width", "height"].map((name) => {
    if (!Object.hasOwn(track.display, name)) return decoderNumber(track, name) << 16n;
    const [n, d] = displayFraction(track.display[name]);
    return (n << 16n) / d;
  });
  const tkhd = fullBox(
    "tkhd", 1, 3, zeros(16), unsigned(4, track.number), zeros(4), unsigned(8, empty + shown), zeros(12),
    unsigned(2, sound ? 0x100 : 0), zeros(2), signed(4, ...(displayNumbers(track.display.matrix, 9) ?? IDENTITY)),
    unsigned(4, ...size),
  );
  const edits = [[shown, media.begin]];
  if (empty) edits.unshift([empty, -1n]);
  const rows = edits.map(([length, time]) => joined(unsigned(8, length), signed(8, time), unsigned(2, 1, 0)));
  const elst = fullBox("elst", 1, 0, unsigned(4, rows.length), ...rows);
  return box("trak", tkhd, box("edts", elst), mediaBox(media, sound, places, base));
}

function mediaBox(media, sound, places, base) {
  const { track, deltas } = media;
  const duration = deltas.reduce((a, b) => a + b, 0n);
  const mdhd = fullBox("mdhd", 1, 0, zeros(16), unsigned(4, track.base[1]), unsigned(8, duration), unsigned(2, 0x55c4, 0));
  const hdlr = fullBox("hdlr", 0, 0, zeros(4), ascii(sound ? "soun" : "vide"), zeros(13));
  const head = sound ? fullBox("smhd", 0, 0, zeros(4)) : fullBox("vmhd", 0, 1, zeros(8));
  const dinf = box("dinf", fullBox("dref", 0, 0, unsigned(4, 1), fullBox("url ", 0, 1)));
  return box("mdia", mdhd, hdlr, box("minf", head, dinf, sampleTable(media, places, base)));
}

function sampleTable({ track, deltas, offsets }, places, base) {
  const rows = track.played;
  const runs = (values, write) => {
    const found = runsOf(values);
    return joinedList([unsigned(4, found.length), ...found.map(([count, value]) => joined(unsigned(4, count), write(4, value)))]);
  };
  const parts = [
    fullBox("stsd", 0, 0, unsigned(4, 1), sampleEntry(track)),
    fullBox("stts", 0, 0, runs(deltas, unsigned)),
  ];
  if (offsets.some(Boolean)) parts.push(fullBox("ctts", 1, 0, runs(offsets, signed)));
  const keys = rows.flatMap((row, at) => (row.flags & FLAG_KEY ? [at + 1] : []));
  if (track.media === "video" && keys.length < rows.length) {
    parts.push(fullBox("stss", 0, 0, unsigned(4, keys.length), unsignedList(4, keys)));
  }
  parts.push(
    fullBox("stsc", 0, 0, unsigned(4, 1, 1, 1, 1)),
    fullBox("stsz", 0, 0, unsigned(4, 0, rows.length), unsignedList(4, rows.map((row) => row.size))),
    fullBox("co64", 0, 0, unsigned(4, rows.length), unsignedList(8, rows.map((row) => base + places.get(row)))),
  );
  return box("stbl", ...parts);
}

/** As unsigned(), for lists longer than a call can have arguments. */
const unsignedList = (width, values) => joinedList(values.map((value) => unsigned(width, value)));

const SAMPLE_CHILDREN = {
  avc1: "avcC", avc2: "avcC", avc3: "avcC", avc4: "avcC", hvc1: "hvcC", hev1: "hvcC", dvh1: "hvcC", dvhe: "hvcC",
  vvc1: "vvcC", vvi1: "vvcC", av01: "av1C", vp08: "vpcC", vp09: "vpcC", mp4v: "esds", s263: "d263", mp4a: "esds",
  Opus: "dOps", fLaC: "dfLa", alac: "alac", "ac-3": "dac3", "ec-3": "dec3", "ac-4": "dac4", samr: "damr", sawb: "damr",
};

function sampleEntry(track) {
  const code = track.codec;
  const extradata = extradataOf(track);
  const kind = /^0x[0-9a-f]{8}$/.test(code) ? unsigned(4, Number(code)) : utf8(code);
  let child = Object.hasOwn(SAMPLE_CHILDREN, code) ? SAMPLE_CHILDREN[code] : null;
  if (child === "esds" && same(extradata.subarray(4, 8), ascii("frma"))) child = "wave";
  const ownSizes = track.media === "video" ? [70] : [20, 36, 56];
  if (kind.length !== 4 || (!child && !ownSizes.includes(extradata.length))) throw new RangeError("no sample entry");
  const parts = child ? [ownFields(track), box(child, extradata)] : [extradata];
  const { pixel_aspect: aspect, crop } = track.display;
  if (track.media === "video" && aspect !== undefined) parts.push(box("pasp", unsigned(4, ...displayFraction(aspect))));
  if (track.media === "video" && crop !== undefined) parts.push(box("clap", signed(4, ...(displayNumbers(crop, 8) ?? [0]))));
  return box(kind, zeros(6), unsigned(2, 1), ...parts);
}

function ownFields(track) {
  const [width, height, channels, rate] = ["width", "height", "channels", "sample_rate"].map((n) => decoderNumber(track, n));
  if (track.media === "video") {
    const size = joined(zeros(16), unsigned(2, width, height), unsigned(4, 0x480000, 0x480000, 0));
    return joined(size, unsigned(2, 1), zeros(32), unsigned(2, 24), signed(2, -1));
  }
  return joined(zeros(8), unsigned(2, channels, 16), zeros(4), unsigned(4, rate < 65536n ? rate << 16n : 0n));
}
