// Packets of a transport stream out of its cells (ISO/IEC 13818-1, 2.4.3; format, 11.2).

const CELL_BYTES = 188;
const TRANSPORT_PACKET_MAX = 2 ** 28;
const PLAIN_STREAM_IDS = [0xbc, 0xbe, 0xbf, 0xf0, 0xf1, 0xf2, 0xf8, 0xff];

/** Return the PID of a cell that begins with these bytes, -1 if it is no sound cell. */
function pidOf(head) {
  return head.length < 3 || head[0] !== 0x47 || head[1] & 0x80 ? -1 : ((head[1] & 0x1f) << 8) | head[2];
}

/** Takes segments in order, gives each to the packet it belongs to, and checks packets that are whole. */
class TransportPackets {
  constructor(tracks) {
    this.skip = tracks[0].container === "m2ts" ? 4 : 0;
    this.stride = this.skip + CELL_BYTES;
    this.open = new Map();
    for (const track of tracks) {
      const rows = track.played.filter((row) => row.leaves);
      if (rows.some((row) => row.offset)) throw new Refusal("e.cells");
      this.open.set(track.number, { rows, at: 0, parts: [], length: 0 });
    }
    this.done = [];
    this.before = null;
  }

  take(index, bytes) {
    const pid = this.trackOf(index, bytes);
    const track = this.open.get(pid);
    if (!track) throw new Refusal("e.cells");
    while (track.at < track.rows.length && index >= track.rows[track.at].leaf + track.rows[track.at].leaves) this.close(track);
    const row = track.rows[track.at];
    if (!row || index < row.leaf || (!track.length && index !== row.leaf)) throw new Refusal("e.cells");
    track.parts.push(bytes);
    track.length += bytes.length;
    if (track.length > TRANSPORT_PACKET_MAX) throw new Refusal("e.cells");
    this.before = { index, pid };
    this.done.push(bytes);
  }

  /** Return the PID of a segment; one that begins within a cell goes on where the one before ended. */
  trackOf(index, bytes) {
    if (this.before && this.open.get(this.before.pid).length % this.stride) {
      if (index !== this.before.index + 1) throw new Refusal("e.cells");
      return this.before.pid;
    }
    return pidOf(bytes.subarray(this.skip, this.skip + 3));
  }

  close(track) {
    checkCells(joinedList(track.parts), track.rows[track.at], this.stride, this.skip);
    track.at += 1;
    track.parts = [];
    track.length = 0;
  }

  ready() {
    return this.done.splice(0);
  }

  finish() {
    for (const track of this.open.values()) while (track.at < track.rows.length) this.close(track);
  }
}

/** Check that cells hold exactly the packet of `row`, none missing. */
function checkCells(bytes, row, stride, skip) {
  if (!bytes.length || bytes.length % stride) throw new Refusal("e.cells");
  const payloads = pieces(bytes, stride).map((whole, at) => {
    const cell = whole.subarray(skip);
    const starts = Boolean(cell[1] & 0x40);
    if (pidOf(cell) !== row.track || cell[3] & 0xc0 || starts !== (at === 0)) throw new Refusal("e.cells");
    if ((cell[3] & 0x30) === 0x10) return cell.subarray(4);
    return (cell[3] & 0x30) === 0x30 ? cell.subarray(5 + cell[4]) : new Uint8Array();
  });
  const payload = joinedList(payloads);
  const { body, pts, dts } = parsePes(payload);
  const size = payload.length - body;
  const length = bigEndian(payload.subarray(4, 6));
  const told = length ? length + 6 - body : size;
  if (row.size !== told || size < told || pts !== row.pts || dts !== row.dts) throw new Refusal("e.cells");
}

/** Return where the bytes of a PES packet begin, and its times as written. */
function parsePes(payload) {
  if (payload.length < 9 || payload[0] || payload[1] || payload[2] !== 1) throw new Refusal("e.cells");
  if (PLAIN_STREAM_IDS.includes(payload[3])) return { body: 6, pts: UNTOLD, dts: UNTOLD };
  const body = 9 + payload[8];
  if ((payload[6] & 0xc0) !== 0x80 || payload.length < body) throw new Refusal("e.cells");
  const pts = payload[7] & 0x80 && payload[8] >= 5 ? pesTime(payload.subarray(9, 14)) : UNTOLD;
  const dts = payload[7] & 0x40 && payload[8] >= 10 ? pesTime(payload.subarray(14, 19)) : pts;
  return { body, pts, dts };
}

function pesTime(bytes) {
  const bits = BigInt(bigEndian(bytes));
  return (((bits >> 33n) & 7n) << 30n) | (((bits >> 17n) & 0x7fffn) << 15n) | ((bits >> 1n) & 0x7fffn);
}
