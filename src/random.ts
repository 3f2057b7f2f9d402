/**
 * Random 32-bit whole numbers from three seed words: the sfc32 generator (C. Doty-Humphrey, PractRand).
 */
export function sfc32(a: number, b: number, c: number): () => number {
  let counter = 1;
  const next = (): number => {
    const result = (a + b + counter) >>> 0;
    counter = (counter + 1) >>> 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) >>> 0;
    c = (((c << 21) | (c >>> 11)) + result) >>> 0;
    return result;
  };
  // Neighbouring seeds give related first outputs; 15 rounds, as the author's own seeding does, part them.
  for (let round = 0; round < 15; round++) {
    next();
  }
  return next;
}

/** Standard normal numbers from a source of random 32-bit words (Box and Muller 1958). */
export function normals(random: () => number): () => number {
  let spare: number | null = null;
  return () => {
    if (spare !== null) {
      const value = spare;
      spare = null;
      return value;
    }
    // In (0, 1]: the logarithm is finite.
    const radius = Math.sqrt(-2 * Math.log((random() + 1) / 2 ** 32));
    const angle = (2 * Math.PI * random()) / 2 ** 32;
    spare = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  };
}

/** A hash of a text from 0 to 2^32 - 1: FNV-1a over its UTF-16 code units, after a seed, with the last mixing of MurmurHash3 (A. Appleby). */
export function hashOf(text: string, seed: number): number {
  let hash = 0x811c9dc5 ^ seed;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
