/** The acceptance points at small counts: one lab for those that share one, and labs of their own for the others. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { anyPoints as allPoints } from '#test/points/all.ts';
import { Lab, referenceStack } from '#test/support/lab.ts';

const anyPoints = allPoints.filter(({ inSuite }) => inSuite);
const minutes = 60_000;
const quiet = () => undefined;
/** The machine is noisy and these points have limits in time: once more decides. The full counts have no second try. */
const retry = 1;

describe('points on one lab', () => {
  let lab: Lab | undefined;

  beforeAll(async () => {
    lab = await Lab.up(referenceStack('t-stack', '10.201.1.0/24'));
  }, 3 * minutes);

  afterAll(async () => {
    await lab?.close();
  }, minutes);

  test('the commands that tests do without say the same', { retry }, async () => {
    if (lab === undefined) throw new Error('no lab');
    const { database: asked, ...rest } = await lab.healthy();
    const { database, ...byCommand } = await lab.statusByCommand();
    expect(byCommand).toEqual(rest);
    expect(database.primary).toBe(asked.primary);
    expect(await lab.expect('exec', 'server-1', '--', 'hostname')).toBe('server-1\n');
  });

  for (const point of anyPoints.filter(({ kind }) => kind === 'lab')) {
    test(`${point.id}: ${point.title}`, { timeout: 3 * minutes, retry }, async () => {
      if (lab === undefined) throw new Error('no lab');
      const running = lab;
      // One point that fails must not fail the ones after it.
      await running.healthy();
      await point.onLab(running, 'small', quiet);
    });
  }
});

describe('points with labs of their own', () => {
  anyPoints
    .filter(({ kind }) => kind === 'own')
    .forEach((point, index) => {
      const place = { name: `t-own-${index + 1}`, subnet: `10.201.${10 + 2 * index}.0/24` };
      test(`${point.id}: ${point.title}`, { timeout: 4 * minutes, retry }, async () => {
        await point.onPlace(place, 'small', quiet);
      });
    });
});
