import * as assert from "uvu/assert";

/** What a record of a file of events says. */
export interface ReadEvent {
  readonly wallTime: number;
  readonly step: number;
  readonly version: string | null;
  readonly values: Readonly<Record<string, number>>;
}

/** CRC-32C a bit at a time, by its definition (RFC 3720, appendix B.4). */
export function plainCrc32c(bytes: Uint8Array): number {
  let rest = 0xffffffff;
  for (const byte of bytes) {
    rest ^= byte;
    for (let bit = 0; bit < 8; bit++) rest = (rest >>> 1) ^ (rest & 1 ? 0x82f63b78 : 0);
  }
  return ~rest >>> 0;
}

function unmasked(crc: number): number {
  const rest = (crc - 0xa282ead8) >>> 0;
  return ((rest >>> 17) | (rest << 15)) >>> 0;
}

type Field = number | Uint8Array;

/** The fields of a message, each with its number. */
function* fieldsOf(bytes: Uint8Array): Generator<readonly [number, Field]> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = bytes[at++];
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const key = varint();
    const [number, kind] = [key >> 3, key & 7];
    if (kind === 0) yield [number, varint()];
    else if (kind === 1) {
      yield [number, view.getFloat64(at, true)];
      at += 8;
    } else if (kind === 5) {
      yield [number, view.getFloat32(at, true)];
      at += 4;
    } else {
      assert.is(kind, 2);
      const length = varint();
      yield [number, bytes.subarray(at, at + length)];
      at += length;
    }
  }
  assert.is(at, bytes.length);
}

const text = (field: Field | undefined) => (field instanceof Uint8Array ? new TextDecoder().decode(field) : null);

/** Reads a file of events, and checks every CRC. */
export function readEvents(file: Uint8Array): ReadEvent[] {
  const events: ReadEvent[] = [];
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  for (let at = 0; at < file.length; ) {
    const length = Number(view.getBigUint64(at, true));
    assert.is(unmasked(view.getUint32(at + 8, true)), plainCrc32c(file.subarray(at, at + 8)), "CRC of the length");
    const data = file.subarray(at + 12, at + 12 + length);
    assert.is(unmasked(view.getUint32(at + 12 + length, true)), plainCrc32c(data), "CRC of the data");
    at += 16 + length;
    const event = new Map(fieldsOf(data));
    const values: Record<string, number> = {};
    const summary = event.get(5);
    for (const [number, value] of summary instanceof Uint8Array ? fieldsOf(summary) : []) {
      assert.is(number, 1);
      const fields = new Map(value instanceof Uint8Array ? fieldsOf(value) : []);
      values[text(fields.get(1)) ?? ""] = Number(fields.get(2));
    }
    events.push({
      wallTime: Number(event.get(1)),
      step: Number(event.get(2) ?? 0),
      version: text(event.get(3)),
      values,
    });
  }
  return events;
}
