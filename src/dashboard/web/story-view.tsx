/** Who led since when, by which rule, and what each agent did around it. */
import type { Story } from '../api/schemas.ts';
import { ago, clock, preciseClock } from './format.ts';
import type { Live } from './live.ts';
import { useAsked } from './use-asked.ts';

/** Steps this long before a change of the primary, and after it, belong to its story. */
const beforeMs = 20_000;
const afterMs = 20_000;

export function StoryView({ state, notes }: Live) {
  // A note is news: the story is read anew.
  const { answer, error } = useAsked<Story>('/story', notes.length > 0 ? 2_000 : 5_000);
  if (answer === undefined) return <p class="soft pad">{error ?? 'Reading the story …'}</p>;
  const { failover } = state.database;
  return (
    <div class="story">
      <section class={`panel now-card ${failover.possible ? 'now-good' : 'now-bad'}`}>
        <h2>Could a failover succeed now?</h2>
        <p>
          <strong>{failover.possible ? 'Yes' : 'No'}</strong>: {failover.reason}.
        </p>
        <ul class="plain">
          {state.database.members.map(({ host, explanation }) => (
            <li key={host}>
              <strong>{host}</strong> {explanation ?? 'says nothing'}
            </li>
          ))}
        </ul>
      </section>
      <section class="panel">
        <h2>Every primary</h2>
        <ol class="epochs">
          {answer.epochs.toReversed().map((epoch, index) => (
            <Epoch
              key={epoch.epoch}
              epoch={epoch}
              steps={answer.steps}
              isLatest={index === 0}
              nowMs={state.atMs}
            />
          ))}
        </ol>
      </section>
      <section class="panel">
        <h2>What the agents did lately</h2>
        <Steps steps={answer.steps.slice(-60).toReversed()} />
      </section>
    </div>
  );
}

function Epoch(props: {
  epoch: Story['epochs'][number];
  steps: Story['steps'];
  isLatest: boolean;
  nowMs: number;
}) {
  const { epoch, isLatest, nowMs } = props;
  const steps = props.steps.filter(
    ({ atMs }) => atMs >= epoch.atMs - beforeMs && atMs <= epoch.atMs + afterMs,
  );
  return (
    <li class={isLatest ? 'latest' : undefined}>
      <p>
        <strong>{epoch.holder}</strong> leads epoch {epoch.epoch}{' '}
        <span class="soft">
          since <time dateTime={new Date(epoch.atMs).toISOString()}>{clock(epoch.atMs)}</time>,{' '}
          {ago(epoch.atMs, nowMs)}
        </span>
      </p>
      <p>
        {epoch.sentence} <span class="rule">rule {epoch.rule}</span>
      </p>
      {steps.length > 0 && (
        <details open={isLatest}>
          <summary>
            {steps.length} {steps.length === 1 ? 'step' : 'steps'} around it
          </summary>
          <Steps steps={steps} from={epoch.atMs} />
        </details>
      )}
    </li>
  );
}

/** `from`: times are told against it. */
function Steps({ steps, from }: { steps: Story['steps']; from?: number }) {
  if (steps.length === 0) return <p class="soft">Nothing yet.</p>;
  return (
    <ol class="steps">
      {steps.map(({ host, atMs, rule, sentence, effects }, index) => (
        <li key={`${host} ${atMs} ${index}`}>
          <time title={preciseClock(atMs)}>
            {from === undefined ? preciseClock(atMs) : relative(atMs - from)}
          </time>
          <span class="step-host">{host}</span>
          <span>
            {sentence} <span class="rule">rule {rule}</span>
            {effects.length > 0 && <span class="soft"> {effects.join(', ')}</span>}
          </span>
        </li>
      ))}
    </ol>
  );
}

function relative(differenceMs: number): string {
  return `${differenceMs < 0 ? '−' : '+'}${(Math.abs(differenceMs) / 1_000).toFixed(2)} s`;
}
