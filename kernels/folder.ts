import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { KernelError } from "../src/errors.js";
import { describeKernel, type KernelDescription, type Pieces } from "./describe.js";

/** "column-sums.wgsl" -> "columnSums". @throws KernelError for a file whose name gives no name in TypeScript. */
export function kernelName(file: string): string {
  const name = file.slice(0, -".wgsl".length).replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
  if (/^[A-Za-z_]\w*$/.test(name) && name !== "kernels") return name;
  throw new KernelError(`${file}: a kernel's file is called like "column-sums.wgsl", which makes it "columnSums"`);
}

/** The `.wgsl` files below the folders of a folder, by their paths from there. */
export function piecesOf(folder: string): Pieces {
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).map((file) => file.replaceAll("\\", "/"));
  const pieces = files.filter(
    (file) => file.includes("/") && file.endsWith(".wgsl") && !file.includes("node_modules/"),
  );
  return Object.fromEntries(pieces.map((file) => [file, read(join(folder, file))]));
}

function read(file: string): string {
  return readFileSync(file, "utf8").replaceAll("\r\n", "\n");
}

/**
 * The kernels of a folder: of all of its `.wgsl` files, which may include those in folders below it, and the pieces given.
 * @throws KernelError for a file that does not keep the rules.
 */
export function describeFolder(folder: string, pieces: Pieces = {}): KernelDescription[] {
  const files = readdirSync(folder).filter((file) => file.endsWith(".wgsl"));
  const all = { ...pieces, ...piecesOf(folder) };
  const kernels = files.sort().map((file) => describeKernel(kernelName(file), read(join(folder, file)), all));
  const twice = kernels.find(({ name }, i) => kernels.some((other, j) => j < i && other.name === name));
  if (twice) throw new KernelError(`two files of ${folder} give a kernel called ${twice.name}`);
  return kernels;
}
