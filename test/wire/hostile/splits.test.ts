import { expect, test } from 'vitest';
import { maxPayloadBytes } from '#src/mysql-wire/framing.ts';
import { splitEverywhere, splitLarge } from './splits.ts';

test('recorded traffic cut at every byte boundary', async () => {
  const counts = await splitEverywhere();
  expect(counts.cuts).toBeGreaterThan(100_000);
}, 60_000);

test('payloads around the most that one packet takes, cut around every header', async () => {
  const counts = await splitLarge([maxPayloadBytes]);
  expect(counts.plays).toBeGreaterThan(20);
}, 60_000);
