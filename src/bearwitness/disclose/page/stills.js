// Proves a still: entry, packet and tiles, and that its picture is made of them alone (format, 11.4).

const TILE = 16;
const STILL_PIXELS_MAX = 40000000;
const PNG_BLOCK = 65535;
const PIXEL_LAYOUTS = new Map([8, 10].flatMap((depth) => [
  [`grey${depth}`, { chroma: null, depth }],
  [`420p${depth}`, { chroma: [1, 1], depth }],
  [`422p${depth}`, { chroma: [1, 0], depth }],
  [`444p${depth}`, { chroma: [0, 0], depth }],
]));
const EXACT_CODECS = "av1 ffv1 ffvhuff h264 hevc huffyuv rawvideo utvideo vp8 vp9 vvc".split(" ");
const COLOURS = {
  bt601: { limited: [16, 76309, 104597, 25675, 53279, 132201], full: [0, 65536, 91881, 22553, 46802, 116130] },
  bt709: { limited: [16, 76309, 117489, 13975, 34925, 138438], full: [0, 65536, 103206, 12276, 30679, 121609] },
  bt2020: { limited: [16, 76309, 110014, 12277, 42626, 140363], full: [0, 65536, 96639, 10784, 37444, 123299] },
};

/** Read a still of an item. */
function parseStill(value) {
  const got = members(value, "entry log picture table tiles");
  const tiles = members(got.tiles, "file hashes runs salts");
  const salts = bytesOf(tiles.salts);
  if (salts.length % 32) throw new Refusal("e.malformed", { what: "salts" });
  const log = parseLog(got.log);
  if (log.further.length || log.proof.stamps) throw new Refusal("e.malformed", { what: "log of a still" });
  return {
    entry: parseEntry(got.entry),
    log,
    table: parseTable(got.table),
    picture: textOf(got.picture),
    file: textOf(tiles.file),
    proof: parseSeveral(tiles, salts.length / 32),
  };
}

/** Read what the entry of a still commits to. */
function parseFrame(value) {
  const got = members(value, "codec decoder exact height matrix packet pixels range tiles time track turn width");
  const [width, height] = [got.width, got.height].map((side) => smallInteger(side, 16384));
  const layout = PIXEL_LAYOUTS.get(textOf(got.pixels));
  const spread = Object.hasOwn(COLOURS, textOf(got.matrix)) && Object.hasOwn(COLOURS[got.matrix], textOf(got.range));
  const named = [got.codec, got.decoder].every((words) => textOf(words).length > 0 && [...words].length <= 200);
  const sized = width > 0 && height > 0 && width * height <= STILL_PIXELS_MAX;
  if (!layout || !spread || !named || !sized || typeof got.exact !== "boolean") throw new Refusal("e.malformed", { what: "still" });
  if (got.exact && !EXACT_CODECS.includes(got.codec)) throw new Refusal("e.malformed", { what: "exact" });
  const tiles = treeOf(got.tiles, "tile", HIDDEN_HEIGHTS);
  const columns = Math.ceil(width / TILE);
  const count = columns * Math.ceil(height / TILE);
  if (tiles.height !== HIDDEN_HEIGHTS.find((room) => count <= 2 ** (room - 1))) throw new Refusal("e.malformed", { what: "tree" });
  const planes = layout.chroma ? [[0, 0], layout.chroma, layout.chroma] : [[0, 0]];
  return {
    width, height, columns, count, planes, tiles, depth: layout.depth,
    codec: got.codec, decoder: got.decoder, exact: got.exact, matrix: got.matrix, range: got.range,
    turn: smallInteger(got.turn, 3),
    track: smallInteger(got.track),
    packet: smallInteger(got.packet),
    time: bigInteger(got.time, -(2n ** 63n), I64_MAX),
  };
}

/** Return where a tile lies in each plane: {left, right, top, low}, in samples. */
function tileParts(frame, tile) {
  const left = (tile % frame.columns) * TILE;
  const top = Math.floor(tile / frame.columns) * TILE;
  return frame.planes.map(([across, down]) => {
    const width = (frame.width + across) >> across;
    const height = (frame.height + down) >> down;
    return {
      left: left >> across,
      right: Math.min(width, (left >> across) + (TILE >> across)),
      top: top >> down,
      low: Math.min(height, (top >> down) + (TILE >> down)),
    };
  });
}

const tileBytes = (frame, tile) =>
  tileParts(frame, tile).reduce((sum, { left, right, top, low }) => sum + (right - left) * (low - top), 0) * (frame.depth > 8 ? 2 : 1);

/** Check a still of a proven item; return {frame, track, shown, checkpoint}. `raw` and `made` are bytes of its files. */
async function checkStill(still, item, vault, raw, made) {
  if (still.log.key.text !== vault.text) throw new Refusal("e.otherVault");
  const checkpoint = await checkLogOf(still.entry, still.log);
  const fields = entryFields(still.entry, "still");
  if (!["item", "kind", "still"].every((name) => fields.has(name))) throw new Refusal("e.mustShow", { name: "still" });
  if (fields.get("item") !== item.id) throw new Refusal("e.stillItem");
  const frame = parseFrame(fields.get("still"));
  const tracks = proveTable(item.fields, still.table);
  if (tracks.length !== 1 || tracks[0].rows.length !== 1) throw new Refusal("e.stillPacket");
  const [track] = tracks;
  const here = track.number === frame.track && still.table.proof.indices.at(-1) === frame.packet;
  if (!here || track.media !== "video" || track.rows[0].time !== frame.time) throw new Refusal("e.stillPacket");
  const tiles = proveTiles(still.proof, frame, raw);
  if (!same(stillPicture(frame, tiles), made)) throw new Refusal("e.stillPicture");
  return { frame, track, shown: tiles.size, checkpoint };
}

/** Return the payloads of the tiles shown, by number, once they are proven. */
function proveTiles(proof, frame, raw) {
  if (proof.indices.at(-1) >= frame.count) throw new Refusal("e.stillTiles");
  const tiles = new Map();
  let at = 0;
  for (const tile of proof.indices) {
    const length = tileBytes(frame, tile);
    tiles.set(tile, raw.subarray(at, at + length));
    at += length;
  }
  if (at !== raw.length) throw new Refusal("e.stillTiles");
  const leaves = proof.indices.map((tile, n) => hashLeaf("tile", proof.salts[n], tiles.get(tile)));
  const root = rootFromSeveral(proof.indices, frame.tiles.height, leaves, proof.hashes);
  if (!same(root, frame.tiles.root)) throw new Refusal("e.stillTiles");
  return tiles;
}

/** Return planes of 8 bits a sample in which the shown tiles stand, and which pixels these are. */
function stillPlanes(frame, tiles) {
  const planes = frame.planes.map(([across, down]) =>
    new Uint8Array(((frame.width + across) >> across) * ((frame.height + down) >> down)));
  const wide = frame.depth > 8;
  for (const [tile, payload] of tiles) {
    let at = 0;
    tileParts(frame, tile).forEach(({ left, right, top, low }, number) => {
      const across = frame.planes[number][0];
      const width = (frame.width + across) >> across;
      for (let y = top; y < low; y += 1) {
        for (let x = left; x < right; x += 1) {
          let sample = payload[at];
          at += 1;
          if (wide) {
            sample += 256 * payload[at];
            at += 1;
            if (sample > 1023) throw new Refusal("e.stillTiles");
            sample >>= 2;
          }
          planes[number][y * width + x] = sample;
        }
      }
    });
  }
  return planes;
}

/** Return the PNG of a frame of which some tiles are shown, byte for byte as the rules make it. */
function stillPicture(frame, tiles) {
  const planes = stillPlanes(frame, tiles);
  const { width, height, turn } = frame;
  const [black, luma, red, greenU, greenV, blue] = COLOURS[frame.matrix][frame.range];
  const [across, down] = frame.planes[1] ?? [0, 0];
  const chromaWidth = (width + across) >> across;
  const clamp = (value) => Math.min(255, Math.max(0, value >> 16));
  const [rows, columns] = turn % 2 ? [width, height] : [height, width];
  const line = 1 + 4 * columns;
  const data = new Uint8Array(rows * line);
  // Where the first pixel goes, and by how much the place moves to the next one in a row, to the next row.
  const [origin, right, low] = [
    [1, 4, line],
    [1 + (width - 1) * line, -line, 4],
    [1 + (height - 1) * line + 4 * (width - 1), -4, -line],
    [1 + 4 * (height - 1), line, -4],
  ][turn];
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      if (x % TILE === 0 && !tiles.has(Math.floor(y / TILE) * frame.columns + x / TILE)) {
        x += TILE - 1;
        continue;
      }
      const place = (y >> down) * chromaWidth + (x >> across);
      const u = planes.length > 1 ? planes[1][place] - 128 : 0;
      const v = planes.length > 1 ? planes[2][place] - 128 : 0;
      const bright = luma * (planes[0][y * width + x] - black) + 32768;
      const at = origin + y * low + x * right;
      data[at] = clamp(bright + red * v);
      data[at + 1] = clamp(bright - greenU * u - greenV * v);
      data[at + 2] = clamp(bright + blue * u);
      data[at + 3] = 255;
    }
  }
  return pngOf(columns, rows, data);
}

function adler32(bytes) {
  let low = 1;
  let high = 0;
  for (let at = 0; at < bytes.length;) {
    const end = Math.min(at + 3800, bytes.length);
    for (; at < end; at += 1) {
      low += bytes[at];
      high += low;
    }
    low %= 65521;
    high %= 65521;
  }
  return unsigned(4, high * 65536 + low);
}

function pngOf(width, height, data) {
  const parts = [Uint8Array.of(0x78, 0x01)];
  for (let at = 0; at < data.length; at += PNG_BLOCK) {
    const block = data.subarray(at, at + PNG_BLOCK);
    const last = at + PNG_BLOCK >= data.length;
    parts.push(Uint8Array.of(last ? 1 : 0), little(2, block.length, block.length ^ 0xffff), block);
  }
  parts.push(adler32(data));
  const chunk = (name, bytes) => {
    const named = joined(ascii(name), bytes);
    return joined(unsigned(4, bytes.length), named, unsigned(4, crc32(named)));
  };
  return joined(
    Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a),
    chunk("IHDR", joined(unsigned(4, width, height), Uint8Array.of(8, 6, 0, 0, 0))),
    chunk("IDAT", joined(...parts)),
    chunk("IEND", NOTHING),
  );
}
