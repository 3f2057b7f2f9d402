/** Ten colours that differ in hue and lightness, and stand out on white and on near-black. */
const DISTINCT = [
  "#3b82d6",
  "#e8943a",
  "#d9534f",
  "#3fae9f",
  "#6aa84f",
  "#d8b22c",
  "#9b6fc9",
  "#e583b0",
  "#9a7355",
  "#8a93a3",
] as const;

/** Degrees between neighbouring hues: the golden angle, which never comes close to a hue already used. */
const GOLDEN_ANGLE = 137.508;

/** One CSS colour a class. Up to ten are chosen by hand; beyond, hues and lightness are spread as evenly as they can be. */
export function classColors(count: number): readonly string[] {
  if (count <= DISTINCT.length) return DISTINCT.slice(0, count);
  return Array.from({ length: count }, (_, index) => {
    const hue = (index * GOLDEN_ANGLE) % 360;
    const lightness = 46 + 9 * (index % 3);
    return `hsl(${hue.toFixed(1)} 58% ${lightness}%)`;
  });
}
