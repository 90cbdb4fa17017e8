/**
 * Deliberate breakages: each takes one safeguard away, by giving the simulator other rules, or by carrying an effect
 * out otherwise. The simulator must find each of them, or it proves nothing.
 */
import type { Cluster } from '#src/ha/keys.ts';
import type { Rule, View } from '#src/ha/view.ts';
import type { Mutation } from './world.ts';

/** A rule that is never taken. */
function without(...numbers: readonly number[]): (rules: readonly Rule[]) => readonly Rule[] {
  return (rules) => rules.filter((rule) => !numbers.includes(rule.number));
}

/** Rules whose conditions see another view than the true one. */
function seeing(change: (view: View) => View, ...numbers: readonly number[]) {
  return (rules: readonly Rule[]): readonly Rule[] =>
    rules.map((rule) =>
      numbers.includes(rule.number)
        ? { ...rule, when: (view) => rule.when(change(view)), build: (view) => rule.build(change(view)) }
        : rule,
    );
}

/** Takes rules out of their places and puts them before another. */
function before(anchor: number, ...numbers: readonly number[]) {
  return (rules: readonly Rule[]): readonly Rule[] => {
    const moved = rules.filter((rule) => numbers.includes(rule.number));
    const rest = rules.filter((rule) => !numbers.includes(rule.number));
    const at = rest.findIndex((rule) => rule.number === anchor);
    return [...rest.slice(0, at), ...moved, ...rest.slice(at)];
  };
}

function replaceCondition(number: number, when: (view: View, original: Rule) => boolean) {
  return (rules: readonly Rule[]): readonly Rule[] =>
    rules.map((rule) => (rule.number === number ? { ...rule, when: (view) => when(view, rule) } : rule));
}

/** The epoch check: every member believes that its data belongs to the recorded epoch. */
function blindToEpochs(view: View): View {
  if (view.cluster === null) return view;
  const cluster: Cluster = { ...view.cluster, history: [] };
  return { ...view, cluster };
}

function receivedIsApplied(view: View): View {
  return view.server === null
    ? view
    : { ...view, server: { ...view.server, received: view.server.applied, relayUnread: false } };
}

function everybodyIsNamed(view: View): View {
  const { sync } = view;
  return sync === null ? view : { ...view, sync: { ...sync, members: view.config.members } };
}

export const mutations: readonly Mutation[] = [
  { name: 'drop the epoch check on rejoin', rules: seeing(blindToEpochs, 69, 71, 72, 73, 74, 76) },
  {
    name: 'promote a member that sync does not name, by its applied position',
    rules: seeing(everybodyIsNamed, 30, 60),
  },
  { name: 'skip the relay-log wait', rules: seeing(receivedIsApplied, 31, 34, 35) },
  {
    name: 'writable before sync is written',
    rules: (rules) =>
      before(
        36,
        41,
      )(
        rules.map((rule) =>
          rule.number === 41
            ? {
                ...rule,
                when: (v) =>
                  v.leads &&
                  v.clusterFresh &&
                  v.databaseFresh &&
                  v.server?.replication === null &&
                  v.server.readOnly &&
                  (v.state.drainingSince === null || !v.recorded),
              }
            : rule,
        ),
      ),
  },
  {
    name: 'degrade before it is recorded',
    rules: (rules) =>
      before(
        27,
        28,
      )(
        replaceCondition(
          28,
          (v) =>
            v.leads &&
            v.recorded &&
            v.server?.semiSyncSource === true &&
            v.config.mode === 'required' &&
            v.state.standbyLostSince !== null &&
            v.now - v.state.standbyLostSince >= v.config.degradeAfterMs,
        )(rules),
      ),
  },
  {
    name: 'acknowledge before it is named or invited',
    // It acknowledges from its first connection on, and hides that from the primary.
    effect: (effect, node) => {
      if (effect.kind === 'changeSource') return { ...effect, acknowledge: true };
      if (effect.kind === 'setAcknowledging') return { ...effect, on: true };
      if (effect.kind !== 'putReport') return effect;
      const sync = node.state.cluster?.value.sync;
      const expected = sync?.members.includes(node.name) === true || sync?.joining === node.name;
      return {
        ...effect,
        report: { ...effect.report, acknowledging: effect.report.acknowledging && expected },
      };
    },
  },
  {
    name: 'start with SLAVE recovery',
    effect: (effect) => (effect.kind === 'startServer' ? { ...effect, recovery: 'SLAVE' } : effect),
  },
  { name: 'reuse the server id', rules: without(37, 74) },
  {
    name: 'start replication over an unread relay log',
    rules: (rules) => seeing(receivedIsApplied, 76)(without(31, 73)(rules)),
  },
  {
    name: 'source side off on an etcd timeout',
    event: (event) =>
      event.type === 'done' && event.effect.kind === 'writeSync' && event.outcome === 'unknown'
        ? { ...event, outcome: 'ok', revision: 0 }
        : event,
    rules: (rules) =>
      replaceCondition(
        28,
        (v) =>
          v.recorded &&
          v.server?.semiSyncSource === true &&
          v.config.mode === 'required' &&
          v.state.aloneRevision === 0,
      )(before(27, 28)(rules)),
  },
  { name: 'unconditional writes to etcd', unconditional: true },
  {
    name: 'name the standby without a barrier',
    only: ['struck at a decision', 'slow network', 'cut between members alone', 'kill server'],
    state: (state) =>
      state.barrier === null ? state : { ...state, barrier: { ...state.barrier, position: [] } },
  },
  {
    name: 'name a standby while another may still acknowledge',
    rules: seeing(
      (v) =>
        v.sync === null
          ? v
          : { ...v, sync: { ...v.sync, mayAcknowledge: v.sync.joining === null ? [] : [v.sync.joining] } },
      53,
      56,
    ),
    // The barrier has a guard of its own against the same danger: both go.
    state: (state) => {
      const joining = state.cluster?.value.sync?.joining ?? null;
      const server = state.database?.value;
      if (state.barrier !== null || joining === null || server?.state !== 'up' || !server.semiSyncSource)
        return state;
      return { ...state, barrier: { joining, position: server.applied } };
    },
  },
  { name: 'clone without saving', rules: without(71) },
  {
    name: 'close a primary on every lost lease',
    rules: replaceCondition(
      22,
      (v) => v.databaseFresh && v.recorded && !v.leaseValid && v.server !== null && !v.server.readOnly,
    ),
  },
  {
    name: 'open before the standby has the recovered tail',
    rules: (rules) => without(40)(rules),
  },
];
