// Hashes and proofs of trees (format, 2.2, 2.3, 11.1; RFC 6962 and RFC 9162). Failure throws, nothing returns true.

const ZERO = Uint8Array.of(0);
const ONE = Uint8Array.of(1);

const nodeHash = (left, right) => sha256(ONE, left, right);

/** Return what stands before the salt of a leaf of `kind`, with the byte that RFC 6962 puts before leaves. */
const leafHead = (kind) => joined(ZERO, utf8(`bearwitness/1/${kind}`), ZERO);

/** Return the hash of a leaf. */
const hashLeaf = (kind, salt, payload) => sha256(leafHead(kind), salt, payload);

function checkHashes(hashes) {
  if (!hashes.every((hash) => hash.length === 32)) throw new Refusal("e.proofShape");
}

/** Check that `leaf` is number `index` of the dense tree of `size` leaves with `root`; BigInt numbers. */
function checkInclusion(index, size, leaf, proof, root) {
  if (index < 0n || index >= size) throw new Refusal("e.proofShape");
  checkHashes([leaf, root, ...proof]);
  let place = index;
  let last = size - 1n;
  let node = leaf;
  for (const sibling of proof) {
    if (last === 0n) throw new Refusal("e.proofShape");
    if (place & 1n || place === last) {
      node = nodeHash(sibling, node);
      while (!(place & 1n) && place) {
        place >>= 1n;
        last >>= 1n;
      }
    } else {
      node = nodeHash(node, sibling);
    }
    place >>= 1n;
    last >>= 1n;
  }
  if (last !== 0n) throw new Refusal("e.proofShape");
  if (!same(node, root)) throw new Refusal("e.notInLog");
}

const bitOf = (index, level) => Math.floor(index / 2 ** level) % 2;

/** Return the root of a tree of 2^height leaves in which `leaf` stands at `index`. */
function rootFromPath(index, height, leaf, path) {
  if (index >= 2 ** height || path.length !== height) throw new Refusal("e.proofShape");
  checkHashes([leaf, ...path]);
  return path.reduce((node, sibling, level) =>
    bitOf(index, level) ? nodeHash(sibling, node) : nodeHash(node, sibling), leaf);
}

/** Return the root over consecutive leaves from `first` on, with the hashes at their edges. */
function rootFromRun(first, height, leaves, left, right) {
  if (!leaves.length || first + leaves.length > 2 ** height) throw new Refusal("e.proofShape");
  checkHashes([...left, ...right]);
  const lefts = left.slice().reverse();
  const rights = right.slice().reverse();
  const take = (stock) => {
    if (!stock.length) throw new Refusal("e.proofShape");
    return stock.pop();
  };
  let level = leaves;
  let index = first;
  for (let step = 0; step < height; step += 1) {
    if (index % 2) level = [take(lefts), ...level];
    if (level.length % 2) level = [...level, take(rights)];
    level = level.filter((_, at) => at % 2 === 0).map((node, at) => nodeHash(node, level[2 * at + 1]));
    index = Math.floor(index / 2);
  }
  if (lefts.length || rights.length) throw new Refusal("e.proofShape");
  return level[0];
}

/** Return the root over leaves at ascending `indices`; `hashes` are the siblings that are not known. */
function rootFromSeveral(indices, height, leaves, hashes) {
  const ascending = indices.every((index, at) => at === 0 || indices[at - 1] < index);
  if (!leaves.length || !ascending || indices.at(-1) >= 2 ** height) throw new Refusal("e.proofShape");
  let used = 0;
  const sibling = () => {
    if (used === hashes.length) throw new Refusal("e.proofShape");
    used += 1;
    return hashes[used - 1];
  };
  let level = indices.map((index, at) => [index, leaves[at]]);
  for (let step = 0; step < height; step += 1) {
    const above = [];
    for (let at = 0; at < level.length; at += 1) {
      const [index, node] = level[at];
      let parent;
      if (index % 2) {
        parent = nodeHash(sibling(), node);
      } else if (level[at + 1]?.[0] === index + 1) {
        parent = nodeHash(node, level[at + 1][1]);
        at += 1;
      } else {
        parent = nodeHash(node, sibling());
      }
      above.push([Math.floor(index / 2), parent]);
    }
    level = above;
  }
  if (used !== hashes.length) throw new Refusal("e.proofShape");
  return level[0][1];
}

const HIDDEN_HEIGHTS = [16, 24, 32];
const ITEM_HEIGHT = 4;
const ENTRY_HEIGHT = 5;

/** Read a tree reference; its height must be one of `heights`. */
function treeOf(value, kind, heights) {
  const got = members(value, "kind leaves root");
  const height = heights.find((known) => got.leaves === String(2 ** known));
  if (got.kind !== kind || height === undefined) throw new Refusal("e.malformed", { what: "tree" });
  return { kind, height, root: bytesOf(got.root, 32) };
}

const contentTree = (value) => treeOf(value, "segment", [0, ...HIDDEN_HEIGHTS]);
const tracksTree = (value) => treeOf(value, "packet", HIDDEN_HEIGHTS);
const deliveryTree = (value) => treeOf(value, "item", HIDDEN_HEIGHTS);
const treeJson = (tree) => ({ kind: tree.kind, leaves: String(2 ** tree.height), root: toB64url(tree.root) });
