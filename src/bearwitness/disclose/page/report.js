// Findings and the one verdict. A sentence is {key, args}; it is put into words when it is shown (words.js).

/** Every finding of a verification. */
class Report {
  constructor() {
    this.findings = [];
    this.exhibits = [];
    this.anchored = false;
    this.finished = false;
  }

  /** Note what held ("ok"), failed ("fail") or is only told ("note"); steps are those of the format, chapter 11. */
  add(status, step, key, args = {}) {
    this.findings.push({ status, step, key, args });
  }

  /** Note that a check failed because of `error`; whatever is no Refusal of ours is an error of the page. */
  fail(step, key, args, error) {
    const why = error instanceof Refusal ? { key: error.key, args: error.args } : { key: "e.page", args: { what: String(error) } };
    this.findings.push({ status: "fail", step, key, args: { ...args, why } });
  }

  /** "verified" only with an anchor; "failed" also for a check that did not come to its end. */
  get verdict() {
    const failed = !this.finished || !this.findings.length || this.findings.some((found) => found.status === "fail");
    return failed ? "failed" : this.anchored ? "verified" : "consistent";
  }
}
