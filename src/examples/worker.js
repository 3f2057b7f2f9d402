/** The worker of worker.html. Import maps do not reach into workers, so it names the file; with a bundler it is "webgpu-simclr". */
import { datasetFromPixels, encodeEncoder, openDevice, Trainer } from "../../dist/webgpu-simclr.min.js";

const stop = new AbortController();

self.addEventListener("message", async ({ data }) => {
  if (data === "stop") {
    stop.abort();
    return;
  }
  const { pixels, size } = data;
  const images = datasetFromPixels({ pixels, channels: 3, width: size, height: size });
  const device = await openDevice();
  const trainer = await Trainer.create(device, images, { width: 0.25, batch: 64, epochs: 10 });
  const { steps } = trainer;
  await trainer.train({ signal: stop.signal, onStep: ({ step, loss }) => self.postMessage({ step, steps, loss }) });
  const encoder = await encodeEncoder(trainer.model, trainer.config, trainer.step);
  self.postMessage({ step: trainer.step, steps, encoder }, [encoder.buffer]);
  device.close();
});
