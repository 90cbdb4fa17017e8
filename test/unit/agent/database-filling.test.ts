/** What a member says of itself while it is given data: `tandem up` waits by it. The real thing: test/real/agent. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createLog } from '#src/adapters/log.ts';
import { createAuthority, issueLeaf } from '#src/adapters/tls/authority.ts';
import { type AgentContext, Warnings } from '#src/agent/context.ts';
import { DatabaseConcern } from '#src/agent/database/concern.ts';
import { encodeSync, storeKeys } from '#src/ha/store-format.ts';
import { waitFor } from '#test/support/wait.ts';

let directory = '';
let concern: DatabaseConcern | undefined;
/** What is said while something is tried, and after it. */
let during: string[] = [];
let donor: Server | undefined;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tandem-filling-'));
  during = [];
});
afterEach(() => {
  concern?.stop();
  donor?.close();
  rmSync(directory, { recursive: true, force: true });
});

const sync = encodeSync({
  leader: 'server-1',
  epoch: 1,
  members: ['server-1'],
  joining: null,
  mayAcknowledge: [],
});
const key = (name: string, value: string) => ({
  key: name,
  value,
  createRevision: 1,
  modRevision: 1,
  lease: undefined,
});

/** A member without data; `services` is what it meets at the first thing that it does for some. */
function member(
  state: 'creating' | 'created',
  options: { services?: () => unknown[]; tls?: AgentContext['tls']; peerPort?: number } = {},
): DatabaseConcern {
  const log = createLog(() => undefined, 'agent');
  const members = ['server-1', 'server-2'].map((name) => ({ name, address: '127.0.0.1', roles: [] }));
  const self = state === 'creating' ? 'server-1' : 'server-2';
  const services = options.services ?? (() => [{ name: 'mariadb', pid: null }]);
  const context = {
    config: {
      host: self,
      stackId: 'abc',
      dataDirectory: directory,
      database: { dataDirectory: join(directory, 'mariadb'), optionFile: '', accounts: [], members },
    },
    log,
    tls: options.tls ?? { ca: '', certificate: '', key: '' },
    warnings: new Warnings(log),
    runner: {
      services: async () => {
        during.push(concern?.status.explanation ?? '');
        return services();
      },
    },
    etcd: {
      get: async () => key('', JSON.stringify({ stackId: 'abc', creator: 'server-1', state })),
      range: async () => ({ kvs: [key(storeKeys.stack, 'abc'), key(storeKeys.sync, sync)], revision: 1 }),
    },
  };
  concern = new DatabaseConcern(context as never, { peerPort: options.peerPort ?? 1 });
  return concern;
}

const tries = (count: number) => waitFor(`${count} tries`, () => during.length >= count, 20_000);
const breaks = () => {
  throw new Error('the disk is full.');
};

it('a creation that failed says why, also while it is tried again', async () => {
  const tried = member('creating', { services: breaks });
  await tries(2);
  const failed = 'no data yet: creating the database failed: the disk is full; tried again';
  expect(during.slice(0, 2)).toEqual(['creating the database', failed]);
  expect(tried.status.explanation).toBe(failed);
});

it('so does a copy', async () => {
  const tried = member('created', { services: breaks });
  await tries(2);
  const failed = 'no data yet: copying from server-1 failed: the disk is full; tried again';
  expect(during.slice(0, 2)).toEqual(['copying from server-1', failed]);
  expect(tried.status.explanation).toBe(failed);
});

it('a copy that is only not given yet goes on as one that has just begun', async () => {
  const authority = await createAuthority('test', Date.now());
  const leaf = await issueLeaf(authority, { commonName: 'server-1', names: ['127.0.0.1'] }, Date.now());
  let asked = 0;
  donor = createServer({ key: leaf.key, cert: leaf.certificate }, (_request, response) => {
    asked += 1;
    response.writeHead(503).end(JSON.stringify({ detail: 'Another copy is under way.' }));
  });
  await new Promise<void>((resolve) => donor?.listen(0, '127.0.0.1', resolve));
  const { port: peerPort } = donor.address() as { port: number };
  const tls = { ca: authority.certificate, certificate: leaf.certificate, key: leaf.key };
  const tried = member('created', { tls, peerPort });
  const failed =
    'no data yet: copying from server-1 failed: 127.0.0.1 gives no copy now: Another copy is under way; tried again';
  await waitFor('it is refused', () => tried.status.explanation === failed, 20_000);
  await waitFor('it is refused again', () => asked >= 2 && tried.status.explanation === failed, 20_000);
  expect(new Set(during)).toEqual(new Set(['copying from server-1']));
});
