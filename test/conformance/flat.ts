/** The corpus as lines of tab-separated fields, texts in base64: for the client whose language reads no JSON. */
import type { Script, Step } from './step.ts';

const base64 = (text: string): string => Buffer.from(text).toString('base64');

export function flat(scripts: readonly Script[]): string {
  const lines = scripts.flatMap(({ steps, shared }, index) => [
    ['S', index, shared ? 1 : 0].join('\t'),
    ...steps.map((step, at) =>
      ['T', at, step.kind, ('on' in step ? step.on : undefined) ?? 'a', ...fields(step)].join('\t'),
    ),
  ]);
  return `${lines.join('\n')}\n`;
}

function fields(step: Step): readonly (string | number)[] {
  switch (step.kind) {
    case 'query':
      return [base64(step.sql)];
    case 'load':
      return [base64(step.sql), base64(step.content)];
    case 'useSchema':
      return [base64(step.schema)];
    case 'kill':
      return [base64(step.what), base64(step.target)];
    case 'execute': {
      const executions = step.executions.map((parameters) =>
        parameters.map(({ type, value }) => `${type}:${value === null ? '~' : base64(value)}`).join(','),
      );
      const flags = [step.fetchRows ?? 0, step.longData === true ? 1 : 0, step.bulk === true ? 1 : 0];
      return [base64(step.sql), executions.join('|'), ...flags];
    }
    default:
      return [];
  }
}
