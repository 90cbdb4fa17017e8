/** The map's arrows: who sends what to whom; pure. */
import type { StackState } from '../../api/schemas.ts';
import { lag, rate } from '../format.ts';
import { arc, curve, type Edge, type Layout, type Node } from './layout.ts';

export function edgesOf(state: StackState, layout: Layout): readonly Edge[] {
  const node = (tier: Node['tier'], host: string) =>
    layout.nodes.find((one) => one.tier === tier && one.host === host);
  return [
    ...holdEdges(state, layout, node),
    ...requestEdges(state, layout, node),
    ...statementEdges(state, layout, node),
    ...replicationEdges(state, layout, node),
  ];
}

type Find = (tier: Node['tier'], host: string) => Node | undefined;

function holdEdges(state: StackState, { isWide }: Layout, node: Find): readonly Edge[] {
  return state.site.addresses.flatMap(({ address, holders }) =>
    state.balancers.flatMap(({ host }) => {
      const [from, to] = [node('address', address), node('balancer', host)];
      if (from === undefined || to === undefined) return [];
      const isActive = holders.includes(host);
      const { path, x, y } = curve(from, to, isWide, 0.5);
      const text = `${rate(state.site.requestsPerSecond)} req/s`;
      return [
        {
          id: `holds ${address} ${host}`,
          path,
          kind: 'holds' as const,
          from: address,
          to: host,
          perSecond: isActive ? state.site.requestsPerSecond : null,
          isActive,
          label: isActive ? { x, y, text } : undefined,
        },
      ];
    }),
  );
}

function requestEdges(state: StackState, { isWide }: Layout, node: Find): readonly Edge[] {
  return state.balancers.flatMap((balancer) =>
    state.web.flatMap(({ host, state: webState }) => {
      const [from, to] = [node('balancer', balancer.host), node('web', host)];
      if (from === undefined || to === undefined) return [];
      const flow = state.flows.find(
        (one) => one.kind === 'requests' && one.from === balancer.host && one.to === host,
      );
      const isActive = balancer.state === 'active' && webState === 'up';
      const { path, x, y } = curve(from, to, isWide, 0.62);
      const perSecond = flow?.perSecond ?? null;
      const label = isActive || (perSecond ?? 0) > 0 ? { x, y, text: `${rate(perSecond)}/s` } : undefined;
      const id = `requests ${balancer.host} ${host}`;
      return [
        { id, path, kind: 'requests' as const, from: balancer.host, to: host, perSecond, isActive, label },
      ];
    }),
  );
}

function statementEdges(state: StackState, { isWide }: Layout, node: Find): readonly Edge[] {
  const members = state.database.members;
  return state.web.flatMap(({ host }, row) =>
    members.flatMap((member, index) => {
      const [from, to] = [node('web', host), node('database', member.host)];
      if (from === undefined || to === undefined) return [];
      const flow = state.flows.find(
        (one) => one.kind === 'statements' && one.from === host && one.to === member.host,
      );
      const isActive = member.role === 'primary' || member.role === 'replica';
      // Straight ones in the middle, crossing ones near their start: labels stay apart.
      const { path, x, y } = curve(from, to, isWide, index === row ? 0.55 : 0.24);
      const perSecond = flow?.perSecond ?? null;
      const label = perSecond === null ? undefined : { x, y, text: `${rate(perSecond)}/s` };
      const id = `statements ${host} ${member.host}`;
      return [
        { id, path, kind: 'statements' as const, from: host, to: member.host, perSecond, isActive, label },
      ];
    }),
  );
}

function replicationEdges(state: StackState, { isWide }: Layout, node: Find): readonly Edge[] {
  return state.database.members.flatMap(({ host, following, lagSeconds, sync }) => {
    const [from, to] = [node('database', following ?? ''), node('database', host)];
    if (from === undefined || to === undefined) return [];
    const { path, x, y } = arc(from, to, isWide);
    const text = sync ? 'sync' : lagSeconds === null ? 'async' : lag(lagSeconds);
    const id = `replication ${following} ${host}`;
    return [
      {
        id,
        path,
        kind: 'replication' as const,
        from: from.host,
        to: host,
        perSecond: null,
        isActive: true,
        label: { x, y, text },
      },
    ];
  });
}
