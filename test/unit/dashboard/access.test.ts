/** Passwords, sessions and the limits of login: what is accepted, and above all what is not. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Hono } from 'hono';
import { describe, expect, it } from 'vitest';
import { Accounts } from '#src/dashboard/server/accounts.ts';
import { Authentication } from '#src/dashboard/server/authentication.ts';
import type { Caller, Env } from '#src/dashboard/server/environment.ts';
import { LoginLimits } from '#src/dashboard/server/login-limits.ts';
import { generatePassword, hashPassword, verifyPassword } from '#src/dashboard/server/passwords.ts';
import { csrfOf, newSession, openSession, passwordTag, sealSession } from '#src/dashboard/server/sessions.ts';
import { waitFor } from '#test/support/wait.ts';

describe('passwords', () => {
  it('are hashed with Argon2id, each with a salt of its own, and verified', async () => {
    const password = generatePassword();
    expect(password).toMatch(/^([a-z2-9]{5}-){3}[a-z2-9]{5}$/);
    const [hash, again] = await Promise.all([hashPassword(password), hashPassword(password)]);
    expect(hash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    expect(again).not.toBe(hash);
    expect(await verifyPassword(password, hash)).toBe(true);
    expect(await verifyPassword(`${password} `, hash)).toBe(false);
  });

  it('let nobody in by what is no hash', async () => {
    for (const hash of [
      '',
      'plain',
      '$argon2i$v=19$m=8,t=1,p=1$AAAAAAAAAAAAAAAA$AAAA',
      '$argon2id$v=19$m=,t=,p=$$',
    ]) {
      expect(await verifyPassword('plain', hash)).toBe(false);
    }
  });
});

describe('sessions', () => {
  const key = '11'.repeat(32);
  const limits = { idleMs: 1_000, sessionMs: 10_000 };
  const claims = newSession('olga', 'hash', 50_000);

  it('open with the key that sealed them, on any balancer', () => {
    const opened = openSession(key, sealSession(key, claims), limits, 50_500);
    expect(opened).toEqual({ ok: true, claims });
    expect(claims.password).toBe(passwordTag('hash'));
    expect(passwordTag('another')).not.toBe(claims.password);
  });

  it('are new at every login', () => {
    expect(newSession('olga', 'hash', 50_000).id).not.toBe(claims.id);
  });

  it('end when idle, and in any case', () => {
    const open = (activeMs: number, nowMs: number) =>
      openSession(key, sealSession(key, { ...claims, activeMs }), limits, nowMs);
    expect(open(50_000, 51_000).ok).toBe(true);
    expect(open(50_000, 51_001)).toEqual({ ok: false, reason: 'idle' });
    expect(open(59_900, 60_000).ok).toBe(true);
    expect(open(60_001, 60_001)).toEqual({ ok: false, reason: 'too old' });
  });

  it('are refused when anything of them was changed', () => {
    const token = sealSession(key, claims);
    const [payload = '', seal = ''] = token.split('.');
    const admin = Buffer.from(JSON.stringify({ ...claims, name: 'admin' })).toString('base64url');
    const forged = [
      `${admin}.${seal}`,
      `${payload}.${'A'.repeat(seal.length)}`,
      payload,
      `${token}.`,
      `${token}.x`,
      '',
      '.',
      `${'A'.repeat(2_000)}.${seal}`,
      sealSession('22'.repeat(32), claims),
    ];
    for (const text of forged) {
      expect(openSession(key, text, limits, 50_100)).toEqual({ ok: false, reason: 'forged' });
    }
    for (let index = 0; index < token.length; index += 1) {
      const other = token[index] === 'A' ? 'B' : 'A';
      const flipped = token.slice(0, index) + other + token.slice(index + 1);
      expect(openSession(key, flipped, limits, 50_100).ok, String(index)).toBe(false);
    }
  });

  it('have a second value that the seal does not give away', () => {
    expect(csrfOf(key, claims.id)).not.toBe(csrfOf(key, 'another'));
    expect(sealSession(key, claims)).not.toContain(csrfOf(key, claims.id));
  });
});

describe('a stream', () => {
  it('ends with its session when the password is a new one', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'tandem-accounts-'));
    const file = join(directory, 'accounts.json');
    const write = (passwordHash: string) =>
      writeFileSync(
        file,
        JSON.stringify({
          sessionKey: '11'.repeat(32),
          operators: [{ name: 'olga', role: 'viewer', passwordHash }],
          tokens: [],
        }),
      );
    try {
      write(await hashPassword('the old one'));
      const shared = { hasEnded: () => false } as never;
      const authentication = new Authentication(new Accounts(file), shared, {
        idleMs: 60_000,
        sessionMs: 60_000,
      });
      const app = new Hono<Env>().post('/', async (c) =>
        c.json((await authentication.login(c, 'olga', 'the old one')).caller),
      );
      const answer = await app.request('/', { method: 'POST' }, { incoming: { socket: {} } });
      const caller = (await answer.json()) as Caller;
      expect(authentication.validUntilMs(caller)).toBeGreaterThan(Date.now());
      write(await hashPassword('the new one'));
      await waitFor('the stream to be over', () => authentication.validUntilMs(caller) === 0, 2_000);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});

describe('login limits', () => {
  it('pause an account longer with each failure, a minute at most, and never for good', () => {
    const limits = new LoginLimits();
    const pauses: number[] = [];
    let nowMs = 0;
    for (let attempt = 0; attempt < 14; attempt += 1) {
      // Another address each time: this is about the account.
      limits.failed(`10.0.0.${attempt}`, 'olga', nowMs);
      pauses.push(limits.waitMs('10.9.9.9', 'olga', nowMs));
      nowMs += 100_000;
    }
    expect(pauses.slice(0, 4)).toEqual([0, 0, 0, 0]);
    expect(pauses.slice(4, 8)).toEqual([1_000, 2_000, 4_000, 8_000]);
    expect(pauses.at(-1)).toBe(60_000);
    limits.succeeded('10.9.9.9', 'olga', nowMs);
    expect(limits.waitMs('10.9.9.9', 'olga', nowMs)).toBe(0);
  });

  it('stop an address that tries many accounts, and let it again after the window', () => {
    const limits = new LoginLimits();
    for (let attempt = 0; attempt < 20; attempt += 1) limits.failed('10.0.0.1', `name-${attempt}`, attempt);
    expect(limits.waitMs('10.0.0.1', 'fresh', 100)).toBe(300_000 - 100);
    expect(limits.waitMs('10.0.0.2', 'fresh', 100)).toBe(0);
    expect(limits.waitMs('10.0.0.1', 'fresh', 300_020)).toBe(0);
  });

  it('count no success as a failure', () => {
    const limits = new LoginLimits();
    for (let attempt = 0; attempt < 40; attempt += 1) {
      limits.failed('10.0.0.1', 'olga', attempt);
      limits.succeeded('10.0.0.1', 'olga', attempt);
    }
    for (let attempt = 0; attempt < 19; attempt += 1) limits.failed('10.0.0.1', `name-${attempt}`, 50);
    expect(limits.waitMs('10.0.0.1', 'olga', 60)).toBe(0);
    limits.failed('10.0.0.1', 'victor', 60);
    expect(limits.waitMs('10.0.0.1', 'olga', 60)).toBeGreaterThan(0);
  });

  it('keep a bounded memory', () => {
    const limits = new LoginLimits();
    for (let attempt = 0; attempt < 30_000; attempt += 1)
      limits.failed(`a${attempt}`, `n${attempt}`, attempt);
    expect(limits.waitMs('a29999', 'n29999', 30_000)).toBe(0);
  });
});
