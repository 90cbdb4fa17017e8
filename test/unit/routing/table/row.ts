/** The table of statements: one line each, grouped by what is expected of them. */
import type { Effect } from '#src/routing/effect.ts';
import type { Reason } from '#src/routing/reason.ts';
import type { Statement, StatementClass, Target } from '#src/routing/statement.ts';

export interface Row {
  readonly sql: string;
  readonly class: StatementClass;
  readonly target: Target;
  readonly reason: Reason;
  readonly commit: boolean;
  readonly resend: boolean;
  /** Effects in short form, as `short` writes them. */
  readonly effects: string;
}

export interface Group {
  readonly class: StatementClass;
  readonly target: Target;
  readonly reason: Reason;
  readonly commit?: boolean;
  readonly resend?: boolean;
  readonly effects?: string;
}

/** One row for each line; `⇒` separates a statement from its effects. `⏎` stands for a line feed. */
export function rows(group: Group, lines: string): Row[] {
  return lines
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .map((line) => {
      const [sql = '', effects] = line.split(' ⇒ ');
      return {
        commit: false,
        resend: true,
        ...group,
        sql: sql.replaceAll('⏎', '\n'),
        effects: effects?.trim() ?? group.effects ?? '',
      };
    });
}

function shortEffect(effect: Effect): string {
  switch (effect.kind) {
    case 'set':
      return `${effect.variable}=${effect.value}`;
    case 'names':
      return `names(${effect.charset}): ${effect.value}`;
    case 'evaluate':
      return `evaluate ${effect.variables.join(' ')}`;
    case 'use':
      return `use ${effect.schema}`;
    case 'role':
      return `role ${effect.value}`;
    case 'pin':
      return effect.name === '' ? `pin ${effect.pin}` : `pin ${effect.pin} ${effect.name}`;
    case 'unpin':
      return effect.name === undefined ? `unpin ${effect.pin} *` : `unpin ${effect.pin} ${effect.name}`;
    case 'begin':
      return `begin${effect.readOnly === undefined ? '' : effect.readOnly ? ' ro' : ' rw'}${effect.snapshot ? ' snapshot' : ''}`;
    case 'end':
      return `end${effect.chain ? ' chain' : ''}${effect.release ? ' release' : ''}`;
    case 'kill':
      return `kill ${effect.id}${effect.query ? ' query' : ''}`;
    case 'rename tables':
      return effect.kind;
  }
}

/** The effects of a statement as the table writes them, and whether it calls routines. */
export function short(statement: Statement): string {
  const effects = statement.effects.map(shortEffect);
  return [...effects, ...(statement.routines.length > 0 ? ['routines'] : [])].join('; ');
}
