/** The stack as a whiteboard would have it: address, balancers, web hosts, database, and what flows between them. */
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { StackState } from '../../api/schemas.ts';
import { ago, percent } from '../format.ts';
import type { Live } from '../live.ts';
import { edgesOf } from './edges.ts';
import { type Edge, layoutOf } from './layout.ts';
import { faceOf, NodeShape } from './nodes.tsx';

/** Of the element, kept up with its size. */
function useWidth() {
  const element = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(0);
  // Before the first paint: an observer's first word comes after it.
  useLayoutEffect(() => {
    if (element.current === null) return;
    setWidth(element.current.clientWidth);
    const observer = new ResizeObserver(([entry]) => setWidth(Math.round(entry?.contentRect.width ?? 0)));
    observer.observe(element.current);
    return () => observer.disconnect();
  }, []);
  return { element, width };
}

export function MapView({ state, isLive, notes }: Live) {
  const { element, width } = useWidth();
  return (
    <div class={`map${isLive ? '' : ' stale'}`}>
      <Problems state={state} />
      <div class="map-sheet" ref={element}>
        {width > 0 && <Drawing state={state} width={width} />}
      </div>
      <FailoverNow state={state} />
      <div class="columns">
        <Hosts state={state} />
        <section class="panel" aria-labelledby="lately">
          <h2 id="lately">Lately</h2>
          {notes.length === 0 ? (
            <p class="soft">Nothing has happened since this page was opened.</p>
          ) : (
            <ol class="notes">
              {notes.slice(0, 8).map(({ atMs, text }) => (
                <li key={`${atMs} ${text}`}>
                  <time>{new Date(atMs).toLocaleTimeString('en-GB')}</time> {text}
                </li>
              ))}
            </ol>
          )}
        </section>
      </div>
    </div>
  );
}

function Problems({ state }: { state: StackState }) {
  if (state.healthy) return null;
  return (
    <section class="problems" aria-label="Problems">
      <ul>
        {state.problems.map((problem) => (
          <li key={problem}>
            <span aria-hidden="true">▲</span> {problem}
          </li>
        ))}
      </ul>
    </section>
  );
}

function Drawing({ state, width }: { state: StackState; width: number }) {
  const layout = layoutOf(state, width);
  const edges = edgesOf(state, layout);
  return (
    <svg
      class="drawing"
      role="img"
      aria-label={describe(state)}
      width={width}
      height={layout.height}
      viewBox={`0 0 ${width} ${layout.height}`}
    >
      <defs>
        <marker
          id="tip"
          viewBox="0 0 8 8"
          refX="2"
          refY="4"
          markerWidth="7"
          markerHeight="7"
          orient="auto"
          markerUnits="userSpaceOnUse"
        >
          <path class="tip" d="M0 0 L8 4 L0 8 Z" />
        </marker>
      </defs>
      {edges.map((edge) => (
        <EdgeLine key={edge.id} edge={edge} />
      ))}
      {layout.nodes.map((node) => (
        <NodeShape key={node.id} node={node} state={state} />
      ))}
      {edges.map((edge) => edge.label !== undefined && <EdgeLabel key={edge.id} label={edge.label} />)}
    </svg>
  );
}

function EdgeLine({ edge }: { edge: Edge }) {
  const busy = edge.perSecond ?? 0;
  const width = edge.isActive ? Math.min(7, 1.5 + Math.log10(1 + busy) * 1.4) : 1;
  return (
    <>
      <path
        class={`edge edge-${edge.kind}${edge.isActive ? '' : ' edge-idle'}`}
        d={edge.path}
        stroke-width={width}
        marker-end="url(#tip)"
      />
      {edge.isActive && busy > 0 && (
        <path class={`flow flow-${speed(busy)}`} d={edge.path} stroke-width={Math.max(2, width)} />
      )}
    </>
  );
}

function speed(perSecond: number): 'slow' | 'steady' | 'fast' {
  return perSecond < 5 ? 'slow' : perSecond < 200 ? 'steady' : 'fast';
}

function EdgeLabel({ label: { x, y, text } }: { label: NonNullable<Edge['label']> }) {
  const width = text.length * 6.4 + 12;
  return (
    <g class="edge-label" transform={`translate(${x} ${y})`}>
      <rect x={-width / 2} y="-10" width={width} height="20" rx="10" />
      <text text-anchor="middle" y="4">
        {text}
      </text>
    </g>
  );
}

/** The drawing in words. */
function describe(state: StackState): string {
  const nodes = layoutOf(state, 1_000).nodes.map((node) => {
    const { title, state: word, detail } = faceOf(node, state);
    return `${node.tier} ${title}: ${word}${detail === '' ? '' : `, ${detail}`}`;
  });
  return `Map of ${state.stack}. ${nodes.join('; ')}.`;
}

function FailoverNow({ state }: { state: StackState }) {
  const { failover, maintenance, switchover } = state.database;
  return (
    <p class="now">
      <span class={failover.possible ? 'good' : 'bad'} aria-hidden="true">
        {failover.possible ? '●' : '▲'}
      </span>{' '}
      A failover <strong>{failover.possible ? 'would succeed' : 'would not succeed'}</strong> now:{' '}
      {failover.reason}.
      {maintenance !== null && (
        <>
          {' '}
          <strong>Maintenance</strong> is on, by {maintenance.by}, since{' '}
          {ago(maintenance.sinceMs, state.atMs)}.
        </>
      )}
      {switchover !== null && (
        <>
          {' '}
          A <strong>switchover</strong> to {switchover.to} is under way.
        </>
      )}
    </p>
  );
}

function Hosts({ state }: { state: StackState }) {
  return (
    <section class="panel" aria-labelledby="hosts">
      <h2 id="hosts">Hosts</h2>
      <section class="scroll" aria-label="Hosts, as a table" tabIndex={0}>
        <table>
          <thead>
            <tr>
              <th scope="col">host</th>
              <th scope="col">roles</th>
              <th scope="col">services</th>
              <th scope="col" class="number">
                load
              </th>
              <th scope="col" class="number">
                memory
              </th>
              <th scope="col" class="number">
                disk
              </th>
            </tr>
          </thead>
          <tbody>
            {state.hosts.map((host) => (
              <tr key={host.name}>
                <th scope="row">
                  {host.name} <span class="soft">{host.address}</span>
                </th>
                <td>{host.roles.join(', ')}</td>
                <td>
                  <Services host={host} />
                </td>
                <td class="number">{percent(host.load)}</td>
                <td class="number">{percent(host.memoryUsed)}</td>
                <td class="number">{percent(host.diskUsed)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </section>
  );
}

function Services({ host }: { host: StackState['hosts'][number] }) {
  if (!host.reachable) {
    return (
      <span class="bad">
        <span aria-hidden="true">✕</span> no answer
      </span>
    );
  }
  const bad = host.services.filter(({ state }) => state !== 'running' && state !== 'done');
  const faults = host.faults.map(({ kind, service }) =>
    kind === 'freeze' ? `${service} frozen` : 'cut off',
  );
  return (
    <>
      {host.services.length - bad.length} of {host.services.length} run
      {bad.map(({ name, state }) => (
        <span key={name} class="bad">
          {' '}
          <span aria-hidden="true">▲</span> {name} {state}
        </span>
      ))}
      {faults.map((text) => (
        <span key={text} class="warn">
          {' '}
          <span aria-hidden="true">❄</span> {text}
        </span>
      ))}
    </>
  );
}
