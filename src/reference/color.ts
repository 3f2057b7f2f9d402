/** One adjustment of the colour jitter. */
export type ColorAdjustment = "brightness" | "contrast" | "saturation" | "hue";

/** Parameters of {@link colorJitter}: three factors (1 changes nothing) and a shift of the hue. */
export interface ColorJitter {
  /** The adjustments to make, in this order. */
  readonly order: readonly ColorAdjustment[];
  readonly brightness: number;
  readonly contrast: number;
  readonly saturation: number;
  /** In turns of the colour circle, -0.5 to 0.5; 0 changes nothing. */
  readonly hue: number;
}

/** Applies the adjustments to an RGB image [..., 3] in the order given; each clamps to [0, 1]. As torchvision on floats. */
export function colorJitter(image: Float64Array, jitter: ColorJitter): Float64Array {
  const adjust = {
    brightness: adjustBrightness,
    contrast: adjustContrast,
    saturation: adjustSaturation,
    hue: adjustHue,
  };
  return jitter.order.reduce((current, name) => adjust[name](current, jitter[name]), image);
}

/** x * factor, clamped. */
export function adjustBrightness(image: Float64Array, factor: number): Float64Array {
  return image.map((value) => clamp(value * factor));
}

/** Blends with the mean luma of the whole image: factor * x + (1 - factor) * mean, clamped. */
export function adjustContrast(image: Float64Array, factor: number): Float64Array {
  const gray = grayscale(image);
  const mean = gray.reduce((a, b) => a + b) / gray.length;
  return image.map((value) => clamp(factor * value + (1 - factor) * mean));
}

/** Blends each pixel with its own luma: factor * x + (1 - factor) * luma, clamped. */
export function adjustSaturation(image: Float64Array, factor: number): Float64Array {
  const gray = grayscale(image);
  return image.map((value, i) => clamp(factor * value + (1 - factor) * gray[i]));
}

/** Turns each pixel's hue by `shift` of the colour circle; saturation and value (HSV) stay. */
export function adjustHue(image: Float64Array, shift: number): Float64Array {
  return mapPixels(image, (r, g, b) => {
    const value = Math.max(r, g, b);
    const chroma = value - Math.min(r, g, b);
    // The hue in sixths of the circle, from red over green to blue.
    let hue = 0;
    if (chroma > 0) {
      if (value === r) hue = (g - b) / chroma;
      else if (value === g) hue = 2 + (b - r) / chroma;
      else hue = 4 + (r - g) / chroma;
    }
    const turned = hue + shift * 6;
    // A channel lies `chroma` below the value unless the hue is near its own: at 0 (red), 2 (green) or 4 (blue).
    const channel = (own: number) => {
      const distance = Math.abs(modulo(turned - own + 3, 6) - 3);
      return clamp(value - chroma * clamp(distance - 1));
    };
    return [channel(0), channel(2), channel(4)];
  });
}

/** 0.2989 R + 0.587 G + 0.114 B in all three channels. */
export function grayscale(image: Float64Array): Float64Array {
  return mapPixels(image, (r, g, b) => {
    const luma = 0.2989 * r + 0.587 * g + 0.114 * b;
    return [luma, luma, luma];
  });
}

/** Inverts values of a half and more, x to 1 - x. As torchvision on floats. */
export function solarize(image: Float64Array): Float64Array {
  return image.map((value) => (value < 0.5 ? value : 1 - value));
}

function mapPixels(image: Float64Array, f: (r: number, g: number, b: number) => readonly number[]): Float64Array {
  const y = new Float64Array(image.length);
  for (let i = 0; i < image.length; i += 3) y.set(f(image[i], image[i + 1], image[i + 2]), i);
  return y;
}

function clamp(value: number): number {
  return Math.min(1, Math.max(0, value));
}

/** Remainder of the sign of the divisor. */
function modulo(value: number, divisor: number): number {
  return value - divisor * Math.floor(value / divisor);
}
