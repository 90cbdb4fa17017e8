/** One of the routers that serve a host's clients, as the main process sees it: in its own process or in another. */
import type { Socket } from 'node:net';
import type { DrainTimes } from '../drain.ts';
import type { Asked, LastWords } from './messages.ts';

export interface RouterWorker {
  readonly slot: number;
  /** Connections of clients that it was given and that have not ended. */
  readonly clients: number;
  /** Takes no more clients. */
  readonly draining: boolean;
  /** Connections to a member that it may have; while it drains: that it still has. */
  readonly held: number;
  accept(socket: Socket, local: boolean): void;
  /** Rejects when it ends before it has answered. */
  ask<K extends keyof Asked>(what: K, question: Asked[K]['question']): Promise<Asked[K]['answer']>;
  limit(connections: number): void;
  /** Ends its sessions as they become stateless, all that are left at the end of its time, and then itself. */
  drain(times: DrainTimes): Promise<LastWords>;
  /** Ends it at once. */
  close(): void;
}
