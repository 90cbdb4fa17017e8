/**
 * Sessions as sealed tokens: what a session is stands in the token itself, under a key that all balancers have, so that
 * it goes on when another one takes over. Beside the cookie every request must carry a second value, which the page
 * keeps where only its own origin can read it: cookies are shared by all ports of an address, so the cookie alone, which
 * the site on port 443 may get to see, opens nothing.
 */
import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

export interface SessionClaims {
  /** Random; new at every login. */
  readonly id: string;
  readonly name: string;
  /** Fingerprint of the password's hash: a new password ends the account's sessions. */
  readonly password: string;
  readonly bornMs: number;
  /** Last request but for those that a page makes by itself. */
  readonly activeMs: number;
}

export interface SessionLimits {
  readonly idleMs: number;
  readonly sessionMs: number;
}

export type Opened =
  | { readonly ok: true; readonly claims: SessionClaims }
  | { readonly ok: false; readonly reason: 'forged' | 'idle' | 'too old' };

const separator = '.';

export function newSession(name: string, passwordHash: string, nowMs: number): SessionClaims {
  const id = randomBytes(18).toString('base64url');
  return { id, name, password: passwordTag(passwordHash), bornMs: nowMs, activeMs: nowMs };
}

export function passwordTag(passwordHash: string): string {
  return createHash('sha256').update(passwordHash).digest('base64url').slice(0, 16);
}

/** `key`: hexadecimal. */
export function sealSession(key: string, claims: SessionClaims): string {
  const payload = Buffer.from(JSON.stringify(claims)).toString('base64url');
  return `${payload}${separator}${mac(key, 'session', payload)}`;
}

export function openSession(key: string, token: string, limits: SessionLimits, nowMs: number): Opened {
  const [payload = '', seal = '', ...rest] = token.split(separator);
  if (rest.length > 0 || token.length > 1_024 || !same(seal, mac(key, 'session', payload))) {
    return { ok: false, reason: 'forged' };
  }
  // Nobody else has the key: what is sealed is what was written.
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as SessionClaims;
  if (nowMs - claims.bornMs > limits.sessionMs) return { ok: false, reason: 'too old' };
  if (nowMs - claims.activeMs > limits.idleMs) return { ok: false, reason: 'idle' };
  return { ok: true, claims };
}

/** The second value of a session. */
export function csrfOf(key: string, id: string): string {
  return mac(key, 'csrf', id);
}

export function same(left: string, right: string): boolean {
  const [a, b] = [Buffer.from(left), Buffer.from(right)];
  return a.length === b.length && timingSafeEqual(a, b);
}

function mac(key: string, purpose: string, text: string): string {
  return createHmac('sha256', Buffer.from(key, 'hex')).update(`${purpose}\n${text}`).digest('base64url');
}
