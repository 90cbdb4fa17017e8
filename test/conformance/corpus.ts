/** The whole corpus. */
import { featureScripts } from './corpus/features.ts';
import { functionScripts } from './corpus/functions.ts';
import { messageScripts } from './corpus/messages.ts';
import { routineScripts } from './corpus/routines.ts';
import { sessionScripts } from './corpus/session.ts';
import { statementScripts } from './corpus/statements.ts';
import { transactionScripts } from './corpus/transactions.ts';
import { typeScripts } from './corpus/types.ts';
import type { Script } from './step.ts';

export const corpus: readonly Script[] = [
  ...typeScripts,
  ...statementScripts,
  ...sessionScripts,
  ...transactionScripts,
  ...routineScripts,
  ...messageScripts,
  ...featureScripts,
  ...functionScripts,
];

/** Texts that differ from each other, and steps. */
export function sizeOf(scripts: readonly Script[]): { scripts: number; statements: number; steps: number } {
  const steps = scripts.flatMap((script) => script.steps).filter((step) => step.kind !== 'settle');
  const texts = new Set(
    scripts.flatMap(({ name, steps: own }) =>
      own.map((step) => ('sql' in step ? `${name}\0${step.kind}\0${step.sql}` : '')),
    ),
  );
  return { scripts: scripts.length, statements: texts.size - (texts.has('') ? 1 : 0), steps: steps.length };
}
