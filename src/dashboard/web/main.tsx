/** Starts the page: who is it, what is the stack, and from then on whatever the stream says. */
import { render } from 'preact';
import type { Note, Session, StackState } from '../api/schemas.ts';
import { ask, keepAlive, leaveIfOver, readSession } from './api.ts';
import { App } from './app.tsx';
import { Cell, type Live } from './live.ts';
import { followEvents } from './stream.ts';

const keptNotes = 30;

async function start(): Promise<void> {
  const root = document.querySelector('#app') as HTMLElement;
  let session: Session;
  let state: StackState;
  try {
    [session, state] = await Promise.all([readSession(), ask<StackState>('/state')]);
  } catch (error) {
    if (leaveIfOver(error)) return;
    root.textContent = `The dashboard does not answer: ${(error as Error).message}`;
    setTimeout(() => void start(), 1_000);
    return;
  }
  const live = new Cell<Live>({ session, state, isLive: false, notes: [] });
  root.textContent = '';
  render(<App live={live} />, root);
  keepAlive();
  await followEvents({
    onConnection: (isLive) => {
      live.value = { ...live.value, isLive };
    },
    onEvent: (kind, data) => {
      if (kind === 'over') location.assign('/login');
      if (kind === 'state')
        live.value = { ...live.value, state: JSON.parse(data) as StackState, isLive: true };
      if (kind === 'note') {
        const note = JSON.parse(data) as Note;
        live.value = { ...live.value, notes: [note, ...live.value.notes].slice(0, keptNotes) };
      }
    },
  });
}

void start();
