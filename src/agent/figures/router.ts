/** The local SQL router in figures, from its control endpoint. */
import { askUnixSocket } from '#src/adapters/unix-http.ts';
import type { RouterFigures, RouterStory } from '#src/topology/figures.ts';

const timeoutMs = 2_000;

function askRouter(socketPath: string, path: string, question?: object): Promise<string> {
  return askUnixSocket(socketPath, { path, timeoutMs, ...(question === undefined ? {} : { question }) });
}

/** So many shapes are asked after. */
const explained = 20;

/** Rejects when the router does not answer. */
export async function routerStory(socketPath: string): Promise<RouterStory> {
  const [status, metrics] = await Promise.all([
    askRouter(socketPath, '/status'),
    askRouter(socketPath, '/metrics'),
  ]);
  const { topStatements = [] } = JSON.parse(status) as { topStatements?: TopStatement[] };
  const statements = [];
  for (const [index, top] of topStatements.entries()) {
    // A command without a text, such as a prepare, has no route of its own.
    const isStatement = !top.fingerprint.startsWith('command ');
    const route = isStatement && index < explained ? await explain(socketPath, top.fingerprint) : undefined;
    statements.push({ ...top, goesTo: route?.goesTo ?? null, because: route?.because ?? null });
  }
  return { statements, routed: routedOf(metrics) };
}

type TopStatement = Omit<RouterStory['statements'][number], 'goesTo' | 'because'>;

/** Undefined when the router can't say: a shape is a statement without its values. */
async function explain(
  socketPath: string,
  sql: string,
): Promise<{ goesTo: string; because: string } | undefined> {
  try {
    const answer = JSON.parse(await askRouter(socketPath, '/explain', { sql })) as {
      slot: string;
      member: string | null;
      because: string;
    };
    const { slot, member, because } = answer;
    return { goesTo: member === null ? slot : `${slot}, ${member}`, because };
  } catch {
    return undefined;
  }
}

function routedOf(metrics: string): RouterStory['routed'] {
  const rows = metrics.split('\n').flatMap((row) => {
    const match = /^tandem_router_routed_total\{(.*)\} ([0-9.eE+-]+)$/.exec(row);
    if (match === null) return [];
    const label = (name: string) => new RegExp(`${name}="([^"]*)"`).exec(match[1] ?? '')?.[1] ?? '';
    return [{ slot: label('slot'), reason: label('reason'), count: Number(match[2]) }];
  });
  return rows.filter(({ count }) => count > 0);
}

export async function routerFigures(socketPath: string): Promise<RouterFigures> {
  return figuresOf(await askRouter(socketPath, '/metrics'));
}

const line = /^tandem_router_([a-z_]+)(?:\{(.*)\})? ([0-9.eE+-]+)$/;

/** From Prometheus' text format; of the router's own metrics, whose labels hold no quotes or commas. */
export function figuresOf(text: string): RouterFigures {
  const members: Record<string, { statements: number; tookSeconds: number }> = {};
  const sums: Record<string, number> = {};
  for (const row of text.split('\n')) {
    const match = line.exec(row);
    if (match === null) continue;
    const [, name = '', labels = '', value = '0'] = match;
    sums[name] = (sums[name] ?? 0) + Number(value);
    const member = /member="([^"]*)"/.exec(labels)?.[1];
    if (member === undefined) continue;
    members[member] ??= { statements: 0, tookSeconds: 0 };
    if (name === 'statements_total') members[member].statements += Number(value);
    if (name === 'statement_seconds_sum') members[member].tookSeconds += Number(value);
  }
  return {
    clients: sums['client_connections'] ?? 0,
    sessions: sums['sessions'] ?? 0,
    held: sums['held_statements'] ?? 0,
    errors: sums['errors_total'] ?? 0,
    members,
  };
}
