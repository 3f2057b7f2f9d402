import { PbfWriter } from "../vendor/pbf.js";

/** Operators as they were in this version of ONNX's own set (2021): runtimes of the last years have all of them. */
const OPERATOR_SET = 17;
/** Version of the file format that came with it. */
const FORMAT = 8;

// Numbers of the fields and of element types in onnx.proto3.
const FLOAT = 1;
const INT64 = 7;
const ATTRIBUTE_FLOAT = 1;
const ATTRIBUTE_INT = 2;
const ATTRIBUTE_INTS = 7;

/** A tensor that is part of the file. */
export interface OnnxConstant {
  readonly name: string;
  /** Extents, the last one the fastest. */
  readonly shape: readonly number[];
  readonly data: Float32Array | BigInt64Array;
}

/** One operation. */
export interface OnnxNode {
  /** For people and profilers; unique. */
  readonly name: string;
  /** Of ONNX's own set: "Conv". */
  readonly operator: string;
  /** Names of values. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Attributes that are floats. */
  readonly floats?: Readonly<Record<string, number>>;
  /** Attributes that are whole numbers, or lists of them. */
  readonly ints?: Readonly<Record<string, number | readonly number[]>>;
}

/** What goes in or comes out: f32, with extents that are numbers, or names of what may be any. */
export interface OnnxValue {
  readonly name: string;
  readonly shape: readonly (number | string)[];
}

/** A net, and what is said of it. */
export interface OnnxModel {
  readonly name: string;
  /** Nodes come after those whose outputs they take. */
  readonly nodes: readonly OnnxNode[];
  readonly constants: readonly OnnxConstant[];
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
  readonly producer: { readonly name: string; readonly version: string };
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * Encodes a net as an ONNX file of operator set 17.
 * Source: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3
 */
export function encodeOnnxModel(model: OnnxModel): Uint8Array<ArrayBuffer> {
  const file = new PbfWriter();
  file.writeVarintField(1, FORMAT);
  file.writeStringField(2, model.producer.name);
  file.writeStringField(3, model.producer.version);
  file.writeMessage(7, writeGraph, model);
  file.writeMessage(8, (version, pbf) => pbf.writeVarintField(2, version), OPERATOR_SET);
  for (const entry of Object.entries(model.metadata)) file.writeMessage(14, writeText, entry);
  return new Uint8Array(file.finish());
}

function writeText([key, value]: readonly [string, string], pbf: PbfWriter): void {
  pbf.writeStringField(1, key);
  pbf.writeStringField(2, value);
}

function writeGraph({ name, nodes, constants, inputs, outputs }: OnnxModel, pbf: PbfWriter): void {
  for (const node of nodes) pbf.writeMessage(1, writeNode, node);
  pbf.writeStringField(2, name);
  for (const constant of constants) pbf.writeMessage(5, writeConstant, constant);
  for (const value of inputs) pbf.writeMessage(11, writeValue, value);
  for (const value of outputs) pbf.writeMessage(12, writeValue, value);
}

function writeNode({ name, operator, inputs, outputs, floats = {}, ints = {} }: OnnxNode, pbf: PbfWriter): void {
  for (const input of inputs) pbf.writeStringField(1, input);
  for (const output of outputs) pbf.writeStringField(2, output);
  pbf.writeStringField(3, name);
  pbf.writeStringField(4, operator);
  for (const [key, value] of Object.entries(floats)) {
    pbf.writeMessage(5, writeAttribute, { key, write: () => pbf.writeFloatField(2, value), type: ATTRIBUTE_FLOAT });
  }
  for (const [key, value] of Object.entries(ints)) {
    if (typeof value === "number") {
      pbf.writeMessage(5, writeAttribute, { key, write: () => pbf.writeVarintField(3, value), type: ATTRIBUTE_INT });
    } else {
      const write = () => pbf.writePackedVarint(8, [...value]);
      pbf.writeMessage(5, writeAttribute, { key, write, type: ATTRIBUTE_INTS });
    }
  }
}

function writeAttribute({ key, write, type }: { key: string; write: () => void; type: number }, pbf: PbfWriter): void {
  pbf.writeStringField(1, key);
  write();
  pbf.writeVarintField(20, type);
}

/** Elements in the byte order of the machine, little-endian wherever WebGPU runs, as the format demands. */
function writeConstant({ name, shape, data }: OnnxConstant, pbf: PbfWriter): void {
  pbf.writePackedVarint(1, [...shape]);
  pbf.writeVarintField(2, data instanceof Float32Array ? FLOAT : INT64);
  pbf.writeStringField(8, name);
  pbf.writeBytesField(9, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
}

function writeValue({ name, shape }: OnnxValue, pbf: PbfWriter): void {
  pbf.writeStringField(1, name);
  pbf.writeMessage(2, (extents, type) => type.writeMessage(1, writeTensorType, extents), shape);
}

function writeTensorType(shape: OnnxValue["shape"], pbf: PbfWriter): void {
  pbf.writeVarintField(1, FLOAT);
  pbf.writeMessage(2, writeShape, shape);
}

function writeShape(shape: OnnxValue["shape"], pbf: PbfWriter): void {
  for (const extent of shape) pbf.writeMessage(1, writeExtent, extent);
}

function writeExtent(extent: number | string, pbf: PbfWriter): void {
  if (typeof extent === "number") pbf.writeVarintField(1, extent);
  else pbf.writeStringField(2, extent);
}
