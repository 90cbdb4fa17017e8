/** Rules tried by Prometheus' own tool, on series of the test's own. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';

export interface RuleTest {
  /** What goes into a rule file. */
  readonly rules: object;
  /** What goes into a file for `promtool test rules`, without the name of the rule file. */
  readonly tests: object;
}

/** Empty when promtool finds nothing wrong, otherwise what it printed. One run for all: most of its time is its start. */
export function testRules(all: readonly RuleTest[]): string {
  const directory = mkdtempSync(join(tmpdir(), 'tandem-promtool-'));
  const write = (name: string, content: object) =>
    writeFileSync(join(directory, name), stringify(content, { aliasDuplicateObjects: false }));
  try {
    const files = all.map(({ rules, tests }, index) => {
      write(`rules-${index}.yml`, rules);
      write(`tests-${index}.yml`, { rule_files: [`rules-${index}.yml`], ...tests });
      return `tests-${index}.yml`;
    });
    const { status, stdout, stderr, error } = spawnSync('promtool', ['test', 'rules', ...files], {
      cwd: directory,
      encoding: 'utf8',
    });
    if (error !== undefined) throw error;
    return status === 0 ? '' : `${stdout}${stderr}`;
  } finally {
    rmSync(directory, { recursive: true });
  }
}
