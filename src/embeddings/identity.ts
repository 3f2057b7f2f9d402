import type { Model } from "../nn/model.js";
import { type Preprocessing, preprocessingOf } from "../training/encoder-file.js";

/** What embeddings were made by: two encoders give comparable ones where all of this is the same, `path` aside. */
export interface EncoderIdentity {
  /** "resnet18". */
  readonly name: string;
  /** Where it was read from. */
  readonly path: string;
  /** SHA-256 in hexadecimal digits, of its weights and running statistics. */
  readonly hash: string;
  /** Numbers of an embedding. */
  readonly dimension: number;
  /** What images go through before it. */
  readonly preprocessing: Preprocessing;
}

/** SHA-256 of bytes in hexadecimal digits. */
export async function digestOf(bytes: Uint8Array): Promise<string> {
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", new Uint8Array(bytes)));
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The identity of a model's encoder; its head has no part in it. */
export async function encoderIdentity(model: Model, path: string): Promise<EncoderIdentity> {
  const { encoder, tensors } = model;
  const weights = await tensors.read();
  const lines: string[] = [];
  for (const { name, shape } of encoder.tensors) {
    const { buffer } = weights.get(name) ?? new Float32Array(0);
    lines.push(`${name} ${shape.join("x")} ${await digestOf(new Uint8Array(buffer))}`);
  }
  return {
    name: encoder.name,
    path,
    hash: await digestOf(new TextEncoder().encode(lines.join("\n"))),
    dimension: encoder.features,
    preprocessing: preprocessingOf(model),
  };
}
