// A release as files: a folder that was picked, or the one ZIP archive its names and bytes allow (format, 11).

const FILES_MAX = 100000;
const FULL32 = 0xffffffff;

/** Return a package of picked files: name to {blob, crc}; `crc` is null outside an archive. */
function folderPackage(files) {
  if (files.length > FILES_MAX) throw new Refusal("e.tooMany");
  const found = new Map();
  for (const file of files) {
    const parts = (file.webkitRelativePath || file.name).split("/");
    const name = parts.slice(parts.length > 1 ? 1 : 0).join("/");
    if (name.split("/").length > 2) throw new Refusal("e.deepFolder", { name });
    found.set(name, { blob: file, crc: null });
  }
  return found;
}

const bytesOfBlob = async (blob) => new Uint8Array(await blob.arrayBuffer());

/** Return the local and the central header of an archive's member; the format allows no other. */
function zipHeaders(name, size, crc, at) {
  const encoded = utf8(name);
  const wide = (values) => {
    const large = values.filter((value) => value >= FULL32);
    return large.length ? joined(little(2, 1, 8 * large.length), little(8, ...large)) : new Uint8Array();
  };
  const [localExtra, centralExtra] = [wide([size, size]), wide([size, size, at])];
  const header = (extra) => {
    const version = extra.length ? 45 : 20;
    const sizes = little(4, crc, Math.min(size, FULL32), Math.min(size, FULL32));
    return { version, fixed: joined(little(2, version, 0x0800, 0, 0, 0x21), sizes, little(2, encoded.length, extra.length)) };
  };
  const local = header(localExtra);
  const central = header(centralExtra);
  const signature = (last) => Uint8Array.of(0x50, 0x4b, last, last + 1);
  return {
    local: joined(signature(3), local.fixed, encoded, localExtra),
    central: joined(
      signature(1), little(2, central.version), central.fixed, little(2, 0, 0, 0), little(4, 0, Math.min(at, FULL32)),
      encoded, centralExtra,
    ),
  };
}

/** Return little-endian numbers of `width` bytes each. */
function little(width, ...values) {
  const out = new Uint8Array(width * values.length);
  values.forEach((value, n) => {
    let rest = value;
    for (let at = 0; at < width; at += 1) {
      out[n * width + at] = rest % 256;
      rest = Math.floor(rest / 256);
    }
  });
  return out;
}

const fromLittle = (bytes) => bytes.reduceRight((value, byte) => value * 256 + byte, 0);

/** Return the end of an archive: central directory and end records. */
function zipTail(centrals, at) {
  const directory = joinedList(centrals);
  const count = centrals.length;
  const parts = [directory];
  if (count >= 0xffff || directory.length >= FULL32 || at >= FULL32) {
    parts.push(Uint8Array.of(0x50, 0x4b, 6, 6), little(8, 44), little(2, 45, 45), little(4, 0, 0));
    parts.push(little(8, count, count, directory.length, at));
    parts.push(Uint8Array.of(0x50, 0x4b, 6, 7), little(4, 0), little(8, at + directory.length), little(4, 1));
  }
  const count16 = Math.min(count, 0xffff);
  parts.push(Uint8Array.of(0x50, 0x4b, 5, 6), little(2, 0, 0, count16, count16));
  parts.push(little(4, Math.min(directory.length, FULL32), Math.min(at, FULL32)), little(2, 0));
  return joined(...parts);
}

/** Read an archive strictly; every byte that is not content is made again and compared. */
async function zipPackage(file) {
  const found = new Map();
  const centrals = [];
  const window = new BlobWindow(file);
  let at = 0;
  let last = "";
  while (same(await window.bytes(at, 4), Uint8Array.of(0x50, 0x4b, 3, 4))) {
    const member = await zipMember(window, at);
    const begin = at + member.headers.local.length;
    const end = begin + member.size;
    if (end > file.size || last >= member.name) throw new Refusal("e.zip");
    found.set(member.name, { blob: file.slice(begin, end), crc: member.crc });
    centrals.push(member.headers.central);
    if (found.size > FILES_MAX) throw new Refusal("e.tooMany");
    last = member.name;
    at = end;
  }
  const tail = zipTail(centrals, at);
  if (file.size - at !== tail.length || !same(await bytesOfBlob(file.slice(at)), tail)) throw new Refusal("e.zip");
  return found;
}

async function zipMember(window, at) {
  const fixed = await window.bytes(at, 30);
  const nameBytes = fixed.length === 30 ? fixed[26] + 256 * fixed[27] : 0;
  const extraBytes = fixed.length === 30 ? fixed[28] + 256 * fixed[29] : 0;
  if (nameBytes < 1 || nameBytes > 200 || ![0, 20].includes(extraBytes)) throw new Refusal("e.zip");
  const rest = await window.bytes(at + 30, nameBytes + extraBytes);
  const name = orRefuse("e.zip", {}, () => fromUtf8(rest.subarray(0, nameBytes)));
  const crc = fromLittle(fixed.subarray(14, 18));
  const size = extraBytes ? fromLittle(rest.subarray(nameBytes + 4, nameBytes + 12)) : fromLittle(fixed.subarray(22, 26));
  const headers = zipHeaders(name, size, crc, at);
  if (!same(headers.local, joined(fixed, rest))) throw new Refusal("e.zip");
  return { name, size, crc, headers };
}

/** Small reads from a blob, most of them out of one piece that was read before. */
class BlobWindow {
  constructor(blob) {
    this.blob = blob;
    this.at = 0;
    this.held = new Uint8Array();
  }

  async bytes(at, length) {
    if (at < this.at || at + length > this.at + this.held.length) {
      this.held = await bytesOfBlob(this.blob.slice(at, at + Math.max(length, 4096)));
      this.at = at;
    }
    return this.held.subarray(at - this.at, at - this.at + length);
  }
}
