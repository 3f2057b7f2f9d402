/**
 * Reads a file of `test/golden/` in any runtime: over HTTP in a page of the test server, from disk elsewhere.
 * @param name path below `test/golden/`
 * @throws Error when there is no such file
 */
export function loadGoldenBytes(name: string): Promise<Uint8Array<ArrayBuffer>> {
  return loadBytes(`test/golden/${name}`);
}

/** Reads a file of the repository in any runtime, as above. @throws Error when there is no such file */
export async function loadBytes(path: string): Promise<Uint8Array<ArrayBuffer>> {
  // From dist/test/lib/, where the compiled module is, back to the repository.
  const url = new URL(`../../../${path}`, import.meta.url);
  if (url.protocol === "file:") {
    const { readFile } = await import("node:fs/promises");
    return new Uint8Array(await readFile(url));
  }
  const response = await fetch(url);
  if (!response.ok) throw new Error(`no file ${path}: ${url} answers ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}
