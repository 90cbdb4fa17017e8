/** The API as data: each route with who may, what it takes and what it answers. Served (`app.ts`) and documented (`openapi.ts`) from here. */
import type { Context } from 'hono';
import type { z } from 'zod';
import {
  type ActName,
  actListSchema,
  actResultSchema,
  actSchemas,
  blocklistSchema,
  metricsSchema,
  type Role,
  rangeSchema,
  sessionSchema,
  sqlSchema,
  stateSchema,
  storySchema,
} from '../api/schemas.ts';
import { actRoles } from './acts.ts';
import type { Dashboard } from './dashboard.ts';
import { addressOf, type Caller, type Env } from './environment.ts';

export interface Asked {
  readonly dashboard: Dashboard;
  readonly caller: Caller;
  readonly context: Context<Env>;
  /** As the route's schema made it. */
  readonly query: unknown;
  readonly body: unknown;
}

export interface Route {
  readonly method: 'get' | 'post' | 'delete';
  /** Below `apiPrefix`. */
  readonly path: string;
  readonly summary: string;
  readonly role: Role;
  readonly query?: z.ZodType;
  readonly body?: z.ZodType;
  /** Undefined: 204 without a body. */
  readonly answer?: z.ZodType;
  readonly handle: (asked: Asked) => Promise<unknown> | unknown;
}

export const apiPrefix = '/api/v1';

const actSummaries: Readonly<Record<ActName, string>> = {
  switchover: 'Make another member the primary of the database.',
  maintenance: 'Nothing fails over while it is on.',
  traffic: 'Drain a web host, or give it another weight, beside the stack file.',
  block: 'Drop everything to and from an address or network, on every host.',
  unblock: 'Take an address or network off the block-list.',
  fault: 'In a lab: kill, freeze, cut off, heal.',
};

const acts: readonly Route[] = (Object.keys(actSchemas) as ActName[]).map((name) => ({
  method: 'post',
  path: `/acts/${name}`,
  summary: actSummaries[name],
  role: actRoles[name],
  body: actSchemas[name],
  answer: actResultSchema,
  handle: async ({ dashboard, caller, context, body }) => ({
    message: await dashboard.acts.carryOut(name, body as never, caller, addressOf(context)),
  }),
}));

export const routes: readonly Route[] = [
  {
    method: 'get',
    path: '/session',
    summary: 'Who asks, and what they may do.',
    role: 'viewer',
    answer: sessionSchema,
    handle: ({ dashboard, caller }) => dashboard.sessionOf(caller),
  },
  {
    method: 'delete',
    path: '/session',
    summary: 'Log out: the session ends on all balancers.',
    role: 'viewer',
    handle: ({ dashboard, caller, context }) => dashboard.authentication.logout(context, caller),
  },
  {
    method: 'get',
    path: '/state',
    summary: 'The whole stack as it is now: what the map shows.',
    role: 'viewer',
    answer: stateSchema,
    handle: ({ dashboard }) => dashboard.readState(),
  },
  {
    method: 'get',
    path: '/story',
    summary: 'Every change of the primary with its rule and sentence, and what the agents did lately.',
    role: 'viewer',
    answer: storySchema,
    handle: ({ dashboard }) => dashboard.readStory(),
  },
  {
    method: 'get',
    path: '/sql',
    summary: 'The shapes of statements that took most time, and where they go.',
    role: 'viewer',
    answer: sqlSchema,
    handle: ({ dashboard }) => dashboard.readSql(),
  },
  {
    method: 'get',
    path: '/metrics',
    summary: 'Series of a time range, with marks for what happened in it.',
    role: 'viewer',
    query: rangeSchema,
    answer: metricsSchema,
    handle: ({ dashboard, query }) => dashboard.readMetrics(rangeSchema.parse(query)),
  },
  {
    method: 'get',
    path: '/acts',
    summary: 'What operators did, the latest first.',
    role: 'viewer',
    answer: actListSchema,
    handle: ({ dashboard }) => ({ acts: dashboard.shared.acts }),
  },
  {
    method: 'get',
    path: '/blocklist',
    summary: 'Addresses and networks that are blocked now.',
    role: 'viewer',
    answer: blocklistSchema,
    handle: ({ dashboard }) => dashboard.readBlocklist(),
  },
  ...acts,
];
