/**
 * A point of an issue's "Must show", as code: the test suite runs it at a small count, `npm run prove -- ID` at its
 * full count with the evidence written to docs/evidence/. Both run the same assertions.
 */
import type { StackFile } from '#src/spec/schema.ts';
import { Lab, referenceStack } from '#test/support/lab.ts';

/** What was seen: numbers, tables; goes into the evidence file as it is. */
export type Evidence = Readonly<Record<string, unknown>>;

export interface PointContext<Counts> {
  readonly counts: Counts;
  /**
   * The time that something may take, of its goal in milliseconds: the goal itself at full counts; more in the suite,
   * where other work shares the machine and a time over the goal is no fault.
   */
  readonly atMost: (goalMs: number) => number;
  /** Progress for the person who watches a long run. */
  readonly log: (line: string) => void;
}

/** How much longer than its goal something may take in the suite. */
const looseFactor = 4;

export function contextOf<Counts>(
  point: PointBase<Counts>,
  size: 'small' | 'full',
  log: (line: string) => void,
): PointContext<Counts> {
  const atMost = (goalMs: number) => (size === 'full' ? goalMs : looseFactor * goalMs);
  return { counts: point[size], atMost, log };
}

/** Name and network that a point may use for a lab of its own. */
export interface Place {
  readonly name: string;
  readonly subnet: string;
}

interface PointBase<Counts> {
  readonly id: string;
  readonly title: string;
  /** False for what has no place in the time that `npm test` has: shown by `npm run prove` alone, `--small` too. */
  readonly inSuite?: boolean;
  /** Counts within `npm test`, and the full ones. */
  readonly small: Counts;
  readonly full: Counts;
}

/** Runs against a healthy reference stack and leaves it healthy and as it was. */
export interface LabPoint<Counts> extends PointBase<Counts> {
  readonly kind: 'lab';
  run(lab: Lab, context: PointContext<Counts>): Promise<Evidence>;
}

/** Brings labs of its own up and takes them down. */
export interface OwnPoint<Counts> extends PointBase<Counts> {
  readonly kind: 'own';
  run(place: Place, context: PointContext<Counts>): Promise<Evidence>;
}

export type Point<Counts> = LabPoint<Counts> | OwnPoint<Counts>;

/** Runs with a reference stack of the caller's name and subnet, taken down whatever happens. */
export async function withLab<T>(
  { name, subnet }: Place,
  work: (lab: Lab) => Promise<T>,
  change: (stack: StackFile) => StackFile = (stack) => stack,
): Promise<T> {
  const lab = await Lab.up(change(referenceStack(name, subnet)));
  let result: T;
  try {
    result = await work(lab);
  } catch (error) {
    // What failed first is what is worth reading.
    await lab.close().catch(() => undefined);
    throw error;
  }
  await lab.close();
  return result;
}

export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((left, right) => left - right);
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

export function summary(values: readonly number[]): Record<'min' | 'median' | 'p95' | 'max', number> {
  const round = (value: number) => Math.round(value * 10) / 10;
  return {
    min: round(Math.min(...values)),
    median: round(percentile(values, 0.5)),
    p95: round(percentile(values, 0.95)),
    max: round(Math.max(...values)),
  };
}
