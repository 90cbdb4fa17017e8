import assert from 'node:assert/strict';
import type { OwnPoint } from './point.ts';

interface Counts {
  readonly pristine: boolean;
}

export const freshClone: OwnPoint<Counts> = {
  kind: 'own',
  id: 'stack-1',
  title: 'A fresh clone: one command, the site answers, a user is written and read back from the replica',
  small: { pristine: false },
  full: { pristine: true },
  async run() {
    assert.fail('not written yet');
  },
};
