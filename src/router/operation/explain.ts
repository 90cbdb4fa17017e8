/** Where a statement would go if a new session sent it now, and why; nothing is sent. */
import { type Reason, reasons } from '#src/routing/reason.ts';
import type { StatementClass } from '#src/routing/statement.ts';
import type { Router } from '../router.ts';
import { RoutedSession } from '../session/routed-session.ts';
import type { Slot } from '../session/routes.ts';

export interface Explained {
  readonly class: StatementClass;
  readonly slot: Slot;
  /** Null while no primary is known: it would be held. */
  readonly member: string | null;
  readonly reason: string;
  /** The reason as a sentence. */
  readonly because: string;
  /** What a read must see: the stack's, or what the statement's own hint says. */
  readonly consistency: string;
  /** On the replica it first waits until this position is applied there, at most so long; null: no wait. */
  readonly waitFor: { readonly position: string; readonly ms: number } | null;
  readonly fingerprint: string;
}

export interface Question {
  readonly sql: string;
  readonly schema?: string | undefined;
  /** Whose session it is; the first account when left out. What its sessions wrote counts for consistency `host`. */
  readonly user?: string | undefined;
}

const utf8mb4 = 45;

/** Undefined: there is no such account. */
export async function explain(
  router: Router,
  { sql, schema, user }: Question,
): Promise<Explained | undefined> {
  const { shared, config, accounts } = router;
  const account = user === undefined ? config.accounts[0] : accounts.get(user);
  if (account === undefined) return undefined;
  const session = new RoutedSession(shared, { account, collation: utf8mb4, capabilities: 0 }, schema);
  const bytes = Buffer.from(sql);
  const routed = session.analyse(bytes, true);
  const beganMs = performance.now();
  let choice = session.choose(routed, beganMs);
  if (choice.sampleFirst) {
    await router.askPrimary();
    choice = session.choose(routed, beganMs);
  }
  const { hints } = routed.statement;
  const hinted = hints.consistency ?? (hints.target === 'replica' ? 'eventual' : undefined);
  return {
    class: routed.class,
    slot: choice.slot,
    member: choice.member ?? router.topology.view.primary?.name ?? null,
    reason: choice.reason,
    because: reasons[choice.reason as Reason] ?? choice.reason,
    consistency: hinted ?? config.consistency,
    waitFor: choice.waitFor === undefined ? null : { position: choice.waitFor, ms: choice.waitMs },
    fingerprint: session.fingerprint(bytes),
  };
}
