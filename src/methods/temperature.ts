/** Below it, a difference of cosines that f32 rounds away decides the loss; published recipes take 0.05 to 1. */
const LEAST_USEFUL = 0.005;

/** What is wrong with a temperature that cosines are divided by; null where it is of use. See `Learner.strain`. */
export function temperatureStrain(temperature: number): string | null {
  if (temperature >= LEAST_USEFUL) return null;
  return `a temperature of ${temperature} multiplies similarities by ${(1 / temperature).toPrecision(2)}, beyond what f32 can tell apart: take one from 0.05 to 1`;
}
