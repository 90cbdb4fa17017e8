/** Asks before something is done, does it, and says what came of it. */
import { createContext } from 'preact';
import { useContext, useEffect, useRef, useState } from 'preact/hooks';
import type { ActName } from '../../api/schemas.ts';
import { ask, leaveIfOver } from '../api.ts';

export interface Plan {
  readonly act: ActName;
  readonly body: object;
  /** "Make server-2 the primary?" */
  readonly question: string;
  /** What it means, in a sentence or two. */
  readonly meaning: string;
  readonly button: string;
}

export interface Outcome {
  readonly isGood: boolean;
  readonly text: string;
}

export const Doing = createContext<{ readonly propose: (plan: Plan) => void; readonly mayAct: boolean }>({
  propose: () => undefined,
  mayAct: false,
});

export function useDoing() {
  return useContext(Doing);
}

export function Confirm({ plan, close }: { plan: Plan; close: (outcome?: Outcome) => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [isBusy, setBusy] = useState(false);
  useEffect(() => dialog.current?.showModal(), []);
  const doIt = async () => {
    setBusy(true);
    try {
      const { message } = await ask<{ message: string }>(`/acts/${plan.act}`, {
        method: 'POST',
        body: plan.body,
      });
      close({ isGood: true, text: message });
    } catch (error) {
      if (!leaveIfOver(error)) close({ isGood: false, text: (error as Error).message });
    }
  };
  return (
    <dialog ref={dialog} aria-labelledby="question" aria-describedby="meaning" onClose={() => close()}>
      <h2 id="question">{plan.question}</h2>
      <p id="meaning">{plan.meaning}</p>
      <p class="soft">It is recorded with your name and the time.</p>
      <div class="buttons">
        <button type="button" class="quiet" onClick={() => close()} disabled={isBusy}>
          Leave it
        </button>
        <button type="button" class="danger" onClick={() => void doIt()} disabled={isBusy}>
          {plan.button}
        </button>
      </div>
    </dialog>
  );
}
