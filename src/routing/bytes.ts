/** Bytes of SQL text: what they are, and where what begins with them ends. Pure functions over a buffer. */
import { folded } from './words.ts';

/** Punctuation and letters by their ASCII code. */
export const byteOf = {
  newline: 10,
  bang: 33,
  doubleQuote: 34,
  hash: 35,
  quote: 39,
  star: 42,
  plus: 43,
  minus: 45,
  dot: 46,
  slash: 47,
  zero: 48,
  semicolon: 59,
  question: 63,
  at: 64,
  capitalM: 77,
  capitalN: 78,
  backslash: 92,
  backtick: 96,
  a: 97,
  b: 98,
  e: 101,
  f: 102,
  x: 120,
} as const;

export const byteKind = {
  other: 0,
  space: 1,
  name: 2,
  digit: 3,
  punctuation: 4,
  quote: 5,
  at: 6,
  /** Beyond ASCII. */
  high: 7,
} as const;

/** The kind of each byte. */
export const kinds = new Uint8Array(256);
for (let byte = 0; byte < 256; byte++) {
  const char = String.fromCharCode(byte);
  if (byte >= 128) kinds[byte] = byteKind.high;
  else if (' \t\n\v\f\r'.includes(char)) kinds[byte] = byteKind.space;
  else if (/[A-Za-z_$]/.test(char)) kinds[byte] = byteKind.name;
  else if (/[0-9]/.test(char)) kinds[byte] = byteKind.digit;
  else if ('\'"`'.includes(char)) kinds[byte] = byteKind.quote;
  else if (char === '@') kinds[byte] = byteKind.at;
  else if ('!%&()*+,-./:;<=>?[]^|~#'.includes(char)) kinds[byte] = byteKind.punctuation;
}

export function isNamePart(byte: number): boolean {
  const kind = kinds[byte];
  return kind === byteKind.name || kind === byteKind.digit || kind === byteKind.high;
}

export function isDigit(byte: number): boolean {
  return kinds[byte] === byteKind.digit;
}

export function hasHigh(bytes: Uint8Array, from: number, to: number): boolean {
  for (let index = from; index < to; index++) if ((bytes[index] ?? 0) >= 128) return true;
  return false;
}

/** `--` begins a comment only before white space, a control character or the end. */
export function beginsLineComment(bytes: Uint8Array, from: number): boolean {
  const byte = bytes[from + 2] ?? 0;
  return bytes[from + 1] === byteOf.minus && (byte <= 32 || byte === 127);
}

/** Where a comment's `*` and `/` stand; -1 when it isn't closed. */
export function endOfBlockComment(bytes: Uint8Array, from: number): number {
  let end = bytes.indexOf(byteOf.star, from);
  while (end >= 0 && bytes[end + 1] !== byteOf.slash) end = bytes.indexOf(byteOf.star, end + 1);
  return end;
}

/** Behind the closing quote; a doubled one is a part of the text. Beyond the end when it isn't closed. */
export function endOfQuoted(bytes: Uint8Array, from: number, backslashes: boolean): number {
  const delimiter = bytes[from] ?? 0;
  for (let index = from + 1; index < bytes.length; index++) {
    const byte = bytes[index];
    if (byte === delimiter) {
      if (bytes[index + 1] !== delimiter) return index + 1;
      index++;
    } else if (byte === byteOf.backslash && backslashes) index++;
  }
  return bytes.length + 1;
}

/** Behind a number; -1 when what begins with a digit is a name. */
export function endOfNumber(bytes: Uint8Array, from: number): number {
  let index = from;
  while (isDigit(bytes[index] ?? 0)) index++;
  if (bytes[index] === byteOf.dot) {
    index++;
    while (isDigit(bytes[index] ?? 0)) index++;
    return endOfExponent(bytes, index);
  }
  const prefixed = index === from + 1 && bytes[from] === byteOf.zero ? bytes[index] : undefined;
  if (prefixed === byteOf.x || prefixed === byteOf.b) return endOfPrefixed(bytes, index);
  const end = endOfExponent(bytes, index);
  // Behind an exponent a word may begin without a space.
  return end === index && isNamePart(bytes[end] ?? 0) ? -1 : end;
}

/** Of `0x4D` or `0b1`, whose letter is at `letterAt`: -1 in capitals, and when anything but digits of the kind follows. */
function endOfPrefixed(bytes: Uint8Array, letterAt: number): number {
  const binary = bytes[letterAt] === byteOf.b;
  let index = letterAt + 1;
  while (binary ? isBit(bytes[index] ?? 0) : isHexDigit(bytes[index] ?? 0)) index++;
  return index === letterAt + 1 || isNamePart(bytes[index] ?? 0) ? -1 : index;
}

function isBit(byte: number): boolean {
  return byte === byteOf.zero || byte === byteOf.zero + 1;
}

function isHexDigit(byte: number): boolean {
  const letter = folded[byte] ?? 0;
  return isDigit(byte) || (letter >= byteOf.a && letter <= byteOf.f);
}

function endOfExponent(bytes: Uint8Array, from: number): number {
  if (folded[bytes[from] ?? 0] !== byteOf.e) return from;
  const sign = bytes[from + 1];
  let index = sign === byteOf.plus || sign === byteOf.minus ? from + 2 : from + 1;
  if (!isDigit(bytes[index] ?? 0)) return from;
  while (isDigit(bytes[index] ?? 0)) index++;
  return index;
}

/** Behind the name of a user variable without quotes. */
export function endOfVariable(bytes: Uint8Array, from: number): number {
  let index = from;
  while (isNamePart(bytes[index] ?? 0) || bytes[index] === byteOf.dot) index++;
  return index;
}
