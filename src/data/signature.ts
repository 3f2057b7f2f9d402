/** Formats that image files begin like. */
export type ImageFormat = "JPEG" | "PNG" | "WebP" | "GIF" | "TIFF" | "AVIF" | "HEIC" | "JPEG XL" | "BMP";

/** Those that are read; of the others it can only be said what they are. */
export const READ_FORMATS: readonly ImageFormat[] = ["JPEG", "PNG", "WebP", "GIF", "TIFF", "AVIF", "BMP"];

/** The bytes at the start of a file that tell its format. */
export const SIGNATURE_BYTES = 64;

const STARTS: readonly (readonly [start: string, format: ImageFormat])[] = [
  ["\xff\xd8\xff", "JPEG"],
  ["\x89PNG\r\n\x1a\n", "PNG"],
  ["GIF87a", "GIF"],
  ["GIF89a", "GIF"],
  ["II*\0", "TIFF"],
  ["MM\0*", "TIFF"],
  ["\xff\x0a", "JPEG XL"],
  ["\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"],
];

/** What an ISO base media file (ISO 14496-12) says that it can be read as. */
function mediaFormat(start: string): ImageFormat | null {
  const brands = start.slice(8, Math.min(start.length, 16 + 4 * 12));
  if (/^(....)*avi[fs]/s.test(brands)) return "AVIF";
  return /^(....)*(hei[cxms]|hev[cxm]|mif1|msf1)/s.test(brands) ? "HEIC" : null;
}

/** The format of an image file by its first bytes, whatever it is called; null for anything else. */
export function imageFormat(bytes: Uint8Array): ImageFormat | null {
  const start = String.fromCharCode(...bytes.subarray(0, SIGNATURE_BYTES));
  const known = STARTS.find(([text]) => start.startsWith(text));
  if (known) return known[1];
  if (start.startsWith("RIFF") && start.slice(8, 12) === "WEBP") return "WebP";
  if (start.slice(4, 8) === "ftyp") return mediaFormat(start);
  // "BM" begins many a text; a bitmap has zeros where its header is reserved.
  return /^BM....\0\0\0\0/s.test(start) ? "BMP" : null;
}

/** Why an image is not read, for people; null where it is. */
export function unreadReason(bytes: Uint8Array): string | null {
  const format = imageFormat(bytes);
  if (format === null) return `not an image of a format that is read (${READ_FORMATS.join(", ")})`;
  return READ_FORMATS.includes(format) ? null : `${format} is not read: convert it to JPEG or PNG`;
}

/** Whether a path ends like an image file: such a file is taken for one, and its first bytes decide whether it is. */
export function isImagePath(path: string): boolean {
  return /\.(jpe?g|jpe|jfif|png|webp|gif|tiff?|avif|heic|heif|hif|jxl|bmp)$/i.test(path);
}

/** Raw files of cameras look like TIFF and hold a small preview. */
export function isCameraRaw(path: string): boolean {
  return /\.(nef|nrw|cr2|cr3|crw|arw|srf|sr2|dng|raf|orf|rw2|pef|raw)$/i.test(path);
}

/** What a file among others is: an image to read, or why it is not read, or null where it is no image. */
export function judged(path: string, bytes: Uint8Array): "image" | { readonly reason: string } | null {
  if (isCameraRaw(path)) return { reason: "a camera's raw file is not read: convert it to JPEG, PNG or TIFF" };
  const format = imageFormat(bytes);
  if (format === null) return isImagePath(path) ? "image" : null;
  const reason = unreadReason(bytes);
  return reason === null ? "image" : { reason };
}

/** Folders that systems make, in upper or lower case. */
const SYSTEM_FOLDERS = ["__macosx", "@eadir", "#recycle", "$recycle.bin", "system volume information", "lost+found"];

/** Whether a path is hidden, or something that a system left (`._*`, `.DS_Store`, `__MACOSX`, `@eaDir`). */
export function isIgnoredPath(path: string): boolean {
  return path.split("/").some((part) => part.startsWith(".") || SYSTEM_FOLDERS.includes(part.toLowerCase()));
}
