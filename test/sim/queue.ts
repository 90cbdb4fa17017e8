/** The future: a binary heap of things to run, by time and then by order of scheduling. */
interface Entry {
  readonly time: number;
  readonly order: number;
  readonly run: () => void;
}

export class Queue {
  now = 0;
  private order = 0;
  private readonly heap: Entry[] = [];

  after(delayMs: number, run: () => void): void {
    const entry: Entry = { time: this.now + delayMs, order: this.order++, run };
    const heap = this.heap;
    let index = heap.length;
    heap.push(entry);
    while (index > 0) {
      const parentIndex = (index - 1) >> 1;
      const parent = heap[parentIndex] as Entry;
      if (parent.time < entry.time || (parent.time === entry.time && parent.order < entry.order)) break;
      heap[index] = parent;
      index = parentIndex;
    }
    heap[index] = entry;
  }

  /** Runs the next thing, unless it lies beyond `limit`; whether it did. */
  step(limit: number): boolean {
    const heap = this.heap;
    const top = heap[0];
    if (top === undefined || top.time > limit) return false;
    const last = heap.pop() as Entry;
    if (heap.length > 0) this.sink(last);
    this.now = top.time;
    top.run();
    return true;
  }

  private sink(entry: Entry): void {
    const heap = this.heap;
    const size = heap.length;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= size) break;
      const right = heap[child + 1];
      let smaller = heap[child] as Entry;
      if (right !== undefined && before(right, smaller)) {
        child++;
        smaller = right;
      }
      if (!before(smaller, entry)) break;
      heap[index] = smaller;
      index = child;
    }
    heap[index] = entry;
  }
}

function before(a: Entry, b: Entry): boolean {
  return a.time < b.time || (a.time === b.time && a.order < b.order);
}
