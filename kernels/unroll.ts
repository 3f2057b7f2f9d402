/** The head of a loop that can be unrolled: its variable, and the bound that it counts to from 0. */
export const UNROLLED = /^[ \t]*for \(var (\w+) = 0u; \1 < ([^;]+); \1\+\+\) \{$/;

/** The line before such a loop. */
export const UNROLL_MARK = /^[ \t]*\/\/#unroll[ \t]*\n/gm;

function closingBrace(source: string, open: number): number {
  let depth = 0;
  for (let i = open; i < source.length; i++) {
    if (source[i] === "{") depth++;
    if (source[i] === "}" && --depth === 0) return i;
  }
  throw new Error("a loop to unroll does not end");
}

/** Writes out the loops marked `//#unroll`, with the number of the round in place of the variable. */
export function unroll(source: string, rounds: readonly number[]): string {
  const marks = [...source.matchAll(UNROLL_MARK)];
  // From the last to the first: loops inside of others come before them.
  return marks.reduceRight((text, { 0: mark, index }, i) => {
    const open = text.indexOf("\n", index + mark.length) - 1;
    const variable = text.slice(index + mark.length, open + 1).match(UNROLLED)?.[1];
    if (variable === undefined) throw new Error(`the loop to unroll at character ${index} has another form`);
    const close = closingBrace(text, open);
    const body = text.slice(open, close + 1);
    const name = new RegExp(`(?<![.\\w])${variable}\\b`, "g");
    const copies = Array.from({ length: rounds[i] }, (_, round) => body.replace(name, `${round}u`));
    return text.slice(0, index) + copies.join("\n") + text.slice(close + 1);
  }, source);
}
