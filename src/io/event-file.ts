import { PbfWriter } from "../vendor/pbf.js";
import { crc32c } from "./crc32.js";

// Numbers of the fields in event.proto and summary.proto.
const EVENT = { wallTime: 1, step: 2, fileVersion: 3, summary: 5 } as const;
const SUMMARY_VALUE = 1;
const VALUE = { tag: 1, simpleValue: 2 } as const;

/** The first record of a file of events, by which TensorBoard knows it. @param wallTime in seconds since 1970 */
export function firstRecord(wallTime: number): Uint8Array<ArrayBuffer> {
  const event = new PbfWriter();
  event.writeDoubleField(EVENT.wallTime, wallTime);
  event.writeStringField(EVENT.fileVersion, "brain.Event:2");
  return record(event.finish());
}

/**
 * A record of numbers that belong to a step.
 * Source: https://github.com/tensorflow/tensorboard/blob/master/tensorboard/compat/proto/event.proto
 * @param wallTime in seconds since 1970
 * @param values by their tags; they become f32
 */
export function scalarRecord(
  wallTime: number,
  step: number,
  values: Readonly<Record<string, number>>,
): Uint8Array<ArrayBuffer> {
  const summary = new PbfWriter();
  for (const [tag, number] of Object.entries(values)) {
    const value = new PbfWriter();
    value.writeStringField(VALUE.tag, tag);
    value.writeFloatField(VALUE.simpleValue, number);
    summary.writeBytesField(SUMMARY_VALUE, value.finish());
  }
  const event = new PbfWriter();
  event.writeDoubleField(EVENT.wallTime, wallTime);
  event.writeVarintField(EVENT.step, step);
  event.writeBytesField(EVENT.summary, summary.finish());
  return record(event.finish());
}

/** A CRC as it stands beside the bytes that it is of: CRCs of what holds CRCs would be weak. */
function masked(crc: number): number {
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

/**
 * A TFRecord: length u64, its masked CRC-32C, the bytes, theirs; little-endian.
 * Source: https://www.tensorflow.org/tutorials/load_data/tfrecord
 */
function record(data: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(16 + data.length);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(data.length), true);
  view.setUint32(8, masked(crc32c(bytes.subarray(0, 8))), true);
  bytes.set(data, 12);
  view.setUint32(12 + data.length, masked(crc32c(data)), true);
  return bytes;
}
