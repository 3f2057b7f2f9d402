import { exportEncoder } from "../runs/export.js";
import type { Command } from "../vendor/commander.js";
import { listed } from "../wording.js";
import { number } from "./numbers.js";
import { addOutputOptions, answer, say, tell } from "./output.js";
import { withDevice } from "./session.js";

interface ExportCommandOptions {
  readonly onnx?: boolean;
  readonly head?: boolean;
  readonly withPreprocessing?: boolean;
  readonly license?: string;
  readonly imageSize?: number;
  readonly out?: string;
}

/** `simclr export <encoder>` */
export function addExportCommand(program: Command): void {
  addOutputOptions(program.command("export"))
    .description(
      "write a folder to give away, as on Hugging Face's Hub: encoder.safetensors, a model card, and with --onnx what ONNX runtimes and transformers.js load",
    )
    .argument("<encoder>", "a run's folder, an encoder.safetensors, or a ResNet of torchvision's names as safetensors")
    .option("--onnx", "with an ONNX file, compared with the encoder's own output where onnxruntime-node is installed")
    .option("--head", "the ONNX file: with the run's projection head, or its classifier")
    .option("--with-preprocessing", "the ONNX file: takes pixels from 0 to 255, and scales and normalises them itself")
    .option("--license <id>", "of the weights, as cc-by-4.0 (default: what the run says)")
    .option("--image-size <pixels>", "of the images, for an encoder's file that does not say it", number)
    .option(
      "--out <path>",
      "a folder, or a file that ends in .onnx, and nothing else (default: export beside the encoder)",
    )
    .action((path: string, options: ExportCommandOptions) =>
      withDevice(async (device) => {
        const { files, check, leftOut } = await exportEncoder(device, path, options);
        for (const file of files) tell(`wrote    ${file}`);
        if (leftOut.length > 0) say(`left out ${listed(leftOut, 4)}: no part of the encoder`);
        if (check) {
          const { images, largestDifference, largestValue } = check;
          say(
            `checked  by onnxruntime-node on ${images} made-up images: outputs differ by at most ${largestDifference.toExponential(1)}, the largest being ${largestValue.toPrecision(3)}`,
          );
        } else if (files.some((file) => file.endsWith(".onnx"))) {
          say(
            "         not compared with the encoder's own output: that takes the package onnxruntime-node (npm install onnxruntime-node)",
          );
        }
        answer({ files, check, leftOut });
      }),
    );
}
