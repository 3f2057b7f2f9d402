/** The quantile of the normal distribution for 95 %. */
const Z = 1.959964;

/**
 * The 95 % confidence interval of a share that was found in `count` trials (Wilson 1927): unlike the share's standard error, it says
 * something of 3 right ones of 3.
 * @returns both ends, from 0 to 1
 */
export function wilsonInterval(share: number, count: number): [low: number, high: number] {
  const z = (Z * Z) / count;
  const centre = (share + z / 2) / (1 + z);
  const half = (Z * Math.sqrt((share * (1 - share)) / count + z / (4 * count))) / (1 + z);
  return [Math.max(0, centre - half), Math.min(1, centre + half)];
}
