/** Enough to keep a decoder's threads busy, few enough to hold only a few encoded images at a time. */
const LIMIT = 16;

/** Runs `task(0)` to `task(count - 1)`, up to `limit` at a time; after the first that rejects no more are started. */
export async function forEachConcurrently(
  count: number,
  task: (index: number) => Promise<void>,
  limit = LIMIT,
): Promise<void> {
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < count) {
      const index = next++;
      try {
        await task(index);
      } catch (error) {
        next = count;
        throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, count) }, work));
}
