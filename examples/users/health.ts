/** Can this process serve? Asked several times a second by every balancer, so an answer is used for a while. */

/** Milliseconds. */
const limitMs = 1_000;
const freshMs = 500;

/** `check` gets its time limit; `now` is a clock in milliseconds that never goes back. */
export function createHealth(
  check: (limitMs: number) => Promise<boolean>,
  now: () => number = () => performance.now(),
): () => Promise<boolean> {
  let healthy: Promise<boolean> = Promise.resolve(false);
  let running = false;
  let finishedAtMs = Number.NEGATIVE_INFINITY;
  return () => {
    if (running || now() - finishedAtMs < freshMs) return healthy;
    running = true;
    healthy = check(limitMs).finally(() => {
      running = false;
      finishedAtMs = now();
    });
    return healthy;
  };
}
