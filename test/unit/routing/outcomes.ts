/** Responses of servers, as `step` gets them. */
import type { Outcome } from '#src/routing/session.ts';

/** Autocommit, no transaction. */
export const idle = 0x0002;
export const inTransaction = 0x0003;
export const inReadOnly = 0x2003;

/** An OK of the primary `db1` in epoch 1, with what the test says otherwise. */
export function answered(outcome: Partial<Outcome> = {}): Outcome {
  return {
    ok: true,
    errno: undefined,
    status: idle,
    warnings: 0,
    insertId: false,
    member: 'db1',
    role: 'primary',
    epoch: 1,
    position: undefined,
    variables: new Map(),
    schema: undefined,
    endedMs: 0,
    ...outcome,
  };
}

export function failed(outcome: Partial<Outcome> = {}): Outcome {
  return answered({ ok: false, errno: 1105, status: undefined, ...outcome });
}
