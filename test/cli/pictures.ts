import { encode, picture } from "../data/make-files.js";

/** JPEG files of 16x16 pixels of three classes, as many as `count`, in class folders. */
export async function classFolders(count: number): Promise<Record<string, Uint8Array>> {
  const files: Record<string, Uint8Array> = {};
  for (let i = 0; i < count; i++) {
    const name = ["cat", "dog", "owl"][i % 3];
    const rgb = picture(16, 16, i).map((value, at) => (at % 3 === i % 3 ? 200 : value / 2));
    files[`${name}/${String(i).padStart(3, "0")}.jpg`] = await encode("jpeg", rgb, 16, 16);
  }
  return files;
}
