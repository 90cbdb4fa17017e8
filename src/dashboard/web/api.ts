/** Requests to the dashboard's API. A session needs its second value with each; without one the login page comes. */
import type { Session } from '../api/schemas.ts';

const csrfKey = 'tandem-csrf';
const answerMs = 6_000;

export function rememberSession(csrf: string): void {
  localStorage.setItem(csrfKey, csrf);
}

export function forgetSession(): void {
  localStorage.removeItem(csrfKey);
}

export function csrf(): string {
  return localStorage.getItem(csrfKey) ?? '';
}

/** Of the server, in its own words. */
export class Refusal extends Error {
  readonly status: number;

  constructor(status: number, detail: string) {
    super(detail);
    this.status = status;
  }
}

export interface RequestOptions {
  readonly method?: 'GET' | 'POST' | 'DELETE';
  readonly body?: unknown;
  /** Nobody asked for it: it keeps no session alive. */
  readonly isPassive?: boolean;
}

/** The answer's JSON; rejects with a `Refusal`, or an error when nobody answers. */
export async function ask<T>(
  path: string,
  { method = 'GET', body, isPassive = false }: RequestOptions = {},
): Promise<T> {
  const response = await fetch(`/api/v1${path}`, {
    method,
    headers: {
      'x-tandem-csrf': csrf(),
      ...(isPassive ? { 'x-tandem-passive': '1' } : {}),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(answerMs),
  });
  if (response.status === 204) return undefined as T;
  const answer = await response.json();
  if (response.ok) return answer as T;
  throw new Refusal(response.status, (answer as { detail?: string }).detail ?? response.statusText);
}

/** True: the session is over, and the login page comes. */
export function leaveIfOver(error: unknown): boolean {
  const isOver =
    error instanceof Refusal &&
    (error.status === 401 || (error.status === 403 && /cookie/.test(error.message)));
  if (isOver) location.assign('/login');
  return isOver;
}

export async function readSession(): Promise<Session> {
  return ask<Session>('/session');
}

/** Tells the server, at most once a minute, that somebody is there. */
export function keepAlive(): void {
  let lastMs = Date.now();
  const tell = () => {
    if (Date.now() - lastMs < 60_000) return;
    lastMs = Date.now();
    void readSession().catch(leaveIfOver);
  };
  for (const kind of ['pointerdown', 'keydown'] as const) addEventListener(kind, tell, { passive: true });
}
