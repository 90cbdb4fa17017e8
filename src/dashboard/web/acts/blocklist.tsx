import { useEffect } from 'preact/hooks';
import type { BlockEntries } from '../../api/schemas.ts';
import { clock } from '../format.ts';
import { useAsked } from '../use-asked.ts';
import { type Outcome, useDoing } from './confirm.tsx';

const times = [
  { title: '15 minutes', ms: 900_000 },
  { title: '1 hour', ms: 3_600_000 },
  { title: '1 day', ms: 86_400_000 },
  { title: 'until unblocked', ms: 0 },
] as const;

export function BlocklistPanel({ outcome }: { outcome: Outcome | undefined }) {
  const { propose, mayAct } = useDoing();
  const { answer, error, again } = useAsked<{ entries: BlockEntries }>('/blocklist', 5_000);
  useEffect(again, [outcome]);
  const block = (event: SubmitEvent) => {
    event.preventDefault();
    const fields = new FormData(event.currentTarget as HTMLFormElement);
    const address = String(fields.get('address')).trim();
    const forMs = Number(fields.get('for'));
    propose({
      act: 'block',
      body: { address, forMs: forMs === 0 ? null : forMs, reason: String(fields.get('reason')) },
      question: `Block ${address}?`,
      meaning: 'Every host drops everything to and from it, open connections too.',
      button: 'Block',
    });
  };
  return (
    <section class="panel" aria-labelledby="act-block">
      <h2 id="act-block">Block-list</h2>
      <form class="stack" onSubmit={block}>
        <label>
          Address or network
          <input
            name="address"
            required
            disabled={!mayAct}
            placeholder="203.0.113.0/24"
            autoComplete="off"
            spellcheck={false}
          />
        </label>
        <label>
          For
          <select name="for" disabled={!mayAct}>
            {times.map(({ title, ms }) => (
              <option key={title} value={ms}>
                {title}
              </option>
            ))}
          </select>
        </label>
        <label>
          Reason
          <input name="reason" maxLength={200} disabled={!mayAct} autoComplete="off" />
        </label>
        <button type="submit" disabled={!mayAct}>
          Block
        </button>
      </form>
      {error !== undefined && <p class="bad">{error}</p>}
      <ul class="plain hosts">
        {(answer?.entries ?? []).map((entry) => (
          <li key={entry.address}>
            <p>
              <code>{entry.address}</code>{' '}
              <span class="soft">
                {entry.untilMs === null ? 'until unblocked' : `until ${clock(entry.untilMs)}`}, by {entry.by}
                {entry.reason === '' ? '' : `: ${entry.reason}`}
              </span>
            </p>
            <button
              type="button"
              disabled={!mayAct}
              onClick={() =>
                propose({
                  act: 'unblock',
                  body: { address: entry.address },
                  question: `Unblock ${entry.address}?`,
                  meaning: 'It may reach again what everybody may.',
                  button: 'Unblock',
                })
              }
            >
              Unblock <span class="visually-hidden">{entry.address}</span>
            </button>
          </li>
        ))}
      </ul>
      {answer?.entries.length === 0 && <p class="soft">Nothing is blocked.</p>}
    </section>
  );
}
