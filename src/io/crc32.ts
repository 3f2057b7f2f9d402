/** The table of a reflected polynomial. */
function tableOf(polynomial: number): Uint32Array {
  return Uint32Array.from({ length: 256 }, (_, byte) => {
    let rest = byte;
    for (let bit = 0; bit < 8; bit++) rest = rest & 1 ? (rest >>> 1) ^ polynomial : rest >>> 1;
    return rest;
  });
}

const ZIP = tableOf(0xedb88320);
const CASTAGNOLI = tableOf(0x82f63b78);

function remainder(table: Uint32Array, bytes: Uint8Array): number {
  let rest = 0xffffffff;
  for (const byte of bytes) rest = table[(rest ^ byte) & 0xff] ^ (rest >>> 8);
  return (rest ^ 0xffffffff) >>> 0;
}

/** The CRC-32 of zip, gzip and PNG (ISO 3309, reflected polynomial 0xEDB88320); Node has it from 22.2 on. */
export function crc32(bytes: Uint8Array): number {
  return remainder(ZIP, bytes);
}

/** The CRC-32C of iSCSI and TensorFlow's records (RFC 3720, reflected polynomial 0x82F63B78). */
export function crc32c(bytes: Uint8Array): number {
  return remainder(CASTAGNOLI, bytes);
}
