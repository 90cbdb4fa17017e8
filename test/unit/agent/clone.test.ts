/** A copy whose donor goes away in the middle of it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { createLog } from '#src/adapters/log.ts';
import { cloneDatabase } from '#src/agent/database/clone.ts';
import type { DatabaseMember } from '#src/agent/database/member.ts';
import { realMaterial } from '#test/fixtures/material.ts';
import { referenceSpec } from '#test/fixtures/spec.ts';

// An unheard 'error' would end the run as it ends an agent.
it('is refused when the connection is reset, and that is all', async () => {
  const { ca, dashboard } = await realMaterial(referenceSpec());
  const { certificate, key } = dashboard.identity;
  const connections: Socket[] = [];
  const donor = createServer({ cert: certificate, key }, (_, response) => {
    response.flushHeaders();
    setTimeout(() => connections[0]?.resetAndDestroy(), 100);
  });
  donor.on('connection', (socket) => connections.push(socket as Socket));
  await new Promise<void>((resolve) => donor.listen(0, '127.0.0.1', resolve));
  const directory = await mkdtemp(join(tmpdir(), 'tandem-clone-'));
  const member = {
    config: { dataDirectory: join(directory, 'data') },
    log: createLog(() => undefined, 'database'),
    tls: { ca, certificate, key },
    peerPort: (donor.address() as AddressInfo).port,
    killServer: async () => undefined,
  } as unknown as DatabaseMember;
  try {
    await expect(cloneDatabase(member, { name: 'server-1', address: '127.0.0.1' })).rejects.toThrow(
      'mbstream',
    );
  } finally {
    donor.close();
    await rm(directory, { recursive: true, force: true });
  }
});
