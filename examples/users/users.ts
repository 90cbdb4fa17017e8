/** The users: what a valid one is, and the statements that list, add and remove them. */
import type { Database } from './database.ts';
import type { Row } from './pool.ts';

export interface User {
  readonly id: number;
  readonly name: string;
  readonly email: string;
  /** ISO 8601, UTC, milliseconds. */
  readonly createdAt: string;
}

export interface NewUser {
  readonly name: string;
  readonly email: string;
}

export interface FieldError {
  /** JSON pointer into the request's body, as a URI fragment: `#/email`. */
  readonly pointer: string;
  readonly detail: string;
}

export type Validation =
  | { readonly ok: true; readonly user: NewUser }
  | { readonly ok: false; readonly errors: readonly FieldError[] };

export interface Page {
  readonly users: readonly User[];
  /** Pass as `before` to get the users after these; null on the last page. */
  readonly next: number | null;
  /** Host name of the member that answered. */
  readonly answeredBy: string;
}

const maxNameLength = 100;
const maxEmailLength = 254;
// What the HTML standard calls a valid e-mail address, with at least one dot in the domain, and letters of all scripts.
const emailPattern =
  /^[\p{L}\p{N}.!#$%&'*+/=?^_`{|}~-]{1,64}@[\p{L}\p{N}](?:[\p{L}\p{N}-]{0,61}[\p{L}\p{N}])?(?:\.[\p{L}\p{N}](?:[\p{L}\p{N}-]{0,61}[\p{L}\p{N}])?)+$/u;
const controlPattern = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]/u;

/** Checks the body of a POST; all errors at once. */
export function validateNewUser(body: unknown): Validation {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    return { ok: false, errors: [{ pointer: '#', detail: 'should be an object with name and email' }] };
  }
  const errors: FieldError[] = [];
  const fields = body as Readonly<Record<string, unknown>>;
  for (const key of Object.keys(fields)) {
    if (key !== 'name' && key !== 'email') {
      errors.push({ pointer: pointerTo(key), detail: 'is not a field of a user; known are name and email' });
    }
  }
  const name = readText(fields['name'], '#/name', maxNameLength, errors);
  const email = readText(fields['email'], '#/email', maxEmailLength, errors)?.toLowerCase();
  if (email !== undefined && !emailPattern.test(email)) {
    errors.push({ pointer: '#/email', detail: 'should be an e-mail address, for instance ada@example.org' });
  }
  if (name === undefined || email === undefined || errors.length > 0) return { ok: false, errors };
  return { ok: true, user: { name, email } };
}

function readText(
  value: unknown,
  pointer: string,
  maxLength: number,
  errors: FieldError[],
): string | undefined {
  const fail = (detail: string) => {
    errors.push({ pointer, detail });
    return undefined;
  };
  if (value === undefined) return fail('is required');
  if (typeof value !== 'string') return fail('should be text');
  const text = value.normalize('NFC').trim();
  if (text === '') return fail('should not be empty');
  // Counted as the database counts: in code points.
  if ([...text].length > maxLength) return fail(`should be at most ${maxLength} characters long`);
  if (controlPattern.test(text)) return fail('should have no control characters');
  return text;
}

function pointerTo(key: string): string {
  const token = key.slice(0, 64).toWellFormed().replaceAll('~', '~0').replaceAll('/', '~1');
  return `#/${encodeURIComponent(token)}`;
}

/** A path's id; null when no user can have it. */
export function parseId(text: string): number | null {
  const id = /^[1-9][0-9]{0,15}$/.test(text) ? Number(text) : 0;
  return Number.isSafeInteger(id) && id > 0 ? id : null;
}

/** Newest first. `before`: only users added before the one with this id. */
export async function listUsers(
  database: Database,
  query: { readonly limit: number; readonly before: number | null },
): Promise<Page> {
  // The member's name and its rows in one statement, so that they belong together. A replica may say its name only
  // where one is asked for; `global`: one that has every write acknowledged so far, through whichever web host.
  const rows = await database.read(
    `/* tandem:replica tandem:consistency=global */
     SELECT @@hostname AS member, page.* FROM (SELECT 1) AS here
     LEFT JOIN (SELECT id, name, email, created_at FROM users WHERE id < CAST(? AS UNSIGNED)
                ORDER BY id DESC LIMIT ${query.limit + 1}) AS page ON TRUE
     ORDER BY page.id DESC`,
    [String(query.before ?? Number.MAX_SAFE_INTEGER)],
  );
  const users = rows.filter((row) => row['id'] !== null).map(toUser);
  const page = users.slice(0, query.limit);
  const next = users.length > query.limit ? (page.at(-1)?.id ?? null) : null;
  return { users: page, next, answeredBy: memberOf(rows) };
}

/** Null when there is no such user. */
export async function findUser(database: Database, id: number): Promise<User | null> {
  const [row] = await database.read(
    'SELECT id, name, email, created_at FROM users WHERE id = CAST(? AS UNSIGNED)',
    [String(id)],
  );
  return row === undefined ? null : toUser(row);
}

/** `writtenTo`: host name of the member that wrote. */
export async function addUser(
  database: Database,
  user: NewUser,
): Promise<{ readonly user: User; readonly writtenTo: string }> {
  const rows = await database.write(
    'INSERT INTO users (name, email) VALUES (?, ?) RETURNING id, name, email, created_at, @@hostname AS member',
    [user.name, user.email],
  );
  const [row] = rows;
  if (row === undefined) throw new Error('INSERT ... RETURNING gave no row.');
  return { user: toUser(row), writtenTo: memberOf(rows) };
}

/** Host name of the member that removed the user; null when there was no such user. */
export async function removeUser(database: Database, id: number): Promise<string | null> {
  const rows = await database.write(
    'DELETE FROM users WHERE id = CAST(? AS UNSIGNED) RETURNING @@hostname AS member',
    [String(id)],
  );
  return rows.length > 0 ? memberOf(rows) : null;
}

function memberOf(rows: readonly Row[]): string {
  return String(rows[0]?.['member']);
}

function toUser(row: Row): User {
  return {
    id: Number(row['id']),
    name: String(row['name']),
    email: String(row['email']),
    createdAt: `${String(row['created_at']).replace(' ', 'T')}Z`,
  };
}
