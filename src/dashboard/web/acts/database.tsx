import type { StackState } from '../../api/schemas.ts';
import { useDoing } from './confirm.tsx';

export function DatabasePanel({ state }: { state: StackState }) {
  const { propose, mayAct } = useDoing();
  const { database } = state;
  const isOn = database.maintenance !== null;
  const others = database.members.filter(({ host }) => host !== database.primary);
  return (
    <section class="panel" aria-labelledby="act-database">
      <h2 id="act-database">Database</h2>
      <h3>Primary</h3>
      <p class="soft">{database.primary ?? 'nobody'} leads. Writes pause for a moment, and none is lost.</p>
      <div class="buttons">
        {others.map(({ host }) => (
          <button
            key={host}
            type="button"
            disabled={!mayAct}
            onClick={() =>
              propose({
                act: 'switchover',
                body: { to: host },
                question: `Make ${host} the primary?`,
                meaning:
                  'The primary closes for new writes, waits until the other has everything, and hands over. Queries that only read go on.',
                button: 'Switch over',
              })
            }
          >
            Switch over to {host}
          </button>
        ))}
      </div>
      <h3>Maintenance</h3>
      <p class="soft">{isOn ? 'Nothing fails over by itself now.' : 'Failovers happen by themselves.'}</p>
      <button
        type="button"
        disabled={!mayAct}
        onClick={() =>
          propose({
            act: 'maintenance',
            body: { on: !isOn },
            question: isOn ? 'End maintenance?' : 'Begin maintenance?',
            meaning: isOn
              ? 'Failovers happen by themselves again.'
              : 'Until it is ended nothing fails over: if the primary dies meanwhile, the site can not write.',
            button: isOn ? 'End maintenance' : 'Begin maintenance',
          })
        }
      >
        {isOn ? 'End maintenance' : 'Begin maintenance'}
      </button>
    </section>
  );
}
