import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Failed, Prepared, PrepareRequest, Ready, RunRequest, Timed } from "./task.js";

/** Slower than this is as good as never. */
const ANSWER_LIMIT = 10 * 60 * 1000;

/** The parent's side of an engine: a process that is asked one thing at a time. */
export class EngineProcess {
  readonly #child: ChildProcess;
  readonly #end: Promise<Failed>;
  readonly #lines: AsyncIterator<string>;
  readonly #errors: string[] = [];

  constructor(
    [program, ...words]: readonly string[],
    readonly answerLimit = ANSWER_LIMIT,
  ) {
    // Without the shader cache, the first run compiles in every run of the benchmark, not in the first one only.
    const env = { ...process.env, MESA_SHADER_CACHE_DISABLE: "true" };
    const child = spawn(program, words, { env, stdio: ["pipe", "pipe", "pipe"] });
    this.#child = child;
    // A process that has ended is told of below; what was still being written to it does not matter.
    child.stdin.on("error", () => {});
    child.stderr.on("data", (data) => {
      this.#errors.push(String(data));
    });
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    this.#end = once(child, "close").then(
      ([code, signal]) => ({ error: `the process ended (${signal ?? `exit code ${code}`})${this.#lastWords()}` }),
      (cause: unknown) => ({ error: `${program} did not start: ${String(cause)}` }),
    );
  }

  #lastWords(): string {
    const lines = this.#errors.join("").trim().split("\n");
    const line = lines.findLast((text) => /error/i.test(text)) ?? lines.at(-1) ?? "";
    return line === "" ? "" : `: ${line.trim()}`;
  }

  /** The first line: who it is. */
  ready(): Promise<Ready | Failed> {
    return this.#answer();
  }

  /** Makes a task ready and runs it once. */
  prepare(request: PrepareRequest): Promise<Prepared | Failed> {
    return this.#ask(request);
  }

  /** Runs the task once more. */
  run(request: RunRequest): Promise<Timed | Failed> {
    return this.#ask(request);
  }

  #ask<Answer>(request: object): Promise<Answer | Failed> {
    this.#child.stdin?.write(`${JSON.stringify(request)}\n`);
    return this.#answer();
  }

  async #answer<Answer>(): Promise<Answer | Failed> {
    const timer = setTimeout(() => {
      this.#errors.push(`\nerror: no answer within ${this.answerLimit / 1000} s`);
      this.stop();
    }, this.answerLimit);
    try {
      while (true) {
        const { done, value } = await this.#lines.next();
        if (done) return await this.#end;
        // npm `webgpu` itself writes the GPU's errors to stdout, between the answers.
        if (value.startsWith("{")) return JSON.parse(value);
        this.#errors.push(`${value}\n`);
      }
    } finally {
      clearTimeout(timer);
    }
  }

  /** Ends the process. */
  stop(): void {
    this.#child.kill("SIGKILL");
  }
}
