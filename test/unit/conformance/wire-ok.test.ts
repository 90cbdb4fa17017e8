import { expect, it } from 'vitest';
import { packetOf } from '#src/mysql-wire/framing.ts';
import { variablesInOrder } from '#test/conformance/runners/wire-ok.ts';

const text = (value: string): Buffer => Buffer.concat([Buffer.from([value.length]), Buffer.from(value)]);
const change = (type: number, data: Buffer): Buffer =>
  Buffer.concat([Buffer.from([type, data.length]), data]);
const variable = (name: string, value: string): Buffer => change(0, Buffer.concat([text(name), text(value)]));
const schema = (name: string): Buffer => change(1, text(name));

/** An OK packet of 300 affected rows, with a message, that tells these changes. */
function ok(changes: readonly Buffer[], affected = 300): Buffer {
  const all = Buffer.concat(changes);
  const head = Buffer.from([0, 0xfc, affected & 0xff, affected >> 8, 0, 2, 0x40, 0, 0]);
  return packetOf(Buffer.concat([head, text('Records: 2'), Buffer.from([all.length]), all]), 1);
}

const [a, b, c] = [variable('a', '1'), variable('b', '2'), variable('c', '3')] as const;
const same = (left: Buffer, right: Buffer): boolean => variablesInOrder(left).equals(variablesInOrder(right));

it('does not see in which order variables are told', () => {
  expect(same(ok([a, b, c]), ok([c, a, b]))).toBe(true);
  expect(same(ok([c, schema('x'), a]), ok([a, schema('x'), c]))).toBe(true);
});

it.each([
  ['a variable that is missing', ok([a, b]), ok([a, b, c])],
  ['a variable with another value', ok([a, b]), ok([variable('b', '3'), a])],
  ['a variable told twice', ok([a, b, b]), ok([a, b])],
  ['another schema', ok([a, schema('x')]), ok([a, schema('y')])],
  ['where the schema is told', ok([a, schema('x')]), ok([schema('x'), a])],
  ['another count of rows', ok([a, b]), ok([b, a], 301)],
])('sees %s', (_what, left, right) => {
  expect(same(left, right)).toBe(false);
});

it('leaves alone what tells nothing, and what is cut', () => {
  const plain = packetOf(Buffer.from([0, 0, 0, 2, 0, 0, 0]), 1);
  expect(variablesInOrder(plain)).toBe(plain);
  const cut = ok([b, a]).subarray(0, -3);
  expect(variablesInOrder(cut)).toBe(cut);
});
