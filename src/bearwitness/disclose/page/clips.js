// Proves a clip: its table, its bytes, and that its playable file is made of them alone (format, 11.2).

const HEAD_BYTES_MAX = 32;

/** Return the tracks of a clip once every field and packet is proven in the item's track table. */
function proveTable(fields, table, gaps = false) {
  const tree = tracksTree(fields.get("tracks"));
  const packets = pieces(table.packets, ROW_BYTES);
  const leaves = [
    ...table.fields.map((field, at) => hashLeaf("track-field", table.proof.salts[at], canonicalBytes(field))),
    ...packets.map((row, at) => hashLeaf("packet", table.proof.salts[table.fields.length + at], row)),
  ];
  const root = rootFromSeveral(table.proof.indices, tree.height, leaves, table.proof.hashes);
  if (!same(root, tree.root)) throw new Refusal("e.table");
  const tracks = tracksOf(table.fields, parseRows(table.packets), table.proof.indices, gaps);
  if (tracks.some((track) => track.played.some((row) => row.flags & FLAG_SHARED))) throw new Refusal("e.shared");
  return tracks;
}

/** Return {track, row} of the packets that are shown, in the order of their bytes. */
function contentOrder(tracks) {
  const shown = tracks.flatMap((track) => track.played.map((row) => ({ track, row })));
  const key = ({ track, row }) => [row.leaf, row.offset, row.leaves, track.number];
  const keyed = shown.map((pair) => [key(pair), pair]);
  keyed.sort(([a], [b]) => {
    const at = a.findIndex((part, n) => part !== b[n]);
    return at < 0 ? 0 : a[at] - b[at];
  });
  return keyed.map(([, pair]) => pair);
}

/** Check a clip of the item with these proven `fields`; return {tracks, bytes}. `playable` is a blob or null. */
async function checkClip(fields, clip, raw, playable, leaves) {
  const tracks = proveTable(fields, clip.table);
  const { proof, lengths } = clip.segments;
  const tree = contentTree(fields.get("content"));
  if (!same(rootFromSeveral(proof.indices, tree.height, leaves, proof.hashes), tree.root)) throw new Refusal("e.clipBytes");
  const order = contentOrder(tracks);
  const plan = playable && planOf(tracks, order);
  if (playable && !plan) throw new Refusal("e.noPlan");
  const packets = TRANSPORT.includes(tracks[0].container)
    ? new TransportPackets(tracks)
    : new PlainPackets(order.map(({ row }) => row), proof.indices);
  const source = new BlobReader(raw);
  const built = new Comparison(playable);
  let next = 0;
  const give = async () => {
    for (const packet of packets.ready()) {
      if (!plan) continue;
      await built.expect(plan.before(next), packet);
      next += 1;
    }
  };
  if (plan) await built.expect(plan.head);
  for (let at = 0; at < lengths.length; at += 1) {
    packets.take(proof.indices[at], await source.read(lengths[at]));
    await give();
  }
  packets.finish();
  await give();
  if (plan) await built.end(plan.tail);
  return { tracks, bytes: lengths.reduce((a, b) => a + b, 0) };
}

/** Reads a blob in order, in pieces of any size. */
class BlobReader {
  constructor(blob) {
    this.blob = blob;
    this.at = 0;
    this.held = new Uint8Array();
  }

  /** Return the next `length` bytes, fewer at the end. */
  async read(length) {
    if (this.held.length < length) {
      const more = Math.max(length - this.held.length, PIECE_BYTES / 2);
      const end = Math.min(this.at + more, this.blob.size);
      this.held = joined(this.held, await bytesOfBlob(this.blob.slice(this.at, end)));
      this.at = end;
    }
    const bytes = this.held.subarray(0, length);
    this.held = this.held.subarray(length);
    return bytes;
  }

  get ended() {
    return !this.held.length && this.at === this.blob.size;
  }
}

/** Compares a file with the bytes it must be made of. */
class Comparison {
  constructor(blob) {
    this.reader = blob && new BlobReader(blob);
  }

  async expect(...parts) {
    for (const part of parts) {
      if (!same(await this.reader.read(part.length), part)) throw new Refusal("e.playable");
    }
  }

  async end(tail) {
    await this.expect(tail);
    if (!this.reader.ended) throw new Refusal("e.playable");
  }
}

/** Puts segments together into packets that have them to themselves. */
class PlainPackets {
  constructor(rows, indices) {
    let at = 0;
    for (const row of rows) {
      for (let n = 0; n < row.leaves; n += 1, at += 1) {
        if (indices[at] !== row.leaf + n) throw new Refusal("e.clipSegments");
      }
    }
    if (at !== indices.length) throw new Refusal("e.clipSegments");
    Object.assign(this, { rows, at: 0, parts: [], done: [] });
  }

  take(index, bytes) {
    while (!this.rows[this.at].leaves) this.close();
    const row = this.rows[this.at];
    this.parts.push(bytes);
    if (index === row.leaf + row.leaves - 1) this.close();
  }

  close() {
    const row = this.rows[this.at];
    const bytes = joinedList(this.parts);
    const exact = row.leaves ? row.offset + row.size === bytes.length : row.size === 0;
    if (!exact || (row.leaves && row.offset > HEAD_BYTES_MAX)) throw new Refusal("e.clipSegments");
    this.done.push(row.leaves ? bytes.subarray(row.offset) : bytes);
    this.at += 1;
    this.parts = [];
  }

  ready() {
    return this.done.splice(0);
  }

  finish() {
    while (this.at < this.rows.length) this.close();
  }
}
