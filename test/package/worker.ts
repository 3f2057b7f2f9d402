import {
  datasetFromImages,
  encodeEncoder,
  openDevice,
  type PageImage,
  Trainer,
  type TrainingConfig,
} from "../../src/index.js";

/** What the page asks for. */
export interface Question {
  readonly images: readonly PageImage[];
  readonly imageSize: number;
  readonly config: Partial<TrainingConfig>;
}
/** What it gets: each step, and in the end the encoder as a file, for `decodeEncoder`. */
export type Answer = { readonly step: number; readonly loss: number } | { readonly encoder: Uint8Array };

async function train({ images, imageSize, config }: Question): Promise<void> {
  const device = await openDevice();
  const trainer = await Trainer.create(device, await datasetFromImages(images, { imageSize }), config);
  await trainer.train({ onStep: ({ step, loss }) => answer({ step, loss }) });
  answer({ encoder: await encodeEncoder(trainer.model, trainer.config, trainer.step) });
  device.close();
}

const answer = (message: Answer) => postMessage(message);
// Errors are events of the worker, as if they had been thrown at once.
addEventListener("message", ({ data }: MessageEvent<Question>) => train(data).catch(reportError));
