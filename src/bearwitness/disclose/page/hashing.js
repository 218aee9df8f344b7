// Hashes of whole files in one pass, with bounded memory: SHA-256, CRC-32 of an archive, leaves of a content tree.

const PIECE_BYTES = 8 * 2 ** 20;
// WebCrypto hashes whole buffers only, at some ten times the speed of our own code, which takes files in pieces.
// So files go to WebCrypto up to what the device has room for, twice; larger ones are slower and need little.
const WHOLE_BYTES_MAX = 2 ** 20 * ({ 8: 768, 4: 256 }[Math.min(navigator.deviceMemory ?? 4, 8)] ?? 96);

const CRC_TABLES = (function fillTables() {
  const tables = Array.from({ length: 8 }, () => new Int32Array(256));
  for (let n = 0; n < 256; n += 1) {
    let c = n;
    for (let bit = 0; bit < 8; bit += 1) c = c & 1 ? (c >>> 1) ^ 0xedb88320 : c >>> 1;
    tables[0][n] = c;
  }
  for (let n = 0; n < 256; n += 1) {
    for (let t = 1; t < 8; t += 1) tables[t][n] = (tables[t - 1][n] >>> 8) ^ tables[0][tables[t - 1][n] & 255];
  }
  return tables;
})();

/** Return CRC-32 of `bytes` after bytes that had the CRC `before`. */
function crc32(bytes, before = 0) {
  const [t0, t1, t2, t3, t4, t5, t6, t7] = CRC_TABLES;
  let c = ~before;
  let at = 0;
  for (; at + 8 <= bytes.length; at += 8) {
    c ^= bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
    c = t7[c & 255] ^ t6[(c >>> 8) & 255] ^ t5[(c >>> 16) & 255] ^ t4[c >>> 24]
      ^ t3[bytes[at + 4]] ^ t2[bytes[at + 5]] ^ t1[bytes[at + 6]] ^ t0[bytes[at + 7]];
  }
  for (; at < bytes.length; at += 1) c = (c >>> 8) ^ t0[(c ^ bytes[at]) & 255];
  return ~c >>> 0;
}

const webSha256 = async (bytes) => new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));

/** Gathers the leaves of segments of given lengths while bytes stream by. */
class SegmentHasher {
  constructor(lengths, salts) {
    this.lengths = lengths;
    this.salts = salts;
    this.head = leafHead("segment");
    this.leaves = [];
    this.space = new Uint8Array(this.head.length + 32 + SEGMENT_BYTES_MAX); // a digest copies what it is given at once
    this.space.set(this.head);
    this.begin();
  }

  begin() {
    const at = this.leaves.length;
    this.filled = this.head.length + 32;
    this.message = null;
    if (at < this.lengths.length) {
      this.message = this.space.subarray(0, this.filled + this.lengths[at]);
      this.message.set(this.salts[at], this.head.length);
    }
  }

  /** Take bytes; resolve when the leaves that they complete are hashed. */
  async feed(bytes) {
    const from = this.leaves.length;
    let at = 0;
    while (at < bytes.length) {
      if (this.message === null) throw new Refusal("e.longer");
      const count = Math.min(this.message.length - this.filled, bytes.length - at);
      this.message.set(bytes.subarray(at, at + count), this.filled);
      this.filled += count;
      at += count;
      this.close();
    }
    const done = await Promise.all(this.leaves.slice(from));
    done.forEach((leaf, n) => { this.leaves[from + n] = leaf; });
  }

  close() {
    if (this.filled < this.message.length) return;
    this.leaves.push(webSha256(this.message));
    this.begin();
  }

  /** Return all leaves; refuse bytes that are missing. */
  async end() {
    if (this.message !== null) this.close(); // the one empty segment of an empty file
    if (this.message !== null) throw new Refusal("e.shorter");
    return Promise.all(this.leaves);
  }
}

/** Read a file of a package once: {sha256 in hexadecimal, leaves}; `content` gives lengths and salts, or null. */
async function hashFile(file, content, progress, wholeMax = WHOLE_BYTES_MAX) {
  const { blob, crc } = file;
  const segments = content && new SegmentHasher(content.lengths, content.salts);
  const whole = blob.size <= wholeMax ? await bytesOfBlob(blob).catch(() => null) : null; // no room: in pieces
  const stream = whole ? null : new Sha256();
  const digest = whole && webSha256(whole);
  let sum = 0;
  let before = null; // segments of the piece before are hashed while this one is cut
  for (let at = 0; at < blob.size; at += PIECE_BYTES) {
    const end = Math.min(at + PIECE_BYTES, blob.size);
    const piece = whole ? whole.subarray(at, end) : await bytesOfBlob(blob.slice(at, end));
    const fed = segments?.feed(piece);
    fed?.catch(() => {}); // it is awaited in its turn, unless the one before was refused
    await before;
    before = fed;
    if (crc !== null) sum = crc32(piece, sum);
    if (stream) stream.update(piece);
    await progress(piece.length);
  }
  await before;
  if (crc !== null && sum !== crc) throw new Refusal("e.crc");
  return { sha256: hex(whole ? await digest : stream.digest()), leaves: segments ? await segments.end() : null };
}
