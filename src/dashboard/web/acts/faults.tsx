/** In a lab: break something, and watch. */
import { useState } from 'preact/hooks';
import type { StackState } from '../../api/schemas.ts';
import { useDoing } from './confirm.tsx';

const cutOffMs = 20_000;
/** What heals a host is spared. */
const spared = new Set(['agent', 'firewall']);

export function FaultsPanel({ state }: { state: StackState }) {
  const { propose } = useDoing();
  const [name, setName] = useState(state.hosts[0]?.name ?? '');
  const [asked, setService] = useState('');
  const host = state.hosts.find((one) => one.name === name);
  const services = (host?.services ?? []).filter((one) => !spared.has(one.name) && one.state === 'running');
  const service = services.some((one) => one.name === asked) ? asked : (services[0]?.name ?? '');
  const faulty = state.hosts.filter(({ faults }) => faults.length > 0);
  const fault = (kind: 'kill' | 'freeze', meaning: string) => () =>
    propose({
      act: 'fault',
      body: { host: name, kind, service },
      question: `${kind === 'kill' ? 'Kill' : 'Freeze'} ${service} on ${name}?`,
      meaning,
      button: kind === 'kill' ? 'Kill' : 'Freeze',
    });
  return (
    <section class="panel" aria-labelledby="act-fault">
      <h2 id="act-fault">Break something</h2>
      <p class="soft">This is a lab. Every fault is the real thing, and ends.</p>
      <div class="stack">
        <label>
          Host
          <select value={name} onChange={(event) => setName(event.currentTarget.value)}>
            {state.hosts.map((one) => (
              <option key={one.name}>{one.name}</option>
            ))}
          </select>
        </label>
        <label>
          Service
          <select value={service} onChange={(event) => setService(event.currentTarget.value)}>
            {services.map((one) => (
              <option key={one.name}>{one.name}</option>
            ))}
          </select>
        </label>
      </div>
      <div class="buttons">
        <button
          type="button"
          disabled={service === ''}
          onClick={fault('kill', 'SIGKILL: its supervisor starts it again.')}
        >
          Kill
        </button>
        <button
          type="button"
          disabled={service === ''}
          onClick={fault(
            'freeze',
            'SIGSTOP to all of its processes. It wakes when it is healed, or after two minutes.',
          )}
        >
          Freeze
        </button>
        <button
          type="button"
          onClick={() =>
            propose({
              act: 'fault',
              body: { host: name, kind: 'cut-off', forMs: cutOffMs },
              question: `Cut ${name} off?`,
              meaning: `Its link goes down for ${cutOffMs / 1_000} s and comes back by itself: nobody can reach it to heal it sooner.`,
              button: 'Cut off',
            })
          }
        >
          Cut off
        </button>
        <button
          type="button"
          onClick={() =>
            propose({
              act: 'fault',
              body: { host: name, kind: 'heal' },
              question: `Heal ${name}?`,
              meaning: 'What is frozen there wakes.',
              button: 'Heal',
            })
          }
        >
          Heal
        </button>
      </div>
      {faulty.length > 0 && (
        <p class="warn">
          Under way:{' '}
          {faulty
            .map(
              (one) =>
                `${one.name} (${one.faults.map(({ kind, service: what }) => what ?? kind).join(', ')})`,
            )
            .join('; ')}
        </p>
      )}
    </section>
  );
}
