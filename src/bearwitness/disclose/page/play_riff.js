// AVI and WAV (RIFF), and transport streams, out of proven packets (format, 11.3).

function chunk(code, ...content) {
  const length = content.reduce((sum, part) => sum + part.length, 0);
  return joined(ascii(code), littleWords(length), ...content, zeros(length & 1));
}

const listChunk = (code, ...content) => chunk("LIST", ascii(code), ...content);

function planWav(tracks, order) {
  const size = order.reduce((sum, { row }) => sum + row.size, 0);
  const layout = chunk("fmt ", extradataOf(tracks[0]));
  const riff = joined(ascii("RIFF"), littleWords(4 + layout.length + 8 + size + (size & 1)), ascii("WAVE"));
  const head = joined(riff, layout, ascii("data"), littleWords(size));
  return { head, before: () => NOTHING, tail: zeros(size & 1) };
}

function planAvi(tracks, order) {
  const origin = originOf(tracks);
  const pictures = tracks.find((track) => track.media === "video");
  const avih = littleWords(...(pictures ? mainHeader(pictures, tracks.length) : new Array(14).fill(0)));
  const header = listChunk("hdrl", chunk("avih", avih), ...tracks.map((track) => streamList(track, origin)));
  const codes = new Map(tracks.map((track, n) => {
    return [track, `${String(n).padStart(2, "0")}${track.media === "video" ? "dc" : "wb"}`.slice(0, 4)];
  }));
  const before = [];
  const index = [];
  let at = 4;
  let pad = NOTHING;
  for (const { track, row } of order) {
    const code = ascii(codes.get(track));
    before.push(joined(pad, code, littleWords(row.size)));
    index.push(joined(code, littleWords(row.flags & FLAG_KEY ? 0x10 : 0, at, row.size)));
    pad = zeros(row.size & 1);
    at += 8 + row.size + pad.length;
  }
  const tail = joined(pad, chunk("idx1", joinedList(index)));
  const movi = joined(ascii("LIST"), littleWords(at), ascii("movi"));
  const size = 4 + header.length + 8 + at + tail.length - pad.length;
  const head = joined(ascii("RIFF"), littleWords(size), ascii("AVI "), header, movi);
  return { head, before: (n) => before[n], tail };
}

function mainHeader(track, streams) {
  const each = (track.base[0] * 1000000n) / track.base[1];
  const [wide, high] = ["width", "height"].map((name) => decoderNumber(track, name));
  return [each, 0, 0, 0x10, track.played.length, 0, streams, 0, wide, high, 0, 0, 0, 0];
}

function streamList(track, origin) {
  const layout = extradataOf(track);
  const rows = track.played;
  const video = track.media === "video";
  let sample = BigInt(fromLittle(layout.subarray(12, 14)));
  if (video || rows.some((row) => row.lasts * sample !== BigInt(row.size))) sample = 0n;
  const [n, d] = fractionMinus(track.clock(rows[0].time), origin);
  const start = floorOf([n * track.base[1], d * track.base[0]]);
  const handler = zeros(4);
  if (video) handler.set(layout.subarray(16, 20));
  const length = rows.reduce((sum, row) => sum + row.lasts, 0n);
  const strh = joined(
    ascii(video ? "vids" : "auds"), handler, zeros(12),
    littleWords(track.base[0], track.base[1], start, length, 0, 0xffffffff, sample), zeros(8),
  );
  const parts = [chunk("strh", strh), chunk("strf", layout)];
  if (video && Object.hasOwn(track.display, "aspect")) {
    const [across, down] = displayFraction(track.display.aspect);
    const [wide, high] = ["width", "height"].map((name) => decoderNumber(track, name));
    const shape = joined(unsigned(2, down).reverse(), unsigned(2, across).reverse());
    parts.push(chunk("vprp", zeros(20), shape, littleWords(wide, high, 0)));
  }
  return listChunk("strl", ...parts);
}

const SECTION_BYTES_MAX = 1024;

function planTransport(tracks) {
  let pid = 0x1000;
  while (tracks.some((track) => track.number === pid)) pid += 1;
  const skip = zeros(tracks[0].container === "m2ts" ? 4 : 0);
  const pat = tableSection(0, unsigned(2, 1, 0xe000 | pid));
  const pmt = tableSection(2, unsigned(2, 0xe000 | tracks[0].number, 0xf000), ...tracks.map(streamOfTable));
  const head = joined(...tableCells(0, pat, skip), ...tableCells(pid, pmt, skip));
  return { head, before: () => NOTHING, tail: NOTHING };
}

function streamOfTable(track) {
  if (!/^0x[0-9a-f]{2}$/.test(track.codec)) throw new RangeError("a stream without type");
  const extradata = extradataOf(track);
  return joined(unsigned(1, Number(track.codec)), unsigned(2, 0xe000 | track.number, 0xf000 | extradata.length), extradata);
}

function tableSection(table, ...content) {
  const body = joined(unsigned(2, 1), Uint8Array.of(0xc1, 0, 0), ...content);
  const length = body.length + 4;
  if (length + 3 > SECTION_BYTES_MAX) throw new RangeError("more descriptors than a table holds");
  const section = joined(Uint8Array.of(table), unsigned(2, 0xb000 | length), body);
  let crc = 0xffffffff; // annex A: polynomial 04C11DB7, most significant bit first
  for (const byte of section) {
    crc ^= byte << 24;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 0x80000000 ? (crc << 1) ^ 0x04c11db7 : crc << 1;
  }
  return joined(section, unsigned(4, crc >>> 0));
}

function tableCells(pid, section, skip) {
  return pieces(joined(zeros(1), section), 184).map((part, at) => {
    const cell = new Uint8Array(CELL_BYTES).fill(255);
    cell.set([0x47, ((at ? 0 : 0x40) | (pid >> 8)), pid & 255, 0x10 | (at & 15)]);
    cell.set(part, 4);
    return joined(skip, cell);
  });
}
