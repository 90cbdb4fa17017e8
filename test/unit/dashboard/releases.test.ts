/** Deploys as marks, from the record that commands write. */
import { expect, it } from 'vitest';
import { deployMarks } from '#src/dashboard/server/releases.ts';
import { type ApplicationRecord, withEvent } from '#src/topology/application.ts';

const record: ApplicationRecord = { current: '7cee9bbe6314827e', canary: null, underWay: null, history: [] };
const by = 'olga@desk';

it('tells who deployed what, and when', () => {
  const written = withEvent(record, {
    release: '7cee9bbe6314827e',
    change: 'deploy',
    by,
    atMs: 12,
    detail: 'from ./app',
  });
  expect(deployMarks(JSON.stringify(written))).toEqual([
    { atMs: 12, kind: 'deploy', text: 'olga@desk: deployed release 7cee9bbe (from ./app)' },
  ]);
});

it.each([undefined, '', '{', '{"history": 3}', '[]'])('has no marks of %j', (text) => {
  expect(deployMarks(text)).toEqual([]);
});
