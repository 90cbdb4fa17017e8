import { expect, it } from 'vitest';
import { restartOrder, upgradeOrder } from '#src/plan/upgrade.ts';
import { referenceSpec } from '#test/fixtures/spec.ts';

const order = (primary: string | null, balancer: string | null) =>
  upgradeOrder(referenceSpec().hosts, { primary, balancer }).map(({ name }) => name);

it('what serves now comes last', () => {
  expect(order('server-1', 'lb-1')).toEqual(['lb-2', 'server-2', 'lb-1', 'server-1']);
  expect(order('server-2', 'lb-2')).toEqual(['lb-1', 'server-1', 'lb-2', 'server-2']);
  expect(order(null, null)).toEqual(['lb-1', 'lb-2', 'server-1', 'server-2']);
});

it('what is used is restarted before what uses it', () => {
  expect(restartOrder(['nginx', 'app-2', 'router', 'keepalived', 'etcd', 'app-1'])).toEqual([
    'etcd',
    'router',
    'app-2',
    'app-1',
    'nginx',
    'keepalived',
  ]);
});
