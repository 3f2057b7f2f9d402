/** An engine for the tests of the benchmark, which computes nothing: `node fake-engine.js <what it does wrong>`. */
import { writeFileSync } from "node:fs";
import { createInterface } from "node:readline";

const fault = process.argv[2];
const say = (answer: object) => console.log(JSON.stringify(answer));
const chance = Math.log(2 * 4 - 1);

say({ ready: `fake, ${fault}`, adapter: "none" });
for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line);
  if ("run" in request) {
    if (fault === "dies") {
      console.error("a warning\nError: out of luck");
      process.exit(3);
    }
    say(
      fault === "fails"
        ? { error: "no more" }
        : { milliseconds: 1, loss: fault === "zero" ? 0 : chance, dispatches: 1 },
    );
    continue;
  }
  if (fault === "silent") continue;
  const updates = fault === "lazy" ? [0.5, 0] : [0.5, 0.25];
  const product = fault === "wrong" ? [19, 22, 43, 51] : fault === "nan" ? [19, 22, Number.NaN, 50] : [19, 22, 43, 50];
  writeFileSync(request.result, new Uint8Array(Float32Array.from(product).buffer));
  console.log("validation:\nthe GPU's own message");
  const findings = request.prepare.kind === "step" ? { loss: chance, updates } : {};
  say({ milliseconds: 5, deviceBytes: 64, findings });
}
