/**
 * Who asks: by a session (cookie and second value), a bearer token, or the operator's client certificate. Everything
 * that is not in the small table of what a login page needs goes through here.
 */
import type { Context } from 'hono';
import { deleteCookie, getCookie, setCookie } from 'hono/cookie';
import type { Role } from '../api/schemas.ts';
import type { Accounts } from './accounts.ts';
import { addressOf, type Caller, type Env, socketOf } from './environment.ts';
import { LoginLimits } from './login-limits.ts';
import { hashPassword, verifyPassword } from './passwords.ts';
import { Problem } from './problem.ts';
import {
  csrfOf,
  newSession,
  openSession,
  passwordTag,
  type SessionClaims,
  type SessionLimits,
  same,
  sealSession,
} from './sessions.ts';
import type { Shared } from './shared.ts';

/** Bound by browsers to this host, TLS and all paths. */
export const cookieName = '__Host-tandem-dashboard';
export const csrfHeader = 'x-tandem-csrf';
/** Set by the page on requests that no person asked for: they don't keep a session alive. */
export const passiveHeader = 'x-tandem-passive';
const certificateName = 'operator';
/** Of the activity that stands in a cookie: it is written anew at most so often. */
const refreshMs = 30_000;
const hashingAtOnce = 1;
const hashingQueue = 16;

const unsafe = new Set(['POST', 'PUT', 'PATCH', 'DELETE']);

interface Found {
  readonly caller: Caller;
  readonly claims?: SessionClaims;
}

export class Authentication {
  readonly #accounts: Accounts;
  readonly #shared: Shared;
  readonly #lifetimes: SessionLimits;
  readonly #limits = new LoginLimits();
  /** Latest activity of sessions that this process has seen, for streams that outlive the request. */
  readonly #active = new Map<string, number>();
  #hashing = 0;
  readonly #waiting: (() => void)[] = [];
  /** So that a name that doesn't exist takes as long as one that does. */
  #decoy: Promise<string> | undefined;

  constructor(accounts: Accounts, shared: Shared, lifetimes: SessionLimits) {
    this.#accounts = accounts;
    this.#shared = shared;
    this.#lifetimes = lifetimes;
  }

  /** Throws a `Problem` (401, 403). Refreshes the cookie of a session that does something. */
  identify(c: Context<Env>): Caller {
    const found = this.#byToken(c) ?? this.#byCertificate(c) ?? this.#bySession(c);
    if (found === undefined) throw new Problem(401, 'Not logged in', 'Log in, or send a valid token.');
    const { caller, claims } = found;
    if (caller.via !== 'token') checkOrigin(c);
    if (claims !== undefined) this.#checkCsrf(c, claims);
    // A browser sends a certificate with any site's request; this header it sends only with its own page's.
    if (caller.via === 'certificate' && unsafe.has(c.req.method) && c.req.header(csrfHeader) === undefined) {
      throw new Problem(
        403,
        'Forged?',
        `With a certificate, send ${csrfHeader} (anything) with what changes things.`,
      );
    }
    if (claims !== undefined) this.#know(claims);
    if (claims !== undefined && c.req.header(passiveHeader) === undefined) this.#touch(c, claims);
    return caller;
  }

  /** For pages themselves, which hold nothing secret: a cookie is enough. */
  hasSession(c: Context<Env>): boolean {
    return this.#byCertificate(c) !== undefined || this.#bySession(c) !== undefined;
  }

  /** Until when a stream of this caller may go on, as things are now. */
  validUntilMs(caller: Caller): number {
    if (caller.via === 'certificate') return Number.POSITIVE_INFINITY;
    if (caller.via === 'token') {
      const isThere = this.#accounts.current.tokens.some(({ name }) => `token:${name}` === caller.name);
      return isThere ? (caller.untilMs ?? 0) : 0;
    }
    if (caller.sessionId === undefined || this.#shared.hasEnded(caller.sessionId)) return 0;
    const active = this.#active.get(caller.sessionId) ?? 0;
    const operator = this.#operatorWith(caller.name, caller.password);
    return operator === undefined ? 0 : Math.min(caller.untilMs ?? 0, active + this.#lifetimes.idleMs);
  }

  /** Throws a `Problem`: 401, or 429 when it was tried too often. */
  async login(c: Context<Env>, name: string, password: string): Promise<{ caller: Caller; csrf: string }> {
    checkOrigin(c);
    const address = addressOf(c);
    const nowMs = Date.now();
    const waitMs = this.#limits.waitMs(address, name, nowMs);
    if (waitMs > 0) throw tooMany(waitMs);
    const operator = this.#accounts.operator(name);
    const hash = operator?.passwordHash ?? (await this.#decoyHash());
    // Counted before it is known: attempts that run side by side must not get past the limit.
    this.#limits.failed(address, name, nowMs);
    const isRight = await this.#verify(password, hash);
    if (!isRight || operator?.passwordHash == null) {
      throw new Problem(401, 'Not logged in', 'Name or password is wrong.');
    }
    this.#limits.succeeded(address, name, nowMs);
    const claims = newSession(name, operator.passwordHash, Date.now());
    this.#setCookie(c, claims);
    return { caller: this.#callerOf(claims, operator.role), csrf: this.csrf(claims.id) };
  }

  logout(c: Context<Env>, caller: Caller): void {
    if (caller.sessionId !== undefined) {
      this.#shared.endSession(caller.sessionId, caller.untilMs ?? Date.now());
      this.#active.delete(caller.sessionId);
    }
    deleteCookie(c, cookieName, { path: '/', secure: true });
  }

  csrf(sessionId: string): string {
    return csrfOf(this.#accounts.current.sessionKey, sessionId);
  }

  #byToken(c: Context<Env>): Found | undefined {
    const header = c.req.header('authorization');
    if (header === undefined) return undefined;
    const match = /^Bearer ([A-Za-z0-9_-]{20,128})$/.exec(header);
    const token = match === null ? undefined : this.#accounts.token(match[1] ?? '', Date.now());
    if (token === undefined) throw new Problem(401, 'No such token', 'The token is unknown, or has expired.');
    const role = token.scope === 'act' ? 'operator' : 'viewer';
    return { caller: { name: `token:${token.name}`, role, via: 'token', untilMs: token.untilMs } };
  }

  #byCertificate(c: Context<Env>): Found | undefined {
    const socket = socketOf(c);
    if (socket.authorized !== true) return undefined;
    if (socket.getPeerCertificate()?.subject?.CN !== certificateName) return undefined;
    return { caller: { name: certificateName, role: 'admin', via: 'certificate', untilMs: null } };
  }

  #bySession(c: Context<Env>): Found | undefined {
    const token = getCookie(c, cookieName);
    if (token === undefined) return undefined;
    const opened = openSession(this.#accounts.current.sessionKey, token, this.#lifetimes, Date.now());
    if (!opened.ok || this.#shared.hasEnded(opened.claims.id)) return undefined;
    const { claims } = opened;
    const operator = this.#operatorWith(claims.name, claims.password);
    return operator === undefined ? undefined : { caller: this.#callerOf(claims, operator.role), claims };
  }

  /** The operator of a session, as long as the password is the one that it was opened with. */
  #operatorWith(name: string, password: string | undefined) {
    const operator = this.#accounts.operator(name);
    if (operator?.passwordHash == null) return undefined;
    return passwordTag(operator.passwordHash) === password ? operator : undefined;
  }

  #callerOf({ name, id, password, bornMs }: SessionClaims, role: Role): Caller {
    const untilMs = bornMs + this.#lifetimes.sessionMs;
    return { name, role, via: 'session', sessionId: id, password, untilMs };
  }

  #checkCsrf(c: Context<Env>, { id }: SessionClaims): void {
    if (same(c.req.header(csrfHeader) ?? '', this.csrf(id))) return;
    throw new Problem(403, 'Forged?', `The request has a session's cookie, but not its ${csrfHeader}.`);
  }

  /** A session of another balancer, or of an earlier process: its token says when it was active last. */
  #know({ id, activeMs }: SessionClaims): void {
    if ((this.#active.get(id) ?? 0) < activeMs) this.#active.set(id, activeMs);
  }

  #touch(c: Context<Env>, claims: SessionClaims): void {
    const nowMs = Date.now();
    this.#active.set(claims.id, nowMs);
    if (nowMs - claims.activeMs > refreshMs) this.#setCookie(c, { ...claims, activeMs: nowMs });
    if (this.#active.size < 1_000) return;
    for (const [id, atMs] of this.#active) if (nowMs - atMs > this.#lifetimes.idleMs) this.#active.delete(id);
  }

  #setCookie(c: Context<Env>, claims: SessionClaims): void {
    this.#active.set(claims.id, claims.activeMs);
    setCookie(c, cookieName, sealSession(this.#accounts.current.sessionKey, claims), {
      path: '/',
      secure: true,
      httpOnly: true,
      sameSite: 'Strict',
      maxAge: Math.max(1, Math.round((claims.bornMs + this.#lifetimes.sessionMs - Date.now()) / 1_000)),
    });
  }

  #decoyHash(): Promise<string> {
    this.#decoy ??= hashPassword('nobody has this password');
    return this.#decoy;
  }

  /** One at a time: memory and processor are the operators', not an attacker's. */
  async #verify(password: string, hash: string): Promise<boolean> {
    if (this.#hashing >= hashingAtOnce) {
      if (this.#waiting.length >= hashingQueue) throw tooMany(1_000);
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    this.#hashing += 1;
    try {
      return await verifyPassword(password, hash);
    } finally {
      this.#hashing -= 1;
      this.#waiting.shift()?.();
    }
  }
}

function tooMany(waitMs: number): Problem {
  const seconds = Math.ceil(waitMs / 1_000);
  return new Problem(429, 'Too many attempts', `Too many attempts: try again in ${seconds} s.`, seconds);
}

/** A request of another site's page says where it comes from; programs that are no browsers say nothing. */
export function checkOrigin(c: Context<Env>): void {
  const origin = c.req.header('origin');
  const site = c.req.header('sec-fetch-site');
  const host = c.req.header('host');
  if (origin !== undefined && origin !== `https://${host}`) {
    throw new Problem(403, 'Another origin', `Requests of ${origin.slice(0, 100)} are not accepted.`);
  }
  if (site !== undefined && site !== 'same-origin' && site !== 'none') {
    throw new Problem(
      403,
      'Another origin',
      `Requests from another page (${site.slice(0, 20)}) are not accepted.`,
    );
  }
}

const ranks: Readonly<Record<Role, number>> = { viewer: 0, operator: 1, admin: 2 };

/** Throws a `Problem` (403) unless the caller has that role, or a higher one. */
export function demand(caller: Caller, role: Role): void {
  if (ranks[caller.role] >= ranks[role]) return;
  throw new Problem(403, 'Not allowed', `${caller.name} is ${caller.role}; this takes ${role}.`);
}
