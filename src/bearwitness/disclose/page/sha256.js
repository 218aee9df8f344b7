// SHA-256 (FIPS 180-4) for what is small or comes in pieces; whole buffers go to WebCrypto (hashing.js).

const ROUND_CONSTANTS = new Int32Array(64);
const FIRST_STATE = new Int32Array(8);
(function fillConstants() {
  // First 32 bits of the fractional parts of square and cube roots of the first primes.
  const isPrime = (n) => {
    for (let d = 2; d * d <= n; d += 1) if (n % d === 0) return false;
    return true;
  };
  const fraction = (x) => ((x - Math.floor(x)) * 2 ** 32) | 0;
  for (let n = 2, found = 0; found < 64; n += 1) {
    if (!isPrime(n)) continue;
    if (found < 8) FIRST_STATE[found] = fraction(Math.sqrt(n));
    ROUND_CONSTANTS[found] = fraction(Math.cbrt(n));
    found += 1;
  }
})();

/** A hash that is fed bytes in pieces. */
class Sha256 {
  constructor() {
    this.state = FIRST_STATE.slice();
    this.rest = new Uint8Array(64);
    this.restLength = 0;
    this.length = 0;
    this.schedule = new Int32Array(64);
  }

  /** Take the next bytes. */
  update(bytes) {
    this.length += bytes.length;
    let at = 0;
    if (this.restLength) {
      at = Math.min(64 - this.restLength, bytes.length);
      this.rest.set(bytes.subarray(0, at), this.restLength);
      this.restLength += at;
      if (this.restLength < 64) return this;
      this.blocks(this.rest, 0, 64);
      this.restLength = 0;
    }
    const end = at + ((bytes.length - at) & ~63);
    this.blocks(bytes, at, end);
    this.rest.set(bytes.subarray(end), 0);
    this.restLength = bytes.length - end;
    return this;
  }

  /** Return the 32 bytes of the hash; nothing can be fed afterwards. */
  digest() {
    const bits = BigInt(this.length) * 8n;
    const padding = new Uint8Array(((this.restLength < 56 ? 56 : 120) - this.restLength) + 8);
    padding[0] = 0x80;
    new DataView(padding.buffer).setBigUint64(padding.length - 8, bits);
    this.update(padding);
    const out = new DataView(new ArrayBuffer(32));
    this.state.forEach((word, at) => out.setInt32(4 * at, word));
    return new Uint8Array(out.buffer);
  }

  /** Work through whole blocks of 64 bytes. */
  blocks(bytes, from, to) {
    const w = this.schedule;
    const k = ROUND_CONSTANTS;
    const state = this.state;
    let [h0, h1, h2, h3, h4, h5, h6, h7] = state;
    for (let at = from; at < to; at += 64) {
      for (let t = 0, p = at; t < 16; t += 1, p += 4) {
        w[t] = (bytes[p] << 24) | (bytes[p + 1] << 16) | (bytes[p + 2] << 8) | bytes[p + 3];
      }
      let a = h0;
      let b = h1;
      let c = h2;
      let d = h3;
      let e = h4;
      let f = h5;
      let g = h6;
      let h = h7;
      for (let t = 0; t < 64; t += 1) {
        if (t > 15) {
          const x = w[t - 15];
          const y = w[t - 2];
          const r0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
          const r1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
          w[t] = w[t - 16] + r0 + w[t - 7] + r1;
        }
        const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
        const t1 = (h + s1 + (g ^ (e & (f ^ g))) + k[t] + w[t]) | 0;
        const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
        const t2 = (s0 + ((a & b) ^ (c & (a ^ b)))) | 0;
        h = g;
        g = f;
        f = e;
        e = (d + t1) | 0;
        d = c;
        c = b;
        b = a;
        a = (t1 + t2) | 0;
      }
      h0 = (h0 + a) | 0;
      h1 = (h1 + b) | 0;
      h2 = (h2 + c) | 0;
      h3 = (h3 + d) | 0;
      h4 = (h4 + e) | 0;
      h5 = (h5 + f) | 0;
      h6 = (h6 + g) | 0;
      h7 = (h7 + h) | 0;
    }
    state.set([h0, h1, h2, h3, h4, h5, h6, h7]);
  }
}

/** Return SHA-256 of all `parts`, one after the other. */
function sha256(...parts) {
  const hash = new Sha256();
  for (const part of parts) hash.update(part);
  return hash.digest();
}
