/** Every statement of the table. */
import { primaryReads } from './primary-reads.ts';
import { reads } from './reads.ts';
import { functionReads, readOnlyBegins, refusedReads } from './reads-functions.ts';
import type { Row } from './row.ts';
import { notUnderstood, replayable, sessionState } from './session.ts';
import { writes } from './writes.ts';

export const table: readonly Row[] = [
  ...reads,
  ...functionReads,
  ...refusedReads,
  ...readOnlyBegins,
  ...primaryReads,
  ...writes,
  ...replayable,
  ...sessionState,
  ...notUnderstood,
];
