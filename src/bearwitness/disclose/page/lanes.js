// Hashes the files of a package ahead of who asks for them: large ones two at a time, in workers; the rest, and where a
// browser lets the page have no workers, in the page itself.

// A worker runs this very script out of a blob. The page's policy binds it too: it can ask the network for nothing.
const OWN_SCRIPT = typeof document === "undefined" ? null : document.currentScript.textContent;
const LANES = Math.min(2, navigator.hardwareConcurrency ?? 1);
let workersFrom = 2 ** 24; // bytes besides the largest file: one file alone is hashed faster in the page
let ownAddress = null;

/** Return one array of all `hashes`, 32 bytes each: many small arrays are slow to hand over. */
function flat(hashes) {
  const all = new Uint8Array(32 * hashes.length);
  hashes.forEach((hash, at) => all.set(hash, 32 * at));
  return all;
}

/** A worker that hashes one file at a time. */
class WorkerLane {
  constructor() {
    ownAddress ??= URL.createObjectURL(new Blob([OWN_SCRIPT], { type: "text/javascript" }));
    this.worker = new Worker(ownAddress);
  }

  /** Resolve to what hashFile makes of it; null if the worker itself failed. */
  hash(file, content, progress) {
    return new Promise((go, refuse) => {
      this.worker.onerror = (event) => {
        event.preventDefault();
        go(null);
      };
      this.worker.onmessageerror = () => go(null);
      this.worker.onmessage = ({ data }) => {
        if (data.passed) progress(data.passed);
        else if (data.refusal) refuse(new Refusal(data.refusal.key, data.refusal.args));
        else if (data.error) refuse(data.error);
        else go({ sha256: data.sha256, leaves: data.leaves && pieces(data.leaves, 32) });
      };
      this.worker.postMessage({ file, content: content && { lengths: content.lengths, salts: flat(content.salts) } });
    });
  }

  end() {
    this.worker.terminate();
  }
}

/** What a worker does: hash what it is given, and answer. */
function serveHashes() {
  self.onmessage = async ({ data: { file, content } }) => {
    const cut = content && { lengths: content.lengths, salts: pieces(content.salts, 32) };
    try {
      const { sha256: digest, leaves } = await hashFile(file, cut, async (passed) => self.postMessage({ passed }));
      self.postMessage({ sha256: digest, leaves: leaves && flat(leaves) });
    } catch (error) {
      if (error instanceof Refusal) self.postMessage({ refusal: { key: error.key, args: error.args } });
      else self.postMessage({ error: new Error(String(error)) });
    }
  };
}

/** Hashes files in the order in which they are expected, as many at a time as there are lanes and room. */
class Hashing {
  constructor(files, progress) {
    Object.assign(this, { files, progress, jobs: new Map(), queue: [], held: 0, room: WHOLE_BYTES_MAX });
    const sizes = [...files.values()].map((file) => file.blob.size);
    const besides = sizes.reduce((sum, size) => sum + size, 0) - sizes.reduce((most, size) => Math.max(most, size), 0);
    this.all = besides < workersFrom ? [] : this.startWorkers();
    this.workers = this.all.length;
    this.lanes = this.workers ? [...this.all] : [null]; // null: the page itself
  }

  startWorkers() {
    try {
      return Array.from({ length: LANES > 1 ? LANES : 0 }, () => new WorkerLane());
    } catch {
      return []; // the browser lets the page have none
    }
  }

  /** Have a file hashed; `content` gives lengths and salts of its segments, or is null. */
  expect(name, content) {
    if (this.files.has(name) && !this.jobs.has(name)) this.jobs.set(name, this.job(name, content, false));
  }

  job(name, content, first) {
    const file = this.files.get(name);
    const job = { file, content, takes: file.blob.size > this.room ? 0 : file.blob.size };
    job.done = new Promise((go, refuse) => Object.assign(job, { go, refuse }));
    job.done.catch(() => {}); // who asks is told
    if (first) this.queue.unshift(job);
    else this.queue.push(job);
    this.start();
    return job;
  }

  /** Resolve to {sha256, leaves} of a file; each call after the first hashes it anew. */
  of(name, content) {
    const expected = this.jobs.get(name);
    this.jobs.set(name, null);
    if (expected && expected.content?.lengths === content?.lengths) return expected.done;
    return this.job(name, content, true).done;
  }

  /** Whole files are held in memory while they are hashed, together no more than one may be. */
  start() {
    while (this.lanes.length && this.queue.length && (!this.held || this.held + this.queue[0].takes <= this.room)) {
      this.run(this.lanes.pop(), this.queue.shift());
    }
  }

  async run(lane, job) {
    this.held += job.takes;
    let next = lane;
    try {
      let hashed = lane && await lane.hash(job.file, job.content, this.progress);
      if (lane && !hashed) {
        this.workers -= 1;
        next = this.workers ? undefined : null; // the page takes the place of the last
      }
      hashed ??= await hashFile(job.file, job.content, this.progress);
      job.go(hashed);
    } catch (error) {
      job.refuse(error);
    }
    this.held -= job.takes;
    if (next !== undefined) this.lanes.push(next);
    this.start();
  }

  /** Let the workers go. */
  end() {
    this.queue = [];
    this.all.forEach((lane) => lane.end());
  }
}
