import type { ImageSet } from "../data/dataset.js";
import { datasetFromPixels } from "../data/pixels.js";
import { subset } from "../data/views.js";
import { sfc32 } from "../random.js";

/** Pixels; frames are square. */
const SIZE = 32;
const CLIPS = { train: 24, test: 8 };
/** Frames of the shortest and of the longest clip. */
const FRAMES = [16, 28] as const;

type Color = readonly [number, number, number];

/** How a clip differs from the others: the process is the same in all. */
interface Scene {
  readonly frames: number;
  readonly background: readonly [Color, Color];
  readonly disc: Color;
  readonly bar: Color;
  /** Of the whole scene, in shares of the frame. */
  readonly shift: readonly [number, number];
  readonly scale: number;
}

/** A pixel at a place of [0, 1], at a moment from 0 to 1: a disc goes over an arc from left to right, above a bar that turns by half. */
function colorAt(x: number, y: number, moment: number, { background, disc, bar, shift, scale }: Scene): Color {
  const [u, v] = [(x - 0.5 - shift[0]) / scale, (y - 0.5 - shift[1]) / scale];
  const angle = Math.PI * (1 - moment);
  if (Math.hypot(u - 0.36 * Math.cos(angle), v + 0.28 * Math.sin(angle) - 0.02) < 0.11) return disc;
  const [along, across] = [
    u * Math.cos(angle) - (v - 0.2) * Math.sin(angle),
    u * Math.sin(angle) + (v - 0.2) * Math.cos(angle),
  ];
  // Thicker at one end, or half a turn would look like none.
  if (Math.abs(along) < 0.24 && Math.abs(across) < 0.03 + 0.06 * (along + 0.24)) return bar;
  const [from, to] = background;
  return [from[0] + (to[0] - from[0]) * y, from[1] + (to[1] - from[1]) * y, from[2] + (to[2] - from[2]) * y];
}

/**
 * Clips of one process that can be drawn in a second: the time of a frame decides where everything is, and each clip has its own
 * colours, length, place and size. For `experiment time` without clips of one's own, and for tests.
 */
export function movingShapes(seed = 1): ImageSet {
  const random = sfc32(seed, 0, 0);
  const from = (least: number, most: number) => least + ((most - least) * random()) / 2 ** 32;
  const color = (): Color => [from(0, 255), from(0, 255), from(0, 255)];
  const count = CLIPS.train + CLIPS.test;
  const scenes = Array.from(
    { length: count },
    (): Scene => ({
      frames: Math.round(from(...FRAMES)),
      background: [color(), color()],
      disc: color(),
      bar: color(),
      shift: [from(-0.06, 0.06), from(-0.06, 0.06)],
      scale: from(0.85, 1.1),
    }),
  );
  const frames = scenes.flatMap((scene, clip) =>
    Array.from({ length: scene.frames }, (_, time) => ({ scene, clip, time })),
  );
  const pixels = Uint8Array.from(
    frames.flatMap(({ scene, time }) =>
      Array.from({ length: SIZE * SIZE }, (_, at) => {
        const [x, y] = [((at % SIZE) + 0.5) / SIZE, (Math.floor(at / SIZE) + 0.5) / SIZE];
        return colorAt(x, y, time / (scene.frames - 1), scene);
      }).flat(),
    ),
  );
  const all = {
    ...datasetFromPixels({ name: "moving shapes", pixels, channels: 3, width: SIZE, height: SIZE }),
    clips: {
      clip: Uint32Array.from(frames, ({ clip }) => clip),
      time: Uint32Array.from(frames, ({ time }) => time),
    },
  };
  const part = (name: string, isIn: (clip: number) => boolean) =>
    subset(
      all,
      frames.flatMap(({ clip }, frame) => (isIn(clip) ? [frame] : [])),
      name,
    );
  return {
    train: part("moving shapes", (clip) => clip < CLIPS.train),
    test: part("moving shapes (test)", (clip) => clip >= CLIPS.train),
  };
}
