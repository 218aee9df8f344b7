// What a release says besides its proofs: statements, conditions, an account of what is withheld (format, 11.1).

const CONDITIONS = "embargo purpose onward consent fair_trial death_penalty note";
const PICTURE_WHOLE = 10000; // ten-thousandths of a picture's width or height

// Spaces as Unicode has them, and the separators of ASCII: trim() takes a byte order mark for one, and these for none.
const BLANK = /^[\x09-\x0d\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]*$/;

function saidText(value) {
  if (BLANK.test(textOf(value))) throw new Refusal("e.malformed", { what: "empty" });
  return value;
}

function parseStatement(value) {
  const got = members(value, "by item region text time");
  if (!/^[0-9a-f]{32}$/.test(textOf(got.item))) throw new Refusal("e.malformed", { what: "statement" });
  let time = null;
  if (got.time !== null) {
    const span = members(got.time, "from to");
    time = [bigInteger(span.from, -I64_MAX, I64_MAX), bigInteger(span.to, -I64_MAX, I64_MAX)];
    if (time[0] >= time[1]) throw new Refusal("e.malformed", { what: "statement" });
  }
  const region = got.region === null ? null : parseRegion(got.region);
  return { text: saidText(got.text), item: got.item, by: textOf(got.by), time, region };
}

function parseRegion(value) {
  const got = members(value, "height width x y");
  const [x, y, width, height] = [got.x, got.y, got.width, got.height].map((n) => smallInteger(n, PICTURE_WHOLE));
  const within = width && height && x + width <= PICTURE_WHOLE && y + height <= PICTURE_WHOLE;
  if (!within) throw new Refusal("e.malformed", { what: "statement" });
  return { x, y, width, height };
}

function parseConditions(value) {
  const got = members(value, "", CONDITIONS);
  Object.values(got).forEach(saidText);
  const instant = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)$/;
  if (Object.hasOwn(got, "embargo") && !instant.test(got.embargo)) throw new Refusal("e.malformed", { what: "embargo" });
  return got;
}

/** Read which earlier releases this one corrects or recalls. */
function parseAnswers(value) {
  const answers = listOf(value).map((member) => {
    const { act, reason, release } = members(member, "act reason release");
    if (!["corrects", "recalls"].includes(act) || !/^[0-9a-f]{64}$/.test(textOf(release))) throw new Refusal("e.malformed", { what: "answer" });
    return { act, release, reason: saidText(reason) };
  });
  const ordered = answers.every((answer, at) => at === 0 || answers[at - 1].release < answer.release);
  if (!answers.length || !ordered) throw new Refusal("e.malformed", { what: "answers" });
  return answers;
}

function parseAccount(value) {
  if (value === null) return null;
  const got = members(value, "items seconds");
  return { items: parseAmount(got.items), seconds: parseAmount(got.seconds) };
}

function parseAmount(value) {
  if (value === null) return null;
  const got = members(value, "held shown");
  const amount = { shown: bigInteger(got.shown), held: bigInteger(got.held) };
  if (amount.shown > amount.held) throw new Refusal("e.account");
  return amount;
}

function parseWithheld(value) {
  const got = members(value, "ground index leaf path");
  return {
    ground: saidText(got.ground),
    index: smallInteger(got.index),
    leaf: bytesOf(got.leaf, 32),
    path: hashList(got.path),
  };
}

/** Check that `withheld` is all the rest of a delivery of `held` items of which the leaves `shown` are shown. */
function checkWithheld(withheld, tree, shown, held) {
  const names = withheld.map((item) => hex(item.leaf));
  const taken = new Set(shown.map(hex));
  const ordered = names.every((name, at) => at === 0 || names[at - 1] < name);
  if (!ordered || names.some((name) => taken.has(name))) throw new Refusal("e.withheld");
  for (const item of withheld) {
    if (!same(rootFromPath(item.index, tree.height, item.leaf, item.path), tree.root)) throw new Refusal("e.withheld");
  }
  if (held === null || BigInt(withheld.length + shown.length) !== held) throw new Refusal("e.withheldCount");
}

/** Check the account of items against what was proven of each delivery: items shown, items held or null. */
function checkAccount(amount, counts) {
  if (counts.some((count) => count.held === null)) throw new Refusal("e.account");
  const shown = counts.reduce((sum, count) => sum + BigInt(count.shown), 0n);
  const held = counts.reduce((sum, count) => sum + count.held, 0n);
  if (amount.shown !== shown || amount.held !== held) throw new Refusal("e.account");
}
