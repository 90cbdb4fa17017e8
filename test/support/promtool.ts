/** Rules tried by Prometheus' own tool, on series of the test's own. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';

/** Empty when promtool finds nothing wrong, otherwise what it printed. `tests`: a file for `promtool test rules`. */
export function testRules(rules: object, tests: object): string {
  const directory = mkdtempSync(join(tmpdir(), 'tandem-promtool-'));
  try {
    writeFileSync(join(directory, 'rules.yml'), stringify(rules, { aliasDuplicateObjects: false }));
    const all = { rule_files: ['rules.yml'], ...tests };
    writeFileSync(join(directory, 'tests.yml'), stringify(all, { aliasDuplicateObjects: false }));
    const { status, stdout, stderr, error } = spawnSync('promtool', ['test', 'rules', 'tests.yml'], {
      cwd: directory,
      encoding: 'utf8',
    });
    if (error !== undefined) throw error;
    return status === 0 ? '' : `${stdout}${stderr}`;
  } finally {
    rmSync(directory, { recursive: true });
  }
}
