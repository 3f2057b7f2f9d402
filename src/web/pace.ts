/** Says when something is due again that may take no more than a part of the time. */
export class Pace {
  #next = 0;

  /**
   * @param share it takes no more of the time than one part in so many
   * @param pause milliseconds between two at least
   */
  constructor(
    readonly share: number,
    readonly pause: number,
  ) {}

  get isDue(): boolean {
    return performance.now() >= this.#next;
  }

  /** Does it, and measures how long it takes. */
  async run<Result>(work: () => Promise<Result>): Promise<Result> {
    const begin = performance.now();
    try {
      return await work();
    } finally {
      const now = performance.now();
      this.#next = now + Math.max(this.pause, this.share * (now - begin));
    }
  }

  /** Due at once. */
  hurry(): void {
    this.#next = 0;
  }

  /** Not before its pause is over. */
  wait(): void {
    this.#next = performance.now() + this.pause;
  }
}
