import type { Issue } from '#src/std/errors.ts';
import type { ParsedStack } from './schema.ts';
import type { Spec } from './spec.ts';

/** One thing that must hold across keys of the stack file. */
export interface Rule {
  /**
   * Keys that it reads; `*` stands for any host. Where the file is wrong there already, the rule stays silent instead
   * of judging a stand-in.
   */
  readonly reads: readonly string[];
  /** `parsed` is what the user wrote with defaults, `spec` what follows from it. */
  readonly check: (parsed: ParsedStack, spec: Spec) => readonly Issue[];
}
