/** Numbers as f16, two bytes each: rounded to the nearest, of two equally near ones to the even one; infinite from 65520 up. */
export function toHalfBits(values: ArrayLike<number>): Uint16Array<ArrayBuffer> {
  return Uint16Array.from(values, halfBits);
}

function halfBits(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const size = Math.abs(value);
  if (Number.isNaN(size)) return 0x7e00;
  if (size >= 65520) return sign | 0x7c00;
  // Below 2^-14, numbers lie 2^-24 apart; above, 2^10 of them in every octave.
  const exponent = Math.max(-14, Math.floor(Math.log2(size)));
  const steps = roundToEven(size * 2 ** (10 - exponent));
  // 1024 steps are the first number of the octave, 2048 the first of the next one, and fewer than 1024 only exist in the lowest.
  return sign | ((exponent + 14) * 1024 + steps);
}

function roundToEven(value: number): number {
  const below = Math.floor(value);
  const above = value - below;
  return above > 0.5 || (above === 0.5 && below % 2 === 1) ? below + 1 : below;
}

/** The numbers that f16 bits stand for, exactly. */
export function fromHalfBits(bits: Uint16Array): Float32Array<ArrayBuffer> {
  return Float32Array.from(bits, (half) => {
    const sign = half & 0x8000 ? -1 : 1;
    const exponent = (half >> 10) & 0x1f;
    const steps = half & 0x3ff;
    if (exponent === 0x1f) return steps === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
    return exponent === 0 ? sign * steps * 2 ** -24 : sign * (1024 + steps) * 2 ** (exponent - 25);
  });
}
