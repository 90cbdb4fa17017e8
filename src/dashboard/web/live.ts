/** What the page knows, and how its parts hear of a change. */
import { useEffect, useState } from 'preact/hooks';
import type { Note, Session, StackState } from '../api/schemas.ts';

export interface Live {
  readonly session: Session;
  readonly state: StackState;
  readonly isLive: boolean;
  /** The latest first, a few. */
  readonly notes: readonly Note[];
}

type Listener = () => void;

/** One value and those who want to hear of the next one. */
export class Cell<T> {
  #value: T;
  readonly #listeners = new Set<Listener>();

  constructor(value: T) {
    this.#value = value;
  }

  get value(): T {
    return this.#value;
  }

  set value(value: T) {
    this.#value = value;
    for (const listener of this.#listeners) listener();
  }

  listen(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

export function useCell<T>(cell: Cell<T>): T {
  const [, again] = useState(0);
  useEffect(() => cell.listen(() => again((count) => count + 1)), [cell]);
  return cell.value;
}
