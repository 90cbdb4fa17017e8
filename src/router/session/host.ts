/** What a session needs of the router that it lives in. */
import type { RouterAccount, RouterConfig } from '../config.ts';
import type { Observer } from '../operation/observer.ts';
import type { LoginKey } from '../servers/login.ts';
import type { PoolSource } from './connections.ts';
import type { PreparedBudget } from './prepared.ts';
import type { SessionRoutes } from './routes.ts';
import type { Session, SessionClient } from './session.ts';

export interface RouterLog {
  readonly info: (text: string) => void;
  readonly warn: (text: string) => void;
}

export interface SessionHost extends PoolSource {
  readonly config: RouterConfig;
  readonly log: RouterLog;
  /** Counts what becomes of statements. */
  readonly observer: Observer;
  readonly accounts: ReadonlyMap<string, RouterAccount>;
  readonly preparedBudget: PreparedBudget;
  /** Wall clock of some tenths of a second ago at most. */
  readonly nowMs: number;
  newRoutes(client: SessionClient, schema: string | undefined): SessionRoutes;
  loginKey(client: SessionClient): LoginKey;
  /** A statement of so many bytes waits; false when there is no room. `letGo` when it waits no longer. */
  hold(bytes: number): boolean;
  letGo(bytes: number): void;
  /**
   * KILL by the id of the router's own greeting; undefined when the id isn't one of them. Resolves to the error for the
   * one who asked, or to `null`.
   */
  kill(by: Session, id: number, queryOnly: boolean): Promise<KillResult> | undefined;
  /** Asks the primary for its position; resolves when it has answered, or could not. */
  askPrimary(): Promise<void>;
  /** A replica was waited for until it had the position. */
  reached(member: string, position: string, tookMs: number): void;
  notReached(member: string): void;
  /** The newest epoch whose transactions the replica has; 0 when that isn't known. */
  historyEpochOf(member: string): number;
  /** Whether a write is to be told to others (`SessionRoutes.acknowledging`) before its client hears of it. */
  readonly publishes: boolean;
  ended(session: Session): void;
}

export type KillResult = {
  readonly errno: number;
  readonly sqlState: string;
  readonly message: string;
} | null;
