import { DataError } from "../errors.js";

/** A record of a table in a text file. */
export interface Row {
  /** The line that it begins in, from 1. */
  readonly line: number;
  readonly fields: readonly string[];
}

/**
 * Reads a table as RFC 4180 says, with any separator of one letter: a field in quotes may hold separators, line breaks and, doubled, quotes.
 * Lines end in CRLF or LF. Beyond that, blanks around fields without quotes, a byte order mark and empty lines mean nothing.
 * @throws DataError for a quote that is not closed, and text between a quote and the next separator.
 */
export function* parseRows(text: string, separator: string): Generator<Row, void, void> {
  const field = new RegExp(` *"([^"]*(?:""[^"]*)*)" *(?=[${separator}\\r\\n]|$)|([^${separator}\\r\\n]*)`, "y");
  let at = text.startsWith("\ufeff") ? 1 : 0;
  let line = 1;
  while (at < text.length) {
    const begin = line;
    const fields: string[] = [];
    for (let more = true; more; ) {
      field.lastIndex = at;
      const [whole = "", quoted, plain = ""] = field.exec(text) ?? [];
      if (quoted === undefined && plain.trimStart().startsWith('"')) {
        throw new DataError(`line ${line}: a quote is not closed, or text follows it before the next separator`);
      }
      fields.push(quoted === undefined ? plain.trim() : quoted.replaceAll('""', '"'));
      line += quoted === undefined ? 0 : quoted.split("\n").length - 1;
      at += whole.length;
      more = text[at] === separator;
      if (more) at++;
    }
    if (text[at] === "\r") at++;
    if (text[at] === "\n") at++;
    line++;
    if (fields.length > 1 || fields[0] !== "") yield { line: begin, fields };
  }
}
