import { expect, test } from 'vitest';
import { maxPayloadBytes } from '#src/mysql-wire/framing.ts';
import { splitEverywhere, splitLarge } from './splits.ts';

test('recorded traffic cut at one byte boundary in eleven, and byte by byte', async () => {
  // Each byte of it: `npm run prove -- router-7`.
  const counts = await splitEverywhere(11);
  expect(counts.cuts).toBeGreaterThan(10_000);
}, 60_000);

test('payloads around the most that one packet takes, cut around every header', async () => {
  const counts = await splitLarge([maxPayloadBytes, maxPayloadBytes + 64], 14);
  expect(counts.plays).toBeGreaterThan(5);
}, 60_000);
