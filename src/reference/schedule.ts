/**
 * Learning rate of a step: a linear warm-up, base * (step + 1) / warmupSteps, then half a cosine from the base rate
 * towards 0 at `totalSteps`.
 * @param step from 0
 */
export function warmupCosine(
  step: number,
  { base, warmupSteps, totalSteps }: { base: number; warmupSteps: number; totalSteps: number },
): number {
  if (step < warmupSteps) return (base * (step + 1)) / warmupSteps;
  return (base / 2) * (1 + Math.cos((Math.PI * (step - warmupSteps)) / (totalSteps - warmupSteps)));
}
