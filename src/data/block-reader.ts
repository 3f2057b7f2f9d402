import { RandomAccessReader } from "../vendor/yauzl.js";
import type { SourceFile } from "./source-file.js";

/** What is read at once: the directory of an archive is made of short records, one after the other. */
const BLOCK_BYTES = 2 ** 18;

/** Reads from a file, block by block. */
export class BlockReader extends RandomAccessReader {
  #start = 0;
  #block: Uint8Array = new Uint8Array(0);

  constructor(private readonly file: SourceFile) {
    super();
  }

  override read(
    out: Uint8Array,
    offset: number,
    length: number,
    position: number,
    done: (error: Error | null) => void,
  ): void {
    this.#bytes(position, length).then(
      (bytes) => {
        out.set(bytes, offset);
        done(bytes.length < length ? new Error("the file ends") : null);
      },
      (error: unknown) => done(error instanceof Error ? error : new Error(String(error))),
    );
  }

  async #bytes(start: number, length: number): Promise<Uint8Array> {
    if (start < this.#start || start + length > this.#start + this.#block.length) {
      this.#block = await this.file.slice(start, start + Math.max(length, BLOCK_BYTES));
      this.#start = start;
    }
    return this.#block.subarray(start - this.#start, start - this.#start + length);
  }
}
