import { expect, test } from 'vitest';
import { cachingSha2Answer, cachingSha2Proves } from '#src/mysql-wire/auth-caching-sha2.ts';
import { ed25519Answer, ed25519Proves } from '#src/mysql-wire/auth-ed25519.ts';
import { nativeAnswer, nativeProves } from '#src/mysql-wire/auth-native.ts';
import { encodeAuthSwitch, parseAuthSwitch } from '#src/mysql-wire/auth-switch.ts';
import { digests } from './digests.ts';

const scramble = Buffer.from('0123456789abcdefghij');

test.each([
  ['mysql_native_password', nativeAnswer, nativeProves],
  ['caching_sha2_password', cachingSha2Answer, cachingSha2Proves],
  ['client_ed25519', ed25519Answer, ed25519Proves],
])('%s proves the right password and no other', (_name, answer, proves) => {
  const right = answer(digests, 'secret', scramble);
  expect(proves(digests, 'secret', scramble, right)).toBe(true);
  expect(proves(digests, 'Secret', scramble, right)).toBe(false);
  expect(proves(digests, 'secret', Buffer.from('another scramble....'), right)).toBe(false);
  for (const wrong of [Buffer.alloc(0), Buffer.alloc(20), Buffer.alloc(64, 1), right.subarray(1)]) {
    expect(proves(digests, 'secret', scramble, wrong)).toBe(false);
  }
});

test('an empty password is an empty answer, and only that', () => {
  expect(nativeAnswer(digests, '', scramble)).toHaveLength(0);
  expect(nativeProves(digests, '', scramble, Buffer.alloc(0))).toBe(true);
  expect(nativeProves(digests, '', scramble, Buffer.alloc(20))).toBe(false);
  expect(cachingSha2Proves(digests, '', scramble, Buffer.alloc(0))).toBe(true);
  expect(cachingSha2Proves(digests, 'secret', scramble, Buffer.alloc(0))).toBe(false);
});

test('mysql_native_password and caching_sha2_password: answers computed by their definitions', () => {
  const { sha1, sha256 } = digests;
  const password = Buffer.from('secret');
  const native = Buffer.from(nativeAnswer(digests, 'secret', scramble));
  const key = sha1(Buffer.concat([scramble, sha1(sha1(password))]));
  expect(sha1(Buffer.from(native.map((byte, at) => byte ^ (key[at] ?? 0))))).toEqual(sha1(sha1(password)));
  const sha2 = cachingSha2Answer(digests, 'secret', scramble);
  const key2 = sha256(Buffer.concat([sha256(sha256(password)), scramble]));
  expect(Buffer.from(sha2.map((byte, at) => byte ^ (key2[at] ?? 0)))).toEqual(sha256(password));
});

test('requests to switch the plugin survive encoding', () => {
  for (const plugin of ['mysql_native_password', 'caching_sha2_password', 'client_ed25519']) {
    const data = plugin === 'client_ed25519' ? Buffer.alloc(32, 7) : scramble;
    expect(parseAuthSwitch(encodeAuthSwitch({ plugin, scramble: data }))).toEqual({ plugin, scramble: data });
  }
  expect(parseAuthSwitch(Buffer.from([0xfe])).plugin).toBe('mysql_old_password');
});
