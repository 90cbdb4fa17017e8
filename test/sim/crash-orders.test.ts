import { describe, expect, test } from 'vitest';
import { allOrders, runOrder } from './crash-orders.ts';

describe.each([2, 3])('every order of four stops and starts of %i members', (members) => {
  test.each(['required', 'strict'] as const)('mode %s', (mode) => {
    const bad: string[] = [];
    let pictures = 0;
    for (const order of allOrders(members, 4)) {
      const result = runOrder(order, members, mode);
      pictures += result.pictures.length;
      if (result.problem !== null)
        bad.push(`${order.join(' ')}: ${result.pictures.join(' → ')}: ${result.problem}`);
    }
    expect(bad).toEqual([]);
    expect(pictures).toBe(members ** 4 * 6);
  });
});

test('both down, and the one that lacks writes comes back first: it waits, and says for whom', () => {
  // b goes first, a goes on alone; then a goes; b alone must not lead.
  const { pictures, reasons, problem } = runOrder([1, 0, 1, 0], 2, 'required');
  expect(problem).toBeNull();
  expect(pictures[2]).toBe('XX');
  expect(pictures[3]).toBe('XS');
  expect(reasons[2]).toContain('only a certainly has every acknowledged write');
});
