/** Where the map's nodes and arrows lie, from what there is and the room there is; pure. */
import type { StackState } from '../../api/schemas.ts';

export interface Node {
  readonly id: string;
  readonly tier: 'address' | 'balancer' | 'web' | 'database';
  readonly host: string;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface Edge {
  readonly id: string;
  readonly path: string;
  readonly kind: 'holds' | 'requests' | 'statements' | 'replication';
  readonly from: string;
  readonly to: string;
  readonly perSecond: number | null;
  /** Carries something, or would. */
  readonly isActive: boolean;
  readonly label: { readonly x: number; readonly y: number; readonly text: string } | undefined;
}

export interface Layout {
  readonly width: number;
  readonly height: number;
  readonly isWide: boolean;
  readonly nodes: readonly Node[];
}

interface Tier {
  readonly tier: Node['tier'];
  readonly hosts: readonly string[];
}

const wideFrom = 760;
const nodeHeight = 84;

function tiersOf(state: StackState): readonly Tier[] {
  return [
    { tier: 'address', hosts: state.site.addresses.map(({ address }) => address) },
    { tier: 'balancer', hosts: state.balancers.map(({ host }) => host) },
    { tier: 'web', hosts: state.web.map(({ host }) => host) },
    { tier: 'database', hosts: state.database.members.map(({ host }) => host) },
  ];
}

/** Left to right where there is room for it, top to bottom on a phone. */
export function layoutOf(state: StackState, width: number): Layout {
  return width >= wideFrom ? wide(tiersOf(state), width) : narrow(tiersOf(state), width);
}

function wide(tiers: readonly Tier[], width: number): Layout {
  const gap = 44;
  const most = Math.max(...tiers.map(({ hosts }) => hosts.length));
  const height = Math.max(280, most * (nodeHeight + gap) + 24);
  // Room on the right for the arcs of replication.
  const right = 92;
  const nodeWidth = Math.min(210, (width - right) / 5.4);
  const step = (width - right - nodeWidth - 4) / (tiers.length - 1);
  const nodes = tiers.flatMap(({ tier, hosts }, column) =>
    hosts.map((host, row): Node => {
      const total = hosts.length * nodeHeight + (hosts.length - 1) * gap;
      const y = (height - total) / 2 + row * (nodeHeight + gap);
      return {
        id: `${tier} ${host}`,
        tier,
        host,
        x: 2 + column * step,
        y,
        width: nodeWidth,
        height: nodeHeight,
      };
    }),
  );
  return { width, height, isWide: true, nodes };
}

function narrow(tiers: readonly Tier[], width: number): Layout {
  const gap = 12;
  const between = 62;
  const perRow = width < 330 ? 1 : 2;
  const nodes: Node[] = [];
  let y = 4;
  for (const { tier, hosts } of tiers) {
    for (let start = 0; start < hosts.length; start += perRow) {
      const row = hosts.slice(start, start + perRow);
      const nodeWidth = Math.min(230, (width - gap * (perRow - 1) - 4) / perRow);
      const total = row.length * nodeWidth + (row.length - 1) * gap;
      row.forEach((host, index) => {
        const x = (width - total) / 2 + index * (nodeWidth + gap);
        nodes.push({ id: `${tier} ${host}`, tier, host, x, y, width: nodeWidth, height: nodeHeight });
      });
      y += nodeHeight + (start + perRow < hosts.length ? gap : between);
    }
  }
  return { width, height: y - between + 46, isWide: false, nodes };
}

type Point = readonly [x: number, y: number];

interface Curve {
  readonly path: string;
  /** Of the label. */
  readonly x: number;
  readonly y: number;
}

/** A cubic curve between two nodes, and a point on it for the label. */
export function curve(from: Node, to: Node, isWide: boolean, at: number): Curve {
  const start = exitOf(from, isWide);
  const end: Point = isWide ? [to.x - 7, to.y + to.height / 2] : [to.x + to.width / 2, to.y - 7];
  const reach = isWide ? (end[0] - start[0]) * 0.5 : (end[1] - start[1]) * 0.5;
  const one = moved(start, reach, isWide);
  const two = moved(end, -reach, isWide);
  return { path: pathOf(start, one, two, end), ...pointAt([start, one, two, end], at) };
}

/** Between two nodes of the same tier: out to the side and back. */
export function arc(from: Node, to: Node, isWide: boolean): Curve {
  const start = exitOf(from, isWide);
  const end = moved(exitOf(to, isWide), 7, isWide);
  const reach = isWide ? 58 : 34;
  const one = moved(start, reach, isWide);
  const two = moved(end, reach, isWide);
  return { path: pathOf(start, one, two, end), ...pointAt([start, one, two, end], 0.5) };
}

/** Middle of the side that faces the next tier. */
function exitOf({ x, y, width, height }: Node, isWide: boolean): Point {
  return isWide ? [x + width, y + height / 2] : [x + width / 2, y + height];
}

/** Towards the next tier. */
function moved([x, y]: Point, by: number, isWide: boolean): Point {
  return isWide ? [x + by, y] : [x, y + by];
}

function pathOf(start: Point, one: Point, two: Point, end: Point): string {
  const text = ([x, y]: Point) => `${Math.round(x * 10) / 10} ${Math.round(y * 10) / 10}`;
  return `M ${text(start)} C ${text(one)}, ${text(two)}, ${text(end)}`;
}

function pointAt([a, b, c, d]: readonly [Point, Point, Point, Point], t: number): { x: number; y: number } {
  const part = (index: 0 | 1) =>
    (1 - t) ** 3 * a[index] +
    3 * (1 - t) ** 2 * t * b[index] +
    3 * (1 - t) * t ** 2 * c[index] +
    t ** 3 * d[index];
  return { x: part(0), y: part(1) };
}
