import type { Device } from "../engine/device.js";
import type { Features } from "../evaluation/embed.js";
import { nearest } from "../evaluation/knn.js";

/** How far apart in time a frame and the one that is nearest to it are, and would be by chance. */
export interface Alignment {
  /** Mean difference of their moments, each from 0 at the begin of its clip to 1 at its end; 0 is perfect. */
  readonly error: number;
  /** The same for a frame that is drawn, about 1/3. */
  readonly chance: number;
}

/** Rows of features as one matrix. */
function rowsOf({ values, dimension }: Features, rows: readonly number[]): Features {
  const picked = new Float32Array(rows.length * dimension);
  rows.forEach((row, i) => {
    picked.set(values.subarray(row * dimension, (row + 1) * dimension), i * dimension);
  });
  return { values: picked, rows: rows.length, dimension };
}

/**
 * The alignment error (Sermanet et al. 2018, section 4.1): for each frame its nearest neighbour by cosine among the frames of another
 * clip, or of another view of its own one; mean over frames, then over clips.
 * @param frames representations of which neighbours are looked for
 * @param candidates those that are looked among, of the same images
 * @param clips the images of each clip in the order of time, two or more
 * @param among frames of all other clips, one clip at a time, or of the same one
 */
export async function alignment(
  device: Device,
  frames: Features,
  candidates: Features,
  clips: readonly (readonly number[])[],
  among: "other clips" | "the same clip",
): Promise<Alignment> {
  const momentsOf = ({ length }: readonly number[]) => Array.from({ length }, (_, place) => place / (length - 1));
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [errors, chances]: number[][] = [[], []];
  for (const [to, clip] of clips.entries()) {
    const askers = among === "the same clip" ? [clip] : clips.filter((_, from) => from !== to);
    const bank = rowsOf(candidates, clip);
    const { indices } = await nearest(device, bank, rowsOf(frames, askers.flat()), 1);
    const moments = momentsOf(clip);
    let row = 0;
    for (const asker of askers) {
      const differences = momentsOf(asker).map((moment) => [
        Math.abs(moment - moments[indices[row++]]),
        mean(moments.map((other) => Math.abs(moment - other))),
      ]);
      errors.push(mean(differences.map(([error]) => error)));
      chances.push(mean(differences.map(([, chance]) => chance)));
    }
  }
  return { error: mean(errors), chance: mean(chances) };
}
