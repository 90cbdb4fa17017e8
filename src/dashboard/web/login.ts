/** The login page: the only one that is served to everybody; it knows nothing of the stack. */
import type { Session } from '../api/schemas.ts';
import { ask, forgetSession, rememberSession } from './api.ts';

const form = document.querySelector('form') as HTMLFormElement;
const message = document.querySelector('#message') as HTMLElement;
const button = form.querySelector('button') as HTMLButtonElement;

forgetSession();

form.addEventListener('submit', async (event) => {
  event.preventDefault();
  const fields = new FormData(form);
  button.disabled = true;
  message.textContent = '';
  try {
    const body = { name: String(fields.get('name')), password: String(fields.get('password')) };
    const session = await ask<Session>('/session', { method: 'POST', body });
    rememberSession(session.csrf ?? '');
    location.assign('/');
  } catch (error) {
    message.textContent = (error as Error).message;
    (form.elements.namedItem('password') as HTMLInputElement).select();
  } finally {
    button.disabled = false;
  }
});
