import { DataError, ShapeError } from "../errors.js";

/** Chunks are handed out once they have this many characters. */
const CHUNK_CHARACTERS = 1 << 20;
/** Significant decimal digits that carry every float32 there and back. */
const FLOAT32_DIGITS = 9;

/**
 * Writes embeddings as CSV (RFC 4180: CRLF, fields quoted where needed), piece by piece, so that no string grows beyond
 * about a megabyte. The columns are `name`, then `label` (class index) and `class` (its name) where there are labels,
 * then `f0`, `f1`, ... with enough digits to read the same float32 back.
 * @param labels class index of each image, or null without labels
 * @param features row-major, `names.length` x `dimension`
 * @throws ShapeError where the lengths do not match.
 * @throws DataError where a label has no class name.
 */
export function* embeddingsToCsv(
  names: readonly string[],
  labels: Uint32Array | null,
  classes: readonly string[],
  features: Float32Array,
  dimension: number,
): Generator<string, void, void> {
  if (features.length !== names.length * dimension) {
    throw new ShapeError(
      `${names.length} names of dimension ${dimension} need ${names.length * dimension} features, there are ${features.length}.`,
    );
  }
  if (labels !== null && labels.length !== names.length) {
    throw new ShapeError(`${names.length} names need as many labels, there are ${labels.length}.`);
  }
  const featureColumns = Array.from({ length: dimension }, (_, column) => `f${column}`);
  let chunk = csvRecord(["name", ...(labels === null ? [] : ["label", "class"]), ...featureColumns]);
  for (const [row, name] of names.entries()) {
    const fields = [name];
    if (labels !== null) {
      const label = labels[row] ?? 0;
      const className = classes[label];
      if (className === undefined) {
        throw new DataError(`"${name}" has the label ${label}, but there are ${classes.length} class names.`);
      }
      fields.push(String(label), className);
    }
    for (const value of features.subarray(row * dimension, (row + 1) * dimension)) {
      fields.push(String(Number(value.toPrecision(FLOAT32_DIGITS))));
    }
    chunk += csvRecord(fields);
    if (chunk.length >= CHUNK_CHARACTERS) {
      yield chunk;
      chunk = "";
    }
  }
  if (chunk !== "") yield chunk;
}

/** Rows of fields as CSV, as above. */
export function csvLines(rows: readonly (readonly string[])[]): string {
  return rows.map(csvRecord).join("");
}

function csvRecord(fields: readonly string[]): string {
  return `${fields.map(csvField).join(",")}\r\n`;
}

function csvField(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
