/**
 * A SentencePiece character map (`precompiled_charsmap`) from its replacements: the length of the trie, a darts-clone double array over the UTF-8
 * bytes of the keys, then the replacements, each with a NUL after it.
 *
 * Every node takes a block of 256 units, which is wasteful and obvious; it holds some 8,000 nodes.
 */
export function writeCharsmap(map: Readonly<Record<string, string>>): Uint8Array {
  const encoder = new TextEncoder();
  const texts: number[] = [];
  const root: Node = { children: new Map(), value: undefined };
  for (const [key, replacement] of Object.entries(map)) {
    let node: Node = root;
    for (const byte of encoder.encode(key)) {
      const child: Node = node.children.get(byte) ?? { children: new Map(), value: undefined };
      node.children.set(byte, child);
      node = child;
    }
    node.value = texts.length;
    texts.push(...encoder.encode(replacement), 0);
  }
  const units: number[] = [];
  let blocks = 1;
  const place = (node: Node, position: number, label: number) => {
    const base = blocks++ * 256;
    units[position] = (((position ^ base) << 10) | (node.value === undefined ? 0 : 1 << 8) | label) >>> 0;
    if (node.value !== undefined) units[base] = (node.value | 0x80000000) >>> 0;
    for (const [byte, child] of node.children) place(child, base ^ byte, byte);
  };
  place(root, 0, 0);
  if (blocks > 8000) throw new RangeError('too many nodes for offsets of 21 bits');
  const bytes = new Uint8Array(4 + blocks * 1024 + texts.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, blocks * 1024, true);
  units.forEach((unit, index) => {
    view.setUint32(4 + index * 4, unit, true);
  });
  bytes.set(texts, 4 + blocks * 1024);
  return bytes;
}

interface Node {
  readonly children: Map<number, Node>;
  value: number | undefined;
}
