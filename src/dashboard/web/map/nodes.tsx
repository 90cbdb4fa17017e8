/** The map's nodes: a shape, words and a colour that say the same. */
import type { StackState } from '../../api/schemas.ts';
import { lag, milliseconds, rate } from '../format.ts';
import type { Node } from './layout.ts';

/** What a node says; `tone` chooses colour and mark. */
interface Face {
  readonly title: string;
  readonly state: string;
  readonly detail: string;
  readonly tone: 'good' | 'quiet' | 'warn' | 'bad' | 'lead';
}

export function faceOf(node: Node, state: StackState): Face {
  switch (node.tier) {
    case 'address':
      return addressFace(node.host, state);
    case 'balancer':
      return balancerFace(node.host, state);
    case 'web':
      return webFace(node.host, state);
    case 'database':
      return memberFace(node.host, state);
    default:
      return node.tier satisfies never;
  }
}

function addressFace(address: string, { site }: StackState): Face {
  const holders = site.addresses.find((one) => one.address === address)?.holders ?? [];
  const [first] = holders;
  if (first === undefined)
    return { title: address, state: 'held by none', detail: 'site unreachable', tone: 'bad' };
  const isOne = holders.length === 1;
  const errors = site.errorsPerSecond ?? 0;
  return {
    title: address,
    state: isOne ? `held by ${first}` : `held by ${holders.length}`,
    detail: errors > 0 ? `${rate(errors)} errors/s` : 'floating address',
    tone: !isOne || errors > 0 ? 'bad' : 'good',
  };
}

function balancerFace(host: string, { balancers, hosts }: StackState): Face {
  const found = balancers.find((one) => one.host === host);
  const isReachable = hosts.find(({ name }) => name === host)?.reachable === true;
  const state = !isReachable ? 'no answer' : (found?.state ?? 'down');
  const connections = found?.connections;
  return {
    title: host,
    state,
    detail: connections == null ? 'HAProxy' : `HAProxy · ${connections} conn.`,
    tone: !isReachable || state === 'down' ? 'bad' : state === 'active' ? 'lead' : 'quiet',
  };
}

function webFace(host: string, { web }: StackState): Face {
  const found = web.find((one) => one.host === host);
  const state = found?.state ?? 'unknown';
  const weight = found?.weight ?? null;
  const isChanged = found !== undefined && weight !== found.configuredWeight;
  const weightText =
    weight === null ? '' : `weight ${weight}${isChanged ? ` (was ${found.configuredWeight})` : ''}`;
  const latency =
    found?.latencyMs == null || found.latencyMs === 0 ? '' : ` · ${milliseconds(found.latencyMs)}`;
  return {
    title: host,
    state,
    detail: `${weightText}${latency}`,
    tone: state === 'up' ? 'good' : state === 'draining' || state === 'maintenance' ? 'warn' : 'bad',
  };
}

function memberFace(host: string, { database }: StackState): Face {
  const found = database.members.find((one) => one.host === host);
  if (found === undefined || found.role === 'unknown') {
    return { title: host, state: 'unknown', detail: 'no report', tone: 'bad' };
  }
  if (found.role === 'down') return { title: host, state: 'down', detail: 'database server', tone: 'bad' };
  if (found.role === 'primary') {
    const isPrimary = database.primary === host;
    return {
      title: host,
      state: isPrimary ? 'primary' : 'was primary',
      detail: `epoch ${database.epoch ?? '?'}`,
      tone: isPrimary ? 'lead' : 'warn',
    };
  }
  return {
    title: host,
    state: found.sync ? 'sync standby' : 'replica',
    detail: found.problem ?? lag(found.lagSeconds),
    tone: found.problem === null ? 'good' : 'warn',
  };
}

export function NodeShape({ node, state }: { node: Node; state: StackState }) {
  const { title, state: word, detail, tone } = faceOf(node, state);
  const { x, y, width, height } = node;
  const room = Math.floor((width - 24) / 6.6);
  return (
    <g class={`node node-${tone} tier-${node.tier}`} transform={`translate(${x} ${y})`}>
      <rect class="card" width={width} height={height} rx={node.tier === 'address' ? height / 2.6 : 12} />
      {tone === 'lead' && <rect class="ring" x="3" y="3" width={width - 6} height={height - 6} rx="9" />}
      <Mark tone={tone} x={width - 20} />
      <text class="node-title" x="14" y="27">
        {title}
      </text>
      <text class="node-state" x="14" y="48">
        {word}
      </text>
      <text class="node-detail" x="14" y="68">
        {detail.length > room ? `${detail.slice(0, room - 1)}…` : detail}
      </text>
    </g>
  );
}

/** A disc, a star, a ring, a triangle, a cross: told apart without colour. */
function Mark({ tone, x }: { tone: Face['tone']; x: number }) {
  const place = `translate(${x} 21)`;
  switch (tone) {
    case 'lead':
      return (
        <path
          class="mark"
          transform={place}
          d="M0 -8 L2.3 -2.6 L8 -2.4 L3.5 1.2 L5 7 L0 3.8 L-5 7 L-3.5 1.2 L-8 -2.4 L-2.3 -2.6 Z"
        />
      );
    case 'good':
      return <circle class="mark" transform={place} r="5" />;
    case 'quiet':
      return <circle class="mark mark-open" transform={place} r="5" />;
    case 'warn':
      return <path class="mark" transform={place} d="M0 -7 L7 6 L-7 6 Z" />;
    case 'bad':
      return <path class="mark mark-open" transform={place} d="M-5 -5 L5 5 M5 -5 L-5 5" />;
    default:
      return tone satisfies never;
  }
}
