import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Front, startFront } from '../front.ts';
import { clients, misbehave, servers } from './misbehaving.ts';

let front: Front;

beforeAll(async () => {
  front = await startFront({ bufferTimeoutMs: 300, connectTimeoutMs: 200 });
});

afterAll(() => front.close());

test('servers that misbehave', async () => {
  const seen = await misbehave(front, servers);
  expect(Object.keys(seen)).toHaveLength(servers.length);
}, 120_000);

// One takes the ten seconds that a login may: it is among those that `npm run prove -- router-7` runs.
const quick = clients.filter(({ takesLong }) => takesLong !== true);

test('clients that misbehave', async () => {
  const seen = await misbehave(front, quick);
  expect(Object.keys(seen)).toHaveLength(quick.length);
}, 120_000);
