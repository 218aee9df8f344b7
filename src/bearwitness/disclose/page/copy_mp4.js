// Reads a redacted copy, MP4 or QuickTime, strictly: no box that is not expected (format, 11.6).

const COPY_INDEX_MAX = 2 ** 28;
const COPY_SAMPLES_MAX = 2 ** 24;
const IDENTITY_MATRIX = [65536, 0, 0, 0, 65536, 0, 0, 0, 2 ** 30];
// Content of a `dinf` that says of all samples that they stand in the file itself (ISO/IEC 14496-12, 8.7).
const DATA_HERE = [0, 0, 0, 28, 100, 114, 101, 102, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 12, 117, 114, 108, 32, 0, 0, 0, 1];
const latin = (bytes) => String.fromCharCode(...bytes);
const u32 = (bytes, at) => bigEndian(bytes.subarray(at, at + 4));
const i32 = (bytes, at) => u32(bytes, at) | 0;

/** Refuse a copy that is not as we write it. */
function expectCopy(holds) {
  if (!holds) throw new Refusal("e.copyShape");
}

/** Return the tracks of a copy that `source` reads; afterwards it stands at the first sample. */
async function readCopy(source) {
  const take = async (length) => {
    const bytes = await source.read(length);
    expectCopy(bytes.length === length);
    return bytes;
  };
  const first = await take(8);
  expectCopy(latin(first.subarray(4)) === "ftyp" && u32(first, 0) >= 8 && u32(first, 0) <= 1024);
  await take(u32(first, 0) - 8);
  const second = await take(8);
  expectCopy(latin(second.subarray(4)) === "moov" && u32(second, 0) >= 8 && u32(second, 0) <= COPY_INDEX_MAX);
  const moov = (await take(u32(second, 0) - 8)).slice();
  const third = await take(16);
  expectCopy(u32(third, 0) === 1 && latin(third.subarray(4, 8)) === "mdat");
  const begin = u32(first, 0) + u32(second, 0) + 16;
  const end = begin + u32(third, 8) * 2 ** 32 + u32(third, 12) - 16;
  const tracks = copyMovie(moov);
  let at = begin;
  for (const sample of tracks.flatMap((track) => track.samples).sort((a, b) => a.at - b.at || a.size - b.size)) {
    expectCopy(sample.at === at);
    at += sample.size;
  }
  expectCopy(at === end);
  return tracks;
}

function copyBoxes(bytes) {
  const found = [];
  for (let at = 0; at < bytes.length; ) {
    const size = u32(bytes, at);
    expectCopy(at + 8 <= bytes.length && size >= 8 && at + size <= bytes.length);
    found.push([latin(bytes.subarray(at + 4, at + 8)), bytes.subarray(at + 8, at + size)]);
    at += size;
  }
  return found;
}

/** Return the children of a box: those wanted, in this order, and no others; with ? they may lack. */
function onlyBoxes(bytes, wanted) {
  const left = wanted.split(" ");
  const found = {};
  for (const [kind, content] of copyBoxes(bytes)) {
    while (left.length && left[0].endsWith("?") && left[0] !== `${kind}?`) left.shift();
    expectCopy(left.length && left[0].replace("?", "") === kind);
    found[left.shift().replace("?", "")] = content;
  }
  expectCopy(left.every((name) => name.endsWith("?")));
  return found;
}

function copyMovie(moov) {
  const [head, ...traks] = copyBoxes(moov);
  expectCopy(head && head[0] === "mvhd" && traks.every(([kind]) => kind === "trak"));
  const numbers = IDENTITY_MATRIX.map((_, at) => i32(head[1], 48 + 4 * at));
  expectCopy(head[1].length === 112 && head[1][0] === 1 && IDENTITY_MATRIX.every((number, at) => numbers[at] === number));
  expectCopy(u32(head[1], 32) === 65536);
  const tracks = traks.map(([, content]) => copyTrack(content));
  expectCopy(tracks.length && tracks.every((track, at) => track.handler === (at ? "soun" : "vide")));
  return tracks;
}

function copyTrack(trak) {
  const parts = onlyBoxes(trak, "tkhd edts? mdia");
  const media = onlyBoxes(parts.mdia, "mdhd hdlr minf");
  const handler = latin(media.hdlr.subarray(8, 12));
  const pictures = handler === "vide";
  expectCopy(!(pictures && parts.edts));
  const inner = onlyBoxes(media.minf, `${pictures ? "vmhd" : "smhd"} dinf stbl`);
  expectCopy(same(inner.dinf, DATA_HERE));
  const table = onlyBoxes(inner.stbl, "stsd stts ctts? stss? stsc stsz co64");
  const { tkhd } = parts;
  expectCopy(tkhd.length === 96 && tkhd[0] === 1 && media.mdhd.length === 36 && media.mdhd[0] === 1);
  const matrix = IDENTITY_MATRIX.map((_, at) => i32(tkhd, 52 + 4 * at));
  expectCopy(matrix[2] === 0 && matrix[5] === 0 && matrix[8] === 2 ** 30);
  const entries = copyBoxes(table.stsd.subarray(8));
  expectCopy(entries.length === 1 && u32(table.stsd, 0) === 0 && u32(table.stsd, 4) === 1);
  const scale = u32(media.mdhd, 20);
  expectCopy(scale > 0);
  return {
    handler, scale, kind: entries[0][0], entry: entries[0][1],
    turn: [0, 1, 3, 4].map((at) => matrix[at]), width: u32(tkhd, 88), height: u32(tkhd, 92), samples: copySamples(table),
  };
}

/** Return the rows of a table of 32-bit columns, whose count stands at the end of `head` bytes, exactly. */
function tableRows(bytes, columns, head = 8) {
  const count = bytes.length >= head ? u32(bytes, head - 4) : Infinity;
  expectCopy(count <= COPY_SAMPLES_MAX && bytes.length === head + 4 * columns * count);
  return Array.from({ length: count }, (_, row) => Array.from({ length: columns }, (_none, at) => u32(bytes, head + 4 * (row * columns + at))));
}

function spreadRows(rows, count) {
  expectCopy(rows.reduce((sum, [times]) => sum + times, 0) === count);
  return rows.flatMap(([times, value]) => Array(times).fill(value));
}

function copySamples(table) {
  const sizes = tableRows(table.stsz, 1, 12).map(([size]) => size);
  expectCopy(u32(table.stsz, 4) === 0 && sizes.length > 0);
  const deltas = spreadRows(tableRows(table.stts, 2), sizes.length);
  expectCopy(!table.ctts || table.ctts[0] === 1);
  const offsets = table.ctts ? spreadRows(tableRows(table.ctts, 2), sizes.length) : null;
  const keys = table.stss ? new Set(tableRows(table.stss, 1).map(([number]) => number - 1)) : null;
  const places = copyPlaces(table, sizes);
  let dts = 0n;
  return sizes.map((size, number) => {
    const pts = dts + BigInt(offsets ? offsets[number] | 0 : 0);
    dts += BigInt(deltas[number]);
    return { number, at: places[number], size, pts, lasts: BigInt(deltas[number]), key: !keys || keys.has(number) };
  });
}

function copyPlaces(table, sizes) {
  const chunks = tableRows(table.co64, 2).map(([high, low]) => high * 2 ** 32 + low);
  const rows = tableRows(table.stsc, 3);
  const ordered = rows.every(([first, , kind], at) => kind === 1 && (at ? rows[at - 1][0] < first : first === 1));
  expectCopy(rows.length > 0 && ordered && rows.at(-1)[0] <= chunks.length);
  const found = [];
  let which = 0;
  chunks.forEach((begin, at) => {
    while (which + 1 < rows.length && rows[which + 1][0] <= at + 1) which += 1;
    let place = begin;
    for (const size of sizes.slice(found.length, found.length + rows[which][1])) {
      found.push(place);
      place += size;
    }
  });
  expectCopy(found.length === sizes.length);
  return found;
}
