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

/** `statements`: different ones of each script; `distinct`: different texts of all. */
export interface CorpusSize {
  readonly scripts: number;
  readonly statements: number;
  readonly distinct: number;
  readonly steps: number;
}

export function sizeOf(scripts: readonly Script[]): CorpusSize {
  const steps = scripts.flatMap((script) => script.steps).filter((step) => step.kind !== 'settle');
  const textsOf = (script: Script): ReadonlySet<string> =>
    new Set(script.steps.flatMap((step) => ('sql' in step ? [step.sql] : [])));
  const all = scripts.map(textsOf);
  return {
    scripts: scripts.length,
    statements: all.reduce((sum, texts) => sum + texts.size, 0),
    distinct: new Set(all.flatMap((texts) => [...texts])).size,
    steps: steps.length,
  };
}
