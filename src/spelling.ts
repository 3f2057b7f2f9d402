/** Letters and digits alone, all small: `learning_rate` and `learningRate` are the same. */
function plain(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, "");
}

/** The first letters of the words of a name in camel case: "lr" of `learningRate`. */
function initials(name: string): string {
  return plain(name[0] + name.slice(1).replace(/[^A-Z]/g, ""));
}

/** Letters to insert, take out or replace, to make one text of the other (Levenshtein 1966). */
function edits(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++)
      next.push(Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1)));
    row = next;
  }
  return row[b.length];
}

function distance(wrong: string, name: string): number {
  const [a, b] = [plain(wrong), plain(name)];
  if (a === b || a === initials(name)) return 0;
  return Math.min(a.length, b.length) > 2 && (a.startsWith(b) || b.startsWith(a)) ? 1 : edits(a, b);
}

/**
 * The known name that was probably meant by a wrong one: written with other signs, by its initials (`lr`), longer or shorter
 * (`batchSize`), or with up to a third of its letters wrong. Null where there is none such.
 */
export function nearestName(wrong: string, known: readonly string[]): string | null {
  const distances = known.map((name) => distance(wrong, name));
  const least = Math.min(...distances);
  return least <= wrong.length / 3 ? known[distances.indexOf(least)] : null;
}
