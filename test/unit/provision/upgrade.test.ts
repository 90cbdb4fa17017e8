/** What is to be upgraded, as found by the script that runs on every host; here with an `apt-cache` of the test's. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { runCommand } from '#src/provision/lab/command.ts';
import { lookAtHost } from '#src/provision/upgrade/look.ts';
import { haproxyService } from '#src/render/haproxy.ts';
import { nginxService } from '#src/render/nginx.ts';
import { fixedMaterial } from '#test/fixtures/material.ts';
import { hostNamed, referenceSpec } from '#test/fixtures/spec.ts';
import { waitFor } from '#test/support/wait.ts';

const root = mkdtempSync(join(tmpdir(), 'tandem-upgrade-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const policy = `haproxy:
  Installed: 2.6.12-1+deb12u2
  Candidate: 2.6.12-1+deb12u3
  Version table:
nginx-light:
  Installed: 1.22.1-9
  Candidate: 1.22.1-9
absent:
  Installed: (none)
  Candidate: 1.0
`;

it('names packages with a newer version, and services whose program was replaced', async () => {
  writeFileSync(join(root, 'apt-cache'), `#!/bin/sh\ncat <<'END'\n${policy}END\n`, { mode: 0o755 });
  const program = join(root, 'a program');
  copyFileSync('/bin/sleep', program);
  const [stale, fresh] = [spawn(program, ['60']), spawn('/bin/sleep', ['60'])];
  try {
    await Promise.all([once(stale, 'spawn'), once(fresh, 'spawn')]);
    rmSync(program);
    const spec = referenceSpec();
    const host = { ...hostNamed(spec, 'lb-1'), ssh: 'root@lb-1' };
    const context = { spec, host, material: fixedMaterial(spec) };
    const driver = {
      services: () =>
        Promise.resolve([
          { name: 'haproxy', pid: stale.pid },
          { name: 'nginx', pid: fresh.pid },
          { name: 'firewall', pid: null },
        ]),
      run: (command: readonly string[]) =>
        runCommand(['env', `PATH=${root}:${process.env['PATH']}`, ...command]),
    } as never;
    const look = await waitFor(
      'the program to be started',
      async () => {
        const seen = await lookAtHost(host, driver, [haproxyService(context), nginxService(context)]);
        return seen.stale.length > 0 && seen;
      },
      10_000,
    );
    expect(look.packages).toEqual([{ name: 'haproxy', from: '2.6.12-1+deb12u2', to: '2.6.12-1+deb12u3' }]);
    expect(look.affected).toEqual(['haproxy']);
    expect(look.stale).toEqual([{ service: 'haproxy', path: program }]);
    // A lab's hosts have no packages of their own.
    const inLab = await lookAtHost({ ...host, ssh: undefined }, driver, [haproxyService(context)]);
    expect(inLab.packages).toEqual([]);
    expect(inLab.stale).toHaveLength(1);
  } finally {
    stale.kill('SIGKILL');
    fresh.kill('SIGKILL');
  }
});
