import type { StackState } from '../../api/schemas.ts';
import { useDoing } from './confirm.tsx';

export function WebPanel({ state }: { state: StackState }) {
  return (
    <section class="panel" aria-labelledby="act-web">
      <h2 id="act-web">Web hosts</h2>
      <p class="soft">Holds beside the stack file, on all balancers, until it is taken back here.</p>
      <ul class="plain hosts">
        {state.web.map((web) => (
          <WebHost key={web.host} web={web} />
        ))}
      </ul>
    </section>
  );
}

function WebHost({ web }: { web: StackState['web'][number] }) {
  const { propose, mayAct } = useDoing();
  const { host, state, weight, configuredWeight } = web;
  const isDrained = state === 'draining';
  const changeWeight = (event: SubmitEvent) => {
    event.preventDefault();
    const value = Number(new FormData(event.currentTarget as HTMLFormElement).get('weight'));
    const next = value === configuredWeight ? null : value;
    propose({
      act: 'traffic',
      body: { host, weight: next },
      question: `Give ${host} the weight ${value}?`,
      meaning:
        next === null
          ? 'That is what the stack file says: requests are spread exactly again.'
          : 'Requests are spread by the new weights at once; no request is lost.',
      button: 'Change weight',
    });
  };
  return (
    <li>
      <p>
        <strong>{host}</strong> {state}, weight {weight ?? '?'}
        {weight !== configuredWeight && <span class="soft"> (stack file: {configuredWeight})</span>}
      </p>
      <form class="line" onSubmit={changeWeight}>
        <button
          type="button"
          disabled={!mayAct}
          onClick={() =>
            propose({
              act: 'traffic',
              body: { host, drain: !isDrained },
              question: isDrained ? `Let ${host} take requests again?` : `Drain ${host}?`,
              meaning: isDrained
                ? 'The balancers send it requests again.'
                : 'It takes no new requests; those under way end in peace.',
              button: isDrained ? 'Undrain' : 'Drain',
            })
          }
        >
          {isDrained ? `Undrain ${host}` : `Drain ${host}`}
        </button>
        <label>
          Weight <span class="visually-hidden">of {host}</span>
          {/* Not bound to the live state: that would write over what somebody types. */}
          <input
            key={weight}
            name="weight"
            type="number"
            min="0"
            max="256"
            required
            disabled={!mayAct}
            defaultValue={String(weight ?? 1)}
          />
        </label>
        <button type="submit" disabled={!mayAct}>
          Change<span class="visually-hidden"> the weight of {host}</span>
        </button>
      </form>
    </li>
  );
}
