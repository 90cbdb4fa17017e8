/** The file by which workers know what the others have written. */
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { SharedPositions, unknownWrites } from '#src/router/knowledge/shared-positions.ts';
import type { Freshness } from '#src/routing/freshness.ts';

let directory: string;
let path: string;
const open: SharedPositions[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tandem-positions-'));
  path = join(directory, 'positions');
  writeFileSync(path, '');
});

afterEach(() => {
  for (const each of open.splice(0)) each.close();
  rmSync(directory, { recursive: true });
});

function worker(slot: number): SharedPositions {
  const positions = new SharedPositions(path, slot);
  open.push(positions);
  return positions;
}

const upTo = (sequence: number, epoch = 1): Freshness => ({
  atLeast: { epoch, position: [{ domain: 0, server: 1, sequence }] },
  pending: [],
});

test('what one publishes the others know, by account; the furthest counts', () => {
  const [a, b] = [worker(0), worker(3)];
  expect(b.of('app').atLeast).toBeUndefined();
  a.publish(new Map([['app', upTo(10)]]));
  expect(b.of('app')).toEqual(upTo(10));
  b.publish(
    new Map([
      ['app', upTo(7)],
      ['other', upTo(8)],
    ]),
  );
  expect(a.of('app')).toEqual(upTo(10));
  expect(a.of('other')).toEqual(upTo(8));
  a.publish(new Map([['app', upTo(11, 2)]]));
  expect(b.of('app')).toEqual(upTo(11, 2));
});

test("an untold write keeps its time, by a clock that is every process's, and never gets earlier", () => {
  const endedMs = performance.now();
  worker(0).publish(
    new Map([['app', { atLeast: undefined, pending: [{ member: 'db-1', epoch: 3, endedMs }] }]]),
  );
  const [pending] = worker(1).of('app').pending;
  expect(pending).toMatchObject({ member: 'db-1', epoch: 3 });
  expect(pending?.endedMs).toBeGreaterThanOrEqual(endedMs);
  expect(pending?.endedMs).toBeLessThan(endedMs + 1);
});

test('a successor in the same slot goes on from what was written before it', () => {
  worker(2).publish(new Map([['app', upTo(5)]]));
  expect(worker(2).inherited()).toEqual(new Map([['app', upTo(5)]]));
  expect(worker(4).inherited()).toEqual(new Map());
});

test('what does not fit is unknown, for every account, until it fits again', () => {
  const [a, b] = [worker(0), worker(1)];
  a.publish(new Map(Array.from({ length: 100 }, (_, index) => [`account-${index}`, upTo(index)])));
  expect(b.of('app')).toEqual(unknownWrites);
  a.publish(new Map([['app', upTo(1)]]));
  expect(b.of('app')).toEqual(upTo(1));
});

test.each([0, 4, 8, 17, 30])(
  'a record with a wrong byte at %i is unknown, and known when it is whole',
  (at) => {
    const [a, b] = [worker(0), worker(1)];
    a.publish(new Map([['app', upTo(1)]]));
    const file = openSync(path, 'r+');
    writeSync(file, Buffer.from([0xa5]), 0, 1, at);
    expect(b.of('app')).toEqual(unknownWrites);
    a.publish(new Map([['app', upTo(2)]]));
    expect(b.of('app')).toEqual(upTo(2));
    closeSync(file);
  },
);
