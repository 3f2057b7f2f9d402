import { SimclrError } from "../errors.js";
import { systemErrorCode } from "../io/atomic.js";
import { Command } from "../vendor/commander.js";
import { VERSION } from "../version.js";
import { addClusterCommand } from "./cluster.js";
import { addCompareCommand } from "./compare.js";
import { addDedupeCommand } from "./dedupe.js";
import { addDemoCommand } from "./demo.js";
import { addDoctorCommand } from "./doctor.js";
import { addEmbedCommand } from "./embed.js";
import { addEvalCommand } from "./eval.js";
import { addExperimentCommand } from "./experiment.js";
import { addExportCommand } from "./export.js";
import { addFinetuneCommand } from "./finetune.js";
import { addCacheCommand } from "./image-cache.js";
import { addKernelsCommand } from "./kernels.js";
import { addListCommand } from "./list.js";
import { addMapCommand } from "./map.js";
import { setOutput } from "./output.js";
import { addPageCommand } from "./page.js";
import { addPropagateCommand } from "./propagate.js";
import { addResumeCommand } from "./resume.js";
import { addSearchCommand } from "./search.js";
import { addSelectCommand } from "./select.js";
import { addTrainCommand } from "./train.js";
import { addTuneCommand } from "./tune.js";

const program = new Command("simclr")
  .description("Self-supervised learning on images (SimCLR) on WebGPU.")
  .version(VERSION)
  .showHelpAfterError("(see --help)")
  .hook("preAction", (_, command) => setOutput(command.opts()));
for (const add of [
  addTrainCommand,
  addResumeCommand,
  addFinetuneCommand,
  addListCommand,
  addCompareCommand,
  addEvalCommand,
  addEmbedCommand,
  addSearchCommand,
  addDedupeCommand,
  addClusterCommand,
  addPropagateCommand,
  addSelectCommand,
  addMapCommand,
  addExportCommand,
  addExperimentCommand,
  addTuneCommand,
  addDoctorCommand,
  addDemoCommand,
  addKernelsCommand,
  addCacheCommand,
  addPageCommand,
])
  add(program);

// Who reads the output may stop (`| head -3`), and the terminal may close: what is computed goes on, and is saved.
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error) => {
    if (!["EPIPE", "EIO"].includes(systemErrorCode(error) ?? "")) throw error;
  });
}

try {
  await program.parseAsync();
} catch (error) {
  // Our own errors say what to do; anything else is a defect, and its stack says where.
  console.error(error instanceof SimclrError ? `error: ${error.message}` : error);
  process.exitCode = 1;
}
