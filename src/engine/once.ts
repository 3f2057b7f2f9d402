/** Work that is done the first time it is asked for, and not again: a second `dispose` is no mistake. */
export function once(work: () => void): () => void {
  let done = false;
  return () => {
    if (done) return;
    done = true;
    work();
  };
}
