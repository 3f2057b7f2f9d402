import type { Draw } from "./draw.js";

/** What lengths, offsets and counts are replaced by. */
const EXTREMES = [
  0,
  1,
  2,
  127,
  128,
  255,
  256,
  32767,
  65535,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32 - 1,
  2 ** 53,
  2 ** 63,
  2 ** 64 - 1,
];

/** What a number or a value in a text is replaced by. */
const WORDS = [
  "-1",
  "0",
  "1e999",
  "99999999999999999999",
  "0.5",
  "NaN",
  "null",
  "true",
  "[]",
  "{}",
  '""',
  '"x"',
  "4294967296",
];

/** Brackets in brackets, deeper than most programs go. */
const DEPTH = 20_000;

const text = new TextEncoder();

function joined(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

type Mutation = (bytes: Uint8Array<ArrayBuffer>, draw: Draw, others: readonly Uint8Array[]) => Uint8Array<ArrayBuffer>;

/** A place, near the start more often than not: there stand what tells formats, and lengths. */
function place(bytes: Uint8Array, draw: Draw): number {
  return draw.below(draw.share() < 0.6 ? Math.min(bytes.length, 512) : bytes.length);
}

/** The place of a value in a text: where a run of digits and letters begins, and where it ends. */
function valueAt(bytes: Uint8Array, draw: Draw): [from: number, to: number] {
  const isWord = (byte: number | undefined) => byte !== undefined && /[\w.+-]/.test(String.fromCharCode(byte));
  const start = place(bytes, draw);
  let from = start;
  while (from < bytes.length && !isWord(bytes[from])) from += 1;
  let to = from;
  while (to < bytes.length && isWord(bytes[to]) && to - from < 40) to += 1;
  return [from, to];
}

const MUTATIONS: readonly Mutation[] = [
  function flipBit(bytes, draw) {
    if (bytes.length > 0) bytes[place(bytes, draw)] ^= 1 << draw.below(8);
    return bytes;
  },
  function setByte(bytes, draw) {
    if (bytes.length > 0) bytes[place(bytes, draw)] = draw.of([0, 1, 0x7f, 0x80, 0xff, draw.below(256)]);
    return bytes;
  },
  function setLength(bytes, draw) {
    const size = draw.of([2, 4, 8]);
    if (bytes.length < size) return bytes;
    const value = BigInt.asUintN(8 * size, BigInt(draw.of(EXTREMES)) - BigInt(draw.below(2)));
    const at = Math.min(place(bytes, draw), bytes.length - size);
    const order = Array.from({ length: size }, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn));
    bytes.set(draw.share() < 0.5 ? order : order.reverse(), at);
    return bytes;
  },
  function cutOff(bytes, draw) {
    return bytes.slice(0, draw.below(bytes.length + 1));
  },
  function cutOut(bytes, draw) {
    const from = place(bytes, draw);
    return joined(bytes.subarray(0, from), bytes.subarray(from + 1 + draw.below(64)));
  },
  function insert(bytes, draw) {
    const at = place(bytes, draw);
    const random = Uint8Array.from({ length: 1 + draw.below(32) }, () => draw.below(256));
    return joined(bytes.subarray(0, at), random, bytes.subarray(at));
  },
  function repeat(bytes, draw) {
    const from = place(bytes, draw);
    const part = bytes.subarray(from, from + 1 + draw.below(512));
    return joined(
      bytes.subarray(0, from),
      ...Array.from({ length: 1 + draw.below(8) }, () => part),
      bytes.subarray(from),
    );
  },
  function replaceValue(bytes, draw) {
    const [from, to] = valueAt(bytes, draw);
    return joined(bytes.subarray(0, from), text.encode(draw.of(WORDS)), bytes.subarray(to));
  },
  function nest(bytes, draw) {
    if (draw.share() < 0.95) return bytes;
    const [from, to] = valueAt(bytes, draw);
    const [open, close] = draw.of([
      ["[", "]"],
      ['{"a":', "}"],
    ]);
    const value = `${open.repeat(DEPTH)}1${close.repeat(DEPTH)}`;
    return joined(bytes.subarray(0, from), text.encode(value), bytes.subarray(to));
  },
  function join(bytes, draw, others) {
    const other = draw.of(others);
    return joined(bytes.subarray(0, place(bytes, draw)), other.subarray(place(other, draw)));
  },
];

/** One of these inputs, changed in some places. */
export function mutated(inputs: readonly Uint8Array[], draw: Draw): Uint8Array<ArrayBuffer> {
  let bytes = new Uint8Array(draw.of(inputs));
  const times = 1 + draw.below(draw.share() < 0.8 ? 3 : 12);
  for (let i = 0; i < times; i++) bytes = draw.of(MUTATIONS)(bytes, draw, inputs);
  return bytes;
}
