/** The worker of the page: everything that takes long happens here, one thing after the other. */
import { type Device, openDevice } from "../engine/device.js";
import { AdapterError, DataError, DeviceLostError, GpuValidationError, SimclrError } from "../errors.js";
import { ENCODERS } from "../training/config.js";
import { methodTexts } from "./describe.js";
import { Keep } from "./keep.js";
import type { FromWorker, ToWorker } from "./messages.js";
import { Studio } from "./studio.js";

const SAMPLES = "samples.tar.gz";
const LAST_COUNTS: readonly ToWorker["kind"][] = ["neighbours", "settings", "views"];

function tell(message: FromWorker, transfer: Transferable[] = []): void {
  postMessage(message, { transfer });
}

function trouble(error: unknown): void {
  const lost = error instanceof DeviceLostError || error instanceof GpuValidationError;
  const what = error instanceof AdapterError ? "no-gpu" : lost ? "gpu-lost" : "failed";
  const text = error instanceof Error ? error.message : String(error);
  // What is none of the library's own errors is a defect of the page's, and belongs into the console too.
  if (!(error instanceof SimclrError)) console.error(error);
  tell({ kind: "trouble", what, text });
}

async function answer(studio: Studio, message: ToWorker): Promise<void> {
  switch (message.kind) {
    case "open":
      return studio.open(message, message.imageSize);
    case "samples": {
      const response = await fetch(new URL(SAMPLES, message.at));
      if (!response.ok) throw new DataError(`the sample images are not there (${response.status})`);
      const files = [{ path: SAMPLES, blob: await response.blob() }];
      return studio.open({ files, unread: [] }, message.imageSize, "the samples");
    }
    case "settings":
      return studio.choose(message.settings);
    case "play":
      return studio.play();
    case "pause":
      return studio.pause();
    case "longer":
      return studio.longer();
    case "step":
      return studio.step();
    case "keep":
      return studio.keepTraining();
    case "take":
      return studio.take(message.what);
    case "restart":
      return studio.restart();
    case "neighbours":
      return studio.neighbours(message.image);
    case "views":
      return studio.views(message.images, message.policy, message.draw);
  }
}

/** Where a project is kept; null where the browser keeps nothing, which is said. */
async function keepOrNone(): Promise<Keep | null> {
  try {
    return await Keep.open();
  } catch (error) {
    const isElsewhere = error instanceof Error && error.name === "TimeoutError";
    const why = isElsewhere ? "the page is open in another tab, which keeps its own" : `the browser does not: ${error}`;
    const text = `what is learned in this tab is not kept for the next visit: ${why}`;
    tell({ kind: "trouble", what: "not-kept", text });
    return null;
  }
}

const inbox: ToWorker[] = [];
let arrived = () => {};
// At once: what comes before somebody listens is lost.
addEventListener("message", ({ data }: MessageEvent<ToWorker>) => {
  // Of what is drawn anew each time, only the last one counts.
  const older = LAST_COUNTS.includes(data.kind) ? inbox.findIndex(({ kind }) => kind === data.kind) : -1;
  if (older >= 0) inbox.splice(older, 1);
  inbox.push(data);
  arrived();
});

/** Messages in their order, and turns of the training where there is none. */
async function work(device: Device): Promise<void> {
  const studio = new Studio(device, await keepOrNone(), tell);
  device.gpu.lost.then(({ message }) => trouble(new DeviceLostError(`the GPU was lost: ${message}`)));
  const { name: adapter, software } = device.adapter;
  const { settings } = studio;
  tell({ kind: "ready", adapter, software, methods: methodTexts(), encoders: ENCODERS, settings });
  await studio.begin().catch((error) => {
    trouble(error);
    if (studio.isOpen) studio.halt();
    else tell({ kind: "empty" });
  });
  for (;;) {
    const next = inbox.shift();
    try {
      if (next) await answer(studio, next);
      else if (studio.isBusy) {
        arrived = () => studio.interrupt();
        await studio.turn();
      } else
        await new Promise<void>((resolve) => {
          arrived = resolve;
        });
    } catch (error) {
      studio.halt();
      trouble(error);
    }
  }
}

openDevice().then(work).catch(trouble);
