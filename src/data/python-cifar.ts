import { DataError } from "../errors.js";

/**
 * Whether a file is a piece of the version of CIFAR for Python, by its path and first bytes: a pickle (protocol 2 to 5), which is a program
 * for Python and no data.
 */
export function isPythonCifar(path: string, start: Uint8Array): boolean {
  const named = /(^|\/)(data_batch_\d+|test_batch|train|test)$/.test(path);
  return named && start[0] === 0x80 && start[1] >= 2 && start[1] <= 5;
}

/** The error for such a file: which one to take in its place. */
export function pythonCifarError(path: string, file: string): DataError {
  const title = /(data_batch_\d+|test_batch)$/.test(file) ? "CIFAR-10" : "CIFAR-100";
  return new DataError(
    `${path} is the Python version of ${title} (${file} is a pickle), which is not read: take the binary version, ${title.toLowerCase()}-binary.tar.gz, from the same page.`,
  );
}
