// Matroska and WebM out of proven packets (RFC 9559; format, 11.3).

const NANOSECONDS = 1000000000n;

const ebmlHead = (kind, size) =>
  joined(unsigned(Math.ceil(kind.toString(16).length / 2), kind), unsigned(8, (1n << 56n) | BigInt(size)));

function element(kind, ...content) {
  return joined(ebmlHead(kind, content.reduce((sum, part) => sum + part.length, 0)), ...content);
}

const uintElement = (kind, value) => element(kind, unsigned(8, value));

function floatElement(kind, value) {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setFloat64(0, Number(value));
  return element(kind, bytes);
}

function planMatroska(tracks, order) {
  const [n, d] = tracks[0].base;
  const equal = tracks.every((track) => track.base[0] === n && track.base[1] === d && !track.codec.startsWith("A_PCM"));
  if (!equal || (n * NANOSECONDS) % d) throw new RangeError("times or sound Matroska can not tell");
  const begin = order.reduce((least, { row }) => (row.time < least ? row.time : least), order[0].row.time);
  const ends = order.map(({ row }) => row.time + row.lasts);
  const end = ends.reduce((most, time) => (time > most ? time : most));
  const ebml = element(
    0x1a45dfa3, uintElement(0x4286, 1), uintElement(0x42f7, 1), uintElement(0x42f2, 4), uintElement(0x42f3, 8),
    element(0x4282, ascii(tracks[0].container)), uintElement(0x4287, 4), uintElement(0x4285, 2),
  );
  const name = ascii("bearwitness");
  const info = element(
    0x1549a966, uintElement(0x2ad7b1, (n * NANOSECONDS) / d), floatElement(0x4489, end - begin),
    element(0x4d80, name), element(0x5741, name),
  );
  const segment = joined(unsigned(4, 0x18538067), Uint8Array.of(1), new Uint8Array(7).fill(255));
  const before = blockHeads(order, begin);
  return {
    head: joined(ebml, segment, info, element(0x1654ae6b, ...tracks.map(trackEntry))),
    before: (at) => before[at],
    tail: NOTHING,
  };
}

/** Return what stands before each packet: the head of its block, and that of a cluster where one begins. */
function blockHeads(order, begin) {
  const heads = [];
  const clusters = []; // {at, time, size}
  order.forEach(({ track, row }, at) => {
    const key = row.flags & FLAG_KEY;
    const after = clusters.length ? row.time - clusters.at(-1).time : 0n;
    if (!clusters.length || (key && track.media === "video") || after < -0x8000n || after > 0x7fffn) {
      clusters.push({ at, time: row.time, size: 0 });
    }
    const cluster = clusters.at(-1);
    const own = joined(trackVint(track.number), signed(2, row.time - cluster.time), Uint8Array.of(key ? 0x80 : 0));
    const head = joined(ebmlHead(0xa3, own.length + row.size), own);
    cluster.size += head.length + row.size;
    heads.push(head);
  });
  for (const { at, time, size } of clusters) {
    const stamp = uintElement(0xe7, time - begin);
    heads[at] = joined(ebmlHead(0x1f43b675, stamp.length + size), stamp, heads[at]);
  }
  return heads;
}

function trackVint(number) {
  if (number < 0x7f) return Uint8Array.of(0x80 | number);
  if (number < 0x3fff) return unsigned(2, 0x4000 | number);
  throw new RangeError("a track number too large for a short block");
}

function trackEntry(track) {
  const { decoder } = track;
  const video = track.media === "video";
  const parts = [
    uintElement(0xd7, track.number), uintElement(0x73c5, track.number), uintElement(0x83, video ? 1 : 2),
    uintElement(0x9c, 0), element(0x86, utf8(track.codec)),
  ];
  const extradata = extradataOf(track);
  if (extradata.length) parts.push(element(0x63a2, extradata));
  for (const [kind, name] of [[0x23e383, "default_duration"], [0x56aa, "codec_delay"], [0x56bb, "seek_preroll"]]) {
    if (Object.hasOwn(decoder, name)) parts.push(uintElement(kind, bigInteger(decoder[name])));
  }
  if (Object.hasOwn(decoder, "encoding")) parts.push(element(0x6d80, bytesOf(decoder.encoding)));
  if (video) parts.push(videoElement(track));
  else {
    const [rate, channels] = [bigInteger(decoder.sample_rate), bigInteger(decoder.channels)];
    parts.push(element(0xe1, floatElement(0xb5, rate), uintElement(0x9f, channels)));
  }
  return element(0xae, ...parts);
}

function videoElement({ decoder, display }) {
  const parts = [];
  const told = (holder, name) => Object.hasOwn(holder, name);
  if (told(decoder, "width")) parts.push(uintElement(0xb0, bigInteger(decoder.width)));
  if (told(decoder, "height")) parts.push(uintElement(0xba, bigInteger(decoder.height)));
  for (const [kind, name] of [[0x54b0, "width"], [0x54ba, "height"]]) {
    if (!told(display, name)) continue;
    const [n, d] = displayFraction(display[name]);
    if (d !== 1n) throw new RangeError("a broken number of a display");
    parts.push(uintElement(kind, n));
  }
  if (told(display, "unit")) {
    const unit = ["cm", "inch", "ratio"].indexOf(display.unit) + 1;
    parts.push(uintElement(0x54b2, unit || 4));
  }
  if (told(display, "crop")) {
    const crop = displayNumbers(display.crop, 4) ?? [];
    if (crop.length !== 4) throw new RangeError("no crop");
    crop.forEach((value, at) => parts.push(uintElement([0x54bb, 0x54aa, 0x54cc, 0x54dd][at], value)));
  }
  if (told(display, "projection")) parts.push(element(0x7670, bytesOf(display.projection)));
  return element(0xe0, ...parts);
}
