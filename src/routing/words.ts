/**
 * Known words by the bytes of a statement, without allocating: an open-addressing table over a hash of the folded
 * bytes, which the tokeniser computes while it scans.
 */
import type { Reason } from './reason.ts';
import { beforeParenthesis, castTypes, functionReasons, keywords, pureFunctions } from './word-data.ts';

/** Lower-case ASCII letters for upper-case ones, everything else as it is. */
export const folded = new Uint8Array(256);
for (let byte = 0; byte < 256; byte++) folded[byte] = byte >= 65 && byte <= 90 ? byte + 32 : byte;

/** What may follow a word, or what it is. */
export const wordFlag = { pure: 1, special: 2, beforeParenthesis: 4, castType: 8 } as const;

const split = (text: string): string[] => text.split(/\s+/).filter((word) => word !== '');
const pure = split(pureFunctions);
const before = split(beforeParenthesis);
const types = split(castTypes);
const all = [...new Set([...keywords, ...pure, ...before, ...types, ...Object.keys(functionReasons)])];

/** Number 0 is "not a known word". */
const numberOf = new Map(all.map((word, index) => [word, index + 1]));

/** Flags by word number. */
export const flags = new Uint8Array(all.length + 1);
for (const [list, flag] of [
  [pure, wordFlag.pure],
  [before, wordFlag.beforeParenthesis],
  [types, wordFlag.castType],
  [Object.keys(functionReasons), wordFlag.special],
] as const) {
  for (const word of list) flags[numberOf.get(word) ?? 0] = (flags[numberOf.get(word) ?? 0] ?? 0) | flag;
}

/** By word number: why a function isn't for replicas. */
export const reasonOf: readonly (Reason | undefined)[] = [
  undefined,
  ...all.map((word) => functionReasons[word]),
];

/** Word numbers by name: `word.select`. */
export const word = Object.fromEntries(keywords.map((name) => [name, numberOf.get(name) ?? 0])) as Readonly<
  Record<(typeof keywords)[number], number>
>;

const slotCount = 4096;
const slots = new Uint16Array(slotCount);
const spellings: readonly Uint8Array[] = [new Uint8Array(0), ...all.map((name) => Buffer.from(name))];
const longest = Math.max(...all.map((name) => name.length));

/** One more byte into a hash that begins with 0. */
export function hashStep(hash: number, byte: number): number {
  return (Math.imul(hash, 31) + byte) | 0;
}

const slotOf = (hash: number): number => (hash ^ (hash >>> 12)) & (slotCount - 1);

all.forEach((name, index) => {
  let hash = 0;
  for (const byte of Buffer.from(name)) hash = hashStep(hash, byte);
  let slot = slotOf(hash);
  while (slots[slot] !== 0) slot = (slot + 1) & (slotCount - 1);
  slots[slot] = index + 1;
});

function same(spelling: Uint8Array, bytes: Uint8Array, from: number): boolean {
  for (let index = 0; index < spelling.length; index++) {
    if (spelling[index] !== folded[bytes[from + index] ?? 0]) return false;
  }
  return true;
}

/** The number of the word in `bytes` between `from` and `to`, whose folded bytes have this hash; 0 when unknown. */
export function findWord(bytes: Uint8Array, from: number, to: number, hash: number): number {
  const length = to - from;
  if (length > longest) return 0;
  let slot = slotOf(hash);
  for (;;) {
    const number = slots[slot] ?? 0;
    if (number === 0) return 0;
    const spelling = spellings[number];
    if (spelling !== undefined && spelling.length === length && same(spelling, bytes, from)) return number;
    slot = (slot + 1) & (slotCount - 1);
  }
}
