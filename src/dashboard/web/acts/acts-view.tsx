/** What an operator may do, what is blocked, and who did what. */
import { useState } from 'preact/hooks';
import type { ActRecord } from '../../api/schemas.ts';
import { clock } from '../format.ts';
import type { Live } from '../live.ts';
import { useAsked } from '../use-asked.ts';
import { BlocklistPanel } from './blocklist.tsx';
import { Confirm, Doing, type Outcome, type Plan } from './confirm.tsx';
import { DatabasePanel } from './database.tsx';
import { FaultsPanel } from './faults.tsx';
import { WebPanel } from './web-hosts.tsx';

export function ActsView(live: Live) {
  const { session, state } = live;
  const [plan, setPlan] = useState<Plan>();
  const [outcome, setOutcome] = useState<Outcome>();
  const { answer, again } = useAsked<{ acts: readonly ActRecord[] }>('/acts', 5_000);
  const mayAct = session.role !== 'viewer';
  const close = (next?: Outcome) => {
    setPlan(undefined);
    if (next === undefined) return;
    setOutcome(next);
    again();
  };
  return (
    <Doing.Provider value={{ propose: setPlan, mayAct }}>
      <div class="acts">
        {!mayAct && (
          <p class="notice">You look on: an account with the role operator may act, yours is a viewer's.</p>
        )}
        <p
          class={`outcome ${outcome === undefined ? '' : outcome.isGood ? 'outcome-good' : 'outcome-bad'}`}
          role="status"
        >
          {outcome === undefined ? '' : `${outcome.isGood ? '✓' : '✕'} ${outcome.text}`}
        </p>
        <div class="columns">
          <DatabasePanel state={state} />
          <WebPanel state={state} />
          <BlocklistPanel outcome={outcome} />
          {session.lab && session.role === 'admin' && <FaultsPanel state={state} />}
        </div>
        <Record acts={answer?.acts ?? []} />
      </div>
      {plan !== undefined && <Confirm plan={plan} close={close} />}
    </Doing.Provider>
  );
}

function Record({ acts }: { acts: readonly ActRecord[] }) {
  return (
    <section class="panel" aria-labelledby="record">
      <h2 id="record">Who did what</h2>
      {acts.length === 0 ? (
        <p class="soft">Nobody did anything yet.</p>
      ) : (
        <section class="scroll" aria-label="Record, as a table" tabIndex={0}>
          <table>
            <thead>
              <tr>
                <th scope="col">when</th>
                <th scope="col">who</th>
                <th scope="col">act</th>
                <th scope="col">what came of it</th>
              </tr>
            </thead>
            <tbody>
              {acts.slice(0, 50).map((act) => (
                <tr key={`${act.atMs} ${act.who} ${act.act}`}>
                  <td>
                    <time>{clock(act.atMs)}</time>
                  </td>
                  <td>
                    {act.who} <span class="soft">{act.address}</span>
                  </td>
                  <td>{act.act}</td>
                  <td class={act.outcome === 'done' ? undefined : 'bad'}>
                    <span aria-hidden="true">{act.outcome === 'done' ? '✓' : '✕'}</span> {act.message}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      )}
    </section>
  );
}
