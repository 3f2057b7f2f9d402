/** Instructions of AMD assembly by kind. */
export interface InstructionCounts {
  /** Multiply-adds of f32; one that does two counts twice. */
  readonly fma: number;
  /** Products of fragments, by matrix units. */
  readonly matrix: number;
  /** Operations of the vector unit, multiply-adds and products of fragments among them; one instruction for two operations counts twice. */
  readonly vector: number;
  /** Loads and stores of workgroup memory. */
  readonly workgroup: number;
  /** Loads and stores of global memory. */
  readonly global: number;
  /** Everything, waits included. */
  readonly all: number;
}

/** A loop: its blocks from `begin` to `end`, both included, by their place in the text. */
interface Loop {
  readonly begin: number;
  readonly end: number;
  readonly counts: InstructionCounts;
}

const MATRIX = /^v_s?wmma/;
const FMA = /^v_(dual_)?(pk_)?(fma|fmac|fmaak|fmamk|mac|mad)_/;

function countOf(instructions: readonly string[]): InstructionCounts {
  let [fma, matrix, vector, workgroup, global] = [0, 0, 0, 0, 0];
  for (const instruction of instructions) {
    // RDNA 3 writes two operations of one instruction with :: between them.
    for (const operation of instruction.split("::").map((part) => part.trim())) {
      if (operation.startsWith("v_")) vector += 1;
      if (MATRIX.test(operation)) matrix += 1;
      if (FMA.test(operation) && /f32/.test(operation)) fma += 1;
      if (operation.startsWith("ds_")) workgroup += 1;
      if (/^(buffer|global|flat)_/.test(operation)) global += 1;
    }
  }
  return { fma, matrix, vector, workgroup, global, all: instructions.length };
}

function plus(a: InstructionCounts, b: InstructionCounts, times: number): InstructionCounts {
  const sum = (key: keyof InstructionCounts) => a[key] + times * b[key];
  return {
    fma: sum("fma"),
    matrix: sum("matrix"),
    vector: sum("vector"),
    workgroup: sum("workgroup"),
    global: sum("global"),
    all: sum("all"),
  };
}

function loopsOf(assembly: string): { readonly loops: Loop[]; readonly whole: InstructionCounts } {
  const blocks: string[][] = [];
  const places = new Map<string, number>();
  for (const line of assembly.replaceAll("\0", "").split("\n")) {
    const label = line.match(/^(BB\d+):/)?.[1];
    if (label !== undefined) {
      places.set(label, blocks.length);
      blocks.push([]);
    } else if (/^\s+[a-z]/.test(line)) {
      blocks.at(-1)?.push(line.trim().replace(/\s*;.*$/, ""));
    }
  }
  const ends = new Map<number, number>();
  blocks.forEach((block, place) => {
    for (const instruction of block) {
      const target = places.get(instruction.match(/^s_c?branch\w*\s+(BB\d+)/)?.[1] ?? "");
      // A branch backwards ends a loop; one loop may have several.
      if (target !== undefined && target <= place) ends.set(target, Math.max(place, ends.get(target) ?? 0));
    }
  });
  const loops = [...ends].map(([begin, end]) => ({
    begin,
    end,
    counts: countOf(blocks.slice(begin, end + 1).flat()),
  }));
  return { loops, whole: countOf(blocks.flat()) };
}

/** The instructions of a round of the innermost loop with products of fragments, loops inside of it included; the most of several. */
export function matrixLoop(assembly: string): InstructionCounts {
  const { loops, whole } = loopsOf(assembly);
  const [most] = loops
    .filter(({ counts }) => counts.matrix > 0)
    .toSorted((a, b) => a.end - a.begin - (b.end - b.begin) || b.counts.matrix - a.counts.matrix);
  return most?.counts ?? whole;
}

/**
 * The instructions of a round of the loop with most multiply-adds, loops inside of it included. Where the compiler left such an
 * inner loop rolled up, `fmaPerRound`, the multiply-adds that a thread does in a round of the outer loop, tells how often the
 * inner one goes round; 0 where that is not known, and the innermost loop counts. Without any such loop, the whole program.
 */
export function innerLoop(assembly: string, fmaPerRound: number): InstructionCounts {
  const { loops, whole } = loopsOf(assembly);
  const inside = (inner: Loop, outer: Loop) =>
    inner !== outer && inner.begin >= outer.begin && inner.end <= outer.end && inner.counts.fma > 0;
  const innermost = loops
    .filter((loop) => loop.counts.fma > 0 && !loops.some((other) => inside(other, loop)))
    .toSorted((a, b) => b.counts.fma - a.counts.fma)
    .at(0);
  if (!innermost) return whole;
  const outer = loops
    .filter((loop) => inside(innermost, loop))
    .toSorted((a, b) => a.end - a.begin - (b.end - b.begin))
    .at(0);
  const rounds = fmaPerRound / innermost.counts.fma;
  if (!outer || rounds <= 1) return innermost.counts;
  return plus(outer.counts, innermost.counts, rounds - 1);
}
