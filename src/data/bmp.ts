import { DataError } from "../errors.js";

/** Pixels of a bitmap, (R, G, B, A) a pixel, from the top row on. */
export interface Bitmap {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

const FILE_HEADER_BYTES = 14;
/** The header of OS/2 and Windows 2, whose sizes have 16 bits and whose colours 3 bytes. */
const CORE_HEADER_BYTES = 12;
const INFO_HEADER_BYTES = 40;
/** As many as sharp takes of other formats. */
const MOST_PIXELS = 0x3fff * 0x3fff;

const UNCOMPRESSED = 0;
const BIT_FIELDS = 3;
const ALPHA_BIT_FIELDS = 6;
const COMPRESSIONS: Readonly<Record<number, string>> = {
  1: "run lengths of 8 bits (RLE8)",
  2: "run lengths of 4 bits (RLE4)",
  4: "JPEG",
  5: "PNG",
};

interface Header {
  readonly width: number;
  readonly height: number;
  /** Whether the first row is the lowest one. */
  readonly bottomUp: boolean;
  readonly bits: number;
  readonly compression: number;
  /** Bytes before the palette, and the bytes of a colour in it. */
  readonly paletteStart: number;
  readonly colorBytes: number;
  readonly dataStart: number;
}

function readHeader(view: DataView): Header {
  const size = view.getUint32(FILE_HEADER_BYTES, true);
  const dataStart = view.getUint32(10, true);
  if (size === CORE_HEADER_BYTES) {
    return {
      width: view.getUint16(18, true),
      height: view.getUint16(20, true),
      bottomUp: true,
      bits: view.getUint16(24, true),
      compression: UNCOMPRESSED,
      paletteStart: FILE_HEADER_BYTES + size,
      colorBytes: 3,
      dataStart,
    };
  }
  if (size < INFO_HEADER_BYTES) throw new DataError(`a BMP whose header has ${size} bytes is not read`);
  const height = view.getInt32(22, true);
  const compression = view.getUint32(30, true);
  // Without a larger header, the masks come after it.
  const masks =
    size > INFO_HEADER_BYTES ? 0 : compression === BIT_FIELDS ? 12 : compression === ALPHA_BIT_FIELDS ? 16 : 0;
  return {
    width: view.getInt32(18, true),
    height: Math.abs(height),
    bottomUp: height > 0,
    bits: view.getUint16(28, true),
    compression,
    paletteStart: FILE_HEADER_BYTES + size + masks,
    colorBytes: 4,
    dataStart,
  };
}

/** A reader of the bits of a mask, as 0 to 255. */
function channel(mask: number): (pixel: number) => number {
  if (mask === 0) return () => 0;
  const shift = 31 - Math.clz32(mask & -mask);
  const most = mask >>> shift;
  return (pixel) => Math.round((255 * ((pixel & mask) >>> shift)) / most);
}

/** How pixels of 16 and 32 bits are read: by masks, or as Windows has them without. */
function channelsOf(view: DataView, { bits, compression, paletteStart }: Header) {
  const mask = (index: number) => view.getUint32(FILE_HEADER_BYTES + INFO_HEADER_BYTES + 4 * index, true);
  const hasAlpha = paletteStart >= FILE_HEADER_BYTES + INFO_HEADER_BYTES + 16;
  const masks =
    compression !== UNCOMPRESSED
      ? [mask(0), mask(1), mask(2), hasAlpha ? mask(3) : 0]
      : bits === 16
        ? [0x7c00, 0x3e0, 0x1f, 0]
        : [0xff0000, 0xff00, 0xff, 0];
  const [red, green, blue, alpha] = masks.map(channel);
  return { red, green, blue, alpha: masks[3] === 0 ? null : alpha };
}

function checkHeader({ width, height, bits, compression }: Header): void {
  const kind = COMPRESSIONS[compression];
  if (kind !== undefined)
    throw new DataError(`a BMP compressed by ${kind} is not read: save it uncompressed, or as PNG`);
  const masked = compression === BIT_FIELDS || compression === ALPHA_BIT_FIELDS;
  if (masked ? ![16, 32].includes(bits) : compression !== UNCOMPRESSED || ![1, 4, 8, 16, 24, 32].includes(bits)) {
    throw new DataError(`a BMP of ${bits} bits a pixel and compression ${compression} is not read`);
  }
  if (width < 1 || height < 1 || width * height > MOST_PIXELS) {
    throw new DataError(`a BMP of ${width}x${height} pixels is not read: it is damaged, or too large`);
  }
}

/**
 * Decodes an uncompressed Windows or OS/2 bitmap: 1, 4 or 8 bits with a palette, 16, 24 or 32 bits, with masks or without, from the bottom or
 * the top. The fourth byte of 32 bits counts as alpha where a mask says so, and not all pixels have none of it.
 * @throws DataError for compressed ones, and where the file is cut short or damaged.
 */
export function decodeBmp(file: Uint8Array): Bitmap {
  const view = new DataView(file.buffer, file.byteOffset, file.length);
  try {
    const header = readHeader(view);
    checkHeader(header);
    const { width, height, bottomUp, bits, dataStart } = header;
    const rowBytes = 4 * Math.ceil((width * bits) / 32);
    // Some programs leave out what fills the last row.
    if (dataStart + rowBytes * (height - 1) + Math.ceil((width * bits) / 8) > file.length) {
      throw new DataError(`a BMP of ${width}x${height} pixels that is cut short: it has ${file.length} bytes`);
    }
    const data = new Uint8Array(4 * width * height);
    const write =
      bits <= 8 ? paletteWriter(file, header, data) : bits === 24 ? trueColor(file, data) : masked(view, header, data);
    for (let y = 0; y < height; y++) {
      write(dataStart + rowBytes * (bottomUp ? height - 1 - y : y), y * width, width);
    }
    return { width, height, data: withoutEmptyAlpha(data) };
  } catch (cause) {
    if (cause instanceof RangeError) throw new DataError("a BMP that is cut short", { cause });
    throw cause;
  }
}

function put(data: Uint8Array, place: number, red: number, green: number, blue: number, alpha: number): void {
  data[4 * place] = red;
  data[4 * place + 1] = green;
  data[4 * place + 2] = blue;
  data[4 * place + 3] = alpha;
}

/** Writes the pixels of a row, which starts at a byte of the file, from a place on. */
type RowWriter = (row: number, place: number, width: number) => void;

function paletteWriter(
  file: Uint8Array,
  { bits, paletteStart, colorBytes, dataStart }: Header,
  data: Uint8Array,
): RowWriter {
  const colors = Math.min(2 ** bits, Math.floor((dataStart - paletteStart) / colorBytes));
  return (row, place, width) => {
    for (let x = 0; x < width; x++) {
      const bit = x * bits;
      const index = (file[row + (bit >> 3)] >> (8 - bits - (bit & 7))) & (2 ** bits - 1);
      if (index >= colors)
        throw new DataError(`a BMP with colour ${index} of a palette of ${Math.max(0, colors)}: it is damaged`);
      const from = paletteStart + colorBytes * index;
      put(data, place + x, file[from + 2], file[from + 1], file[from], 255);
    }
  };
}

function trueColor(file: Uint8Array, data: Uint8Array): RowWriter {
  return (row, place, width) => {
    for (let x = 0; x < width; x++) {
      const from = row + 3 * x;
      put(data, place + x, file[from + 2], file[from + 1], file[from], 255);
    }
  };
}

function masked(view: DataView, header: Header, data: Uint8Array): RowWriter {
  const { red, green, blue, alpha } = channelsOf(view, header);
  return (row, place, width) => {
    for (let x = 0; x < width; x++) {
      const pixel = header.bits === 16 ? view.getUint16(row + 2 * x, true) : view.getUint32(row + 4 * x, true);
      put(data, place + x, red(pixel), green(pixel), blue(pixel), alpha ? alpha(pixel) : 255);
    }
  };
}

/** Some programs name a mask of what they leave at 0: such a bitmap is opaque. */
function withoutEmptyAlpha(data: Uint8Array): Uint8Array {
  for (let at = 3; at < data.length; at += 4) if (data[at] > 0) return data;
  for (let at = 3; at < data.length; at += 4) data[at] = 255;
  return data;
}
