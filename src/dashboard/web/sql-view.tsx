/** Which statements take the time, where they go, and why. */
import type { SqlView as Sql } from '../api/schemas.ts';
import { count, milliseconds } from './format.ts';
import type { Live } from './live.ts';
import { useAsked } from './use-asked.ts';

export function SqlView(_props: Live) {
  const { answer, error } = useAsked<Sql>('/sql', 4_000);
  if (answer === undefined) return <p class="soft pad">{error ?? 'Asking the routers …'}</p>;
  const most = Math.max(1, ...answer.statements.map(({ totalMs }) => totalMs));
  return (
    <div class="sql">
      {answer.silent.length > 0 && (
        <p class="problems">
          <span aria-hidden="true">▲</span> {answer.silent.join(', ')}: the router does not answer.
        </p>
      )}
      <section class="panel">
        <h2>Statements by the time they took</h2>
        <p class="soft">Shapes without their values, estimated from samples, since the routers began.</p>
        <section class="scroll" aria-label="Statements, as a table" tabIndex={0}>
          <table class="statements">
            <thead>
              <tr>
                <th scope="col">time</th>
                <th scope="col" class="number">
                  statements
                </th>
                <th scope="col" class="number">
                  mean
                </th>
                <th scope="col" class="number">
                  longest
                </th>
                <th scope="col">shape</th>
                <th scope="col">went to, because</th>
              </tr>
            </thead>
            <tbody>
              {answer.statements.map((one) => (
                <tr key={one.shape}>
                  <td>
                    <span
                      class="bar"
                      aria-hidden="true"
                      style={{ width: `${Math.max(2, (72 * one.totalMs) / most)}px` }}
                    />
                    {milliseconds(one.totalMs)}
                  </td>
                  <td class="number">{count(one.statements)}</td>
                  <td class="number">{milliseconds(one.totalMs / Math.max(1, one.statements))}</td>
                  <td class="number">{milliseconds(one.longestMs)}</td>
                  <td>
                    <code>{one.shape}</code>
                  </td>
                  <td>
                    <Went went={one.went} />
                    {one.goesTo !== null && (
                      <p class="soft">
                        now: {one.goesTo}
                        {one.because !== null && `: ${one.because}`}
                      </p>
                    )}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
        {answer.statements.length === 0 && <p class="soft">No statement was sampled yet.</p>}
      </section>
      <section class="panel">
        <h2>Where statements went, and why</h2>
        <Routed routed={answer.routed} />
      </section>
    </div>
  );
}

/** Where the statements of one shape went, with their share. */
function Went({ went }: Pick<Sql['statements'][number], 'went'>) {
  const total = went.reduce((sum, { statements }) => sum + statements, 0);
  if (total === 0) return <span class="soft">–</span>;
  return (
    <ul class="went">
      {went.map(({ member, reason, statements }) => (
        <li key={`${member} ${reason}`}>
          <strong>{member}</strong> {count(statements)} ({((statements / total) * 100).toFixed(0)} %)
          <span class="soft">: {reason}</span>
        </li>
      ))}
    </ul>
  );
}

function Routed({ routed }: Pick<Sql, 'routed'>) {
  const total = Math.max(
    1,
    routed.reduce((sum, one) => sum + one.count, 0),
  );
  return (
    <table>
      <thead>
        <tr>
          <th scope="col">went to</th>
          <th scope="col">because of</th>
          <th scope="col" class="number">
            statements
          </th>
          <th scope="col" class="number">
            share
          </th>
        </tr>
      </thead>
      <tbody>
        {routed.map((one) => (
          <tr key={`${one.slot} ${one.reason}`}>
            <td>{one.slot}</td>
            <td>{one.reason}</td>
            <td class="number">{count(one.count)}</td>
            <td class="number">{((one.count / total) * 100).toFixed(1)} %</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
