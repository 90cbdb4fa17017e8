/** The rules and problems as a page for people: docs/failover-rules.md is made from them. */
import { epochProblems, type Problem, serverProblems, storeProblems } from './problems.ts';
import { rules } from './rules.ts';

function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}

function problemRows(problems: readonly Problem[]): string[] {
  return problems.map(({ name, sentence }) => `| ${name} | ${cell(sentence)} |`);
}

/** The page, as Markdown. */
export function describeRules(): string {
  return [
    '# Failover: the rules',
    '',
    'Made from `src/ha/rules.ts`; `vitest run --update=all test/unit/ha` writes it anew. Each agent evaluates the table from',
    'the top at every event; the first rule whose condition holds is taken. Its number and its sentence stand',
    'in the log, in `tandem db history` and in the API. Why the machine has this shape: docs/adr/0304-shape-of-the-machine.md.',
    '',
    '| rule | name | why |',
    '|---|---|---|',
    ...rules.map(({ number, name, comment }) => `| ${number} | ${name} | ${cell(comment)} |`),
    '',
    '## Problems',
    '',
    'Of the store; while one holds, nothing is promoted, demoted, cloned or recorded by anybody:',
    '',
    '| problem | in words |',
    '|---|---|',
    ...problemRows(storeProblems),
    '',
    'Of a member; they stand in its report and withdraw its eligibility:',
    '',
    '| problem | in words |',
    '|---|---|',
    ...problemRows([...serverProblems, ...epochProblems]),
    '',
  ].join('\n');
}
