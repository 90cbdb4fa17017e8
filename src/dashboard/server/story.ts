/** The views that are asked for when they are opened: story, SQL, block-list. */
import type { HistoryRecord } from '#src/ha/store-format.ts';
import type { RouterStory, StatementRoute } from '#src/topology/figures.ts';
import type { BlockEntries, SqlView, StackState, Story } from '../api/schemas.ts';
import type { Agents } from './agents.ts';

interface Decision {
  readonly atMs: number;
  readonly rule: number;
  readonly sentence: string;
  readonly effects: readonly string[];
}

/** Hosts that don't answer are left out: their steps are lost from this view only while they don't. */
export async function readStory(
  agents: Agents,
  history: readonly HistoryRecord[],
  state: StackState,
): Promise<Story> {
  const told = await Promise.all(
    agents.hostsWith('database').map(async (host) => {
      const answer = await agents.ask(host, { path: '/v1/database' }).catch(() => undefined);
      const { decisions = [] } = (answer?.body ?? {}) as { decisions?: readonly Decision[] };
      return decisions.map((decision) => ({ host, ...decision, effects: [...decision.effects] }));
    }),
  );
  return {
    epochs: history.map(({ epoch, holder, atMs, rule, sentence }) => ({
      epoch,
      holder,
      atMs,
      rule,
      sentence,
    })),
    steps: told.flat().toSorted((left, right) => left.atMs - right.atMs),
    now: state.database.failover,
  };
}

const shownStatements = 50;

export async function readSql(agents: Agents): Promise<SqlView> {
  const hosts = agents.hostsWith('web');
  const answers = await Promise.all(
    hosts.map(async (host) => {
      const answer = await agents.ask(host, { path: '/v1/router' }).catch(() => undefined);
      return answer?.status === 200 ? { host, story: answer.body as RouterStory } : undefined;
    }),
  );
  const known = answers.filter((answer) => answer !== undefined);
  return {
    statements: mergeStatements(known),
    routed: mergeRouted(known.map(({ story }) => story)),
    silent: hosts.filter((_, index) => answers[index] === undefined),
  };
}

/** One row a shape, whichever routers saw it; most time first. */
export function mergeStatements(
  told: readonly { host: string; story: RouterStory }[],
): SqlView['statements'] {
  const merged = new Map<string, SqlView['statements'][number]>();
  for (const { host, story } of told) {
    for (const { fingerprint, ...one } of story.statements) {
      const before = merged.get(fingerprint);
      merged.set(fingerprint, {
        shape: fingerprint,
        totalMs: one.totalMs + (before?.totalMs ?? 0),
        atMostTooMuchMs: one.atMostTooMuchMs + (before?.atMostTooMuchMs ?? 0),
        statements: one.statements + (before?.statements ?? 0),
        longestMs: Math.max(one.longestMs, before?.longestMs ?? 0),
        hosts: [...(before?.hosts ?? []), host],
        went: mergeRoutes([...(before?.went ?? []), ...(one.routes ?? [])]),
        goesTo: before?.goesTo ?? one.goesTo,
        because: before?.because ?? one.because,
      });
    }
  }
  return [...merged.values()].toSorted((a, b) => b.totalMs - a.totalMs).slice(0, shownStatements);
}

function mergeRoutes(routes: readonly StatementRoute[]): StatementRoute[] {
  const merged = new Map<string, StatementRoute>();
  for (const { member, reason, statements } of routes) {
    const key = `${member} ${reason}`;
    merged.set(key, { member, reason, statements: statements + (merged.get(key)?.statements ?? 0) });
  }
  return [...merged.values()].toSorted((a, b) => b.statements - a.statements);
}

function mergeRouted(stories: readonly RouterStory[]): SqlView['routed'] {
  const merged = new Map<string, SqlView['routed'][number]>();
  for (const { slot, reason, count } of stories.flatMap(({ routed }) => routed)) {
    const key = `${slot} ${reason}`;
    merged.set(key, { slot, reason, count: count + (merged.get(key)?.count ?? 0) });
  }
  return [...merged.values()].toSorted((a, b) => b.count - a.count);
}

export async function readBlocklist(agents: Agents, hosts: readonly string[]): Promise<BlockEntries> {
  const body = (await agents.demandAny(hosts, { path: '/v1/blocklist' })) as { entries: BlockEntries };
  return body.entries.map(({ address, untilMs, reason, by }) => ({ address, untilMs, reason, by }));
}
