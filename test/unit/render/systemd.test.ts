/** What a unit's reload comes to, with the shell that runs it. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { expect, it } from 'vitest';
import { hostServices } from '#src/render/host-services.ts';
import { unitText } from '#src/render/systemd.ts';
import { fixedMaterial } from '#test/fixtures/material.ts';
import { hostNamed, referenceSpec } from '#test/fixtures/spec.ts';

/** The script of nginx' reload, as the shell gets it from systemd. */
function reloadScript(): string {
  const spec = referenceSpec();
  const services = hostServices({ spec, host: hostNamed(spec, 'server-1'), material: fixedMaterial(spec) });
  const nginx = services.find(({ name }) => name === 'nginx');
  if (nginx === undefined) throw new Error('server-1 has no nginx');
  const [, quoted = ''] = /^ExecReload=\+\/bin\/sh -c "(.*)"$/m.exec(unitText(nginx)) ?? [];
  return quoted.replaceAll('$$', '$').replaceAll('%%', '%').replaceAll(/\\(.)/g, '$1');
}

/** Exit code and error output of the reload of a main process that does `onHangUp`. */
async function reloaded(
  onHangUp: string,
): Promise<{ readonly code: number | null; readonly stderr: string }> {
  const main = spawn('bash', ['-c', `trap '${onHangUp}' HUP; sleep 60 & echo; while :; do wait; done`], {
    detached: true,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  try {
    await once(main.stdout, 'data');
    // Less patient, for the test's sake.
    const script = `sleep() { command sleep 0.005; }; ${reloadScript()}`;
    const { status, stderr } = spawnSync('/bin/sh', ['-c', script], {
      env: { ...process.env, MAINPID: String(main.pid) },
      encoding: 'utf8',
    });
    return { code: status, stderr };
  } finally {
    process.kill(-(main.pid as number), 'SIGKILL');
  }
}

it('is done with a new worker, and fails without one', async () => {
  expect(await reloaded('sleep 60 &')).toEqual({ code: 0, stderr: '' });
  const { code, stderr } = await reloaded(':');
  expect(code).toBe(1);
  expect(stderr).toMatch(/no new worker/);
});
