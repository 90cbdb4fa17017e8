/** The page: shows the list, adds and removes users, and says which hosts answered. */

/** Milliseconds. */
const times = { poll: 4_000, retry: 1_000, answer: 12_000 };
/** How many answers the strip under the host names shows. */
const shownAnswers = 40;

const element = (id) => document.getElementById(id);
const page = {
  webHost: element('web-host'),
  readFrom: element('read-from'),
  writtenTo: element('written-to'),
  ticks: element('ticks'),
  tally: element('tally'),
  form: element('add'),
  notice: element('notice'),
  outage: element('outage'),
  empty: element('empty'),
  loading: element('loading'),
  title: element('list-title'),
  count: element('count'),
  users: element('users'),
  more: element('more'),
  row: element('user-row'),
};

/** Newest first. */
let users = [];
let next = null;
/** Grows with each change: a list that was asked for before it is out of date when it arrives. */
let generation = 0;
let timer;

/* Requests */

class RequestFailed extends Error {
  constructor(problem, status) {
    super(problem.detail ?? problem.title ?? 'The site did not answer.');
    this.type = problem.type ?? 'about:blank';
    this.errors = problem.errors ?? [];
    this.status = status;
  }
}

async function request(method, path, body) {
  const headers = { accept: 'application/json' };
  if (body !== undefined) headers['content-type'] = 'application/json';
  let response;
  let text;
  try {
    response = await fetch(path, {
      method,
      headers,
      body: body === undefined ? null : JSON.stringify(body),
      cache: 'no-store',
      signal: AbortSignal.timeout(times.answer),
    });
    text = await response.text();
  } catch {
    recordAnswer(null);
    throw new RequestFailed({ detail: 'The site did not answer.' }, 0);
  }
  recordAnswer(response.headers.get('x-tandem-host'));
  if (!response.ok) throw new RequestFailed(parse(text) ?? {}, response.status);
  return { body: parse(text), writtenTo: response.headers.get('x-tandem-written-to') };
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/* Who answered */

const answers = [];
const hosts = [];

function recordAnswer(host) {
  if (host !== null && !hosts.includes(host)) hosts.push(host);
  answers.push(host);
  if (answers.length > shownAnswers) answers.shift();
  if (host !== null) page.webHost.textContent = host;
  page.ticks.replaceChildren(...answers.map((answer) => marked('span', answer, '')));
  const shares = [...hosts, null]
    .map((each) => [each, answers.filter((answer) => answer === each).length])
    .filter(([, count]) => count > 0)
    .map(([each, count]) => marked('span', each, `${each ?? 'no answer'} ${count}`));
  page.tally.replaceChildren(...shares);
}

function marked(tag, host, text) {
  const node = document.createElement(tag);
  node.dataset.host = host === null ? '0' : String((hosts.indexOf(host) % 4) + 1);
  node.textContent = text;
  return node;
}

/* The list */

async function refresh() {
  clearTimeout(timer);
  const asked = generation;
  let delay = times.poll;
  try {
    const { body } = await request('GET', '/api/users');
    if (asked === generation) {
      showPage(body);
      page.outage.hidden = true;
    }
  } catch (error) {
    delay = times.retry;
    page.loading.hidden = true;
    const reason = error.status === 503 ? 'The database does not answer.' : error.message;
    say(
      page.outage,
      `${reason} ${users.length > 0 ? 'Below is what was there before. ' : ''}Trying again …`,
      'error',
    );
  }
  clearTimeout(timer);
  if (document.visibilityState === 'visible') timer = setTimeout(refresh, delay);
}

function showPage(body) {
  page.readFrom.textContent = body.answeredBy;
  const oldest = body.users.at(-1)?.id ?? 0;
  // Older users that were asked for stay below the first page.
  const older = body.next === null ? [] : users.filter((user) => user.id < oldest);
  users = [...body.users, ...older];
  if (older.length === 0) next = body.next;
  render();
}

function render(newId) {
  const rows = new Map([...page.users.children].map((row) => [row.dataset.id, row]));
  const wanted = users.map((user) => {
    const row = rows.get(String(user.id)) ?? createRow(user);
    row.querySelector('time').textContent = age(user.createdAt);
    if (user.id === newId) row.classList.add('new');
    return row;
  });
  const kept = new Set(wanted);
  for (const row of rows.values()) if (!kept.has(row)) row.remove();
  // Only rows that are out of place move: moving one would take the focus from its button.
  wanted.forEach((row, index) => {
    if (page.users.children[index] !== row) page.users.insertBefore(row, page.users.children[index] ?? null);
  });
  page.loading.hidden = true;
  page.empty.hidden = users.length > 0;
  page.more.hidden = next === null;
  page.count.textContent = users.length === 0 ? '' : `${users.length}${next === null ? '' : '+'}`;
}

function createRow(user) {
  const row = page.row.content.firstElementChild.cloneNode(true);
  row.dataset.id = String(user.id);
  row.querySelector('.avatar').textContent = initials(user.name);
  row.querySelector('.name').textContent = user.name;
  row.querySelector('.email').textContent = user.email;
  const time = row.querySelector('time');
  time.dateTime = user.createdAt;
  time.title = new Date(user.createdAt).toLocaleString();
  const button = row.querySelector('.remove');
  button.setAttribute('aria-label', `Remove ${user.name}`);
  button.addEventListener('click', () => remove(user, row, button));
  return row;
}

function initials(name) {
  const words = name.split(/\s+/);
  const letters = words.length > 1 ? [words[0], words.at(-1)] : [words[0]];
  return letters.map((word) => [...word][0]?.toUpperCase() ?? '').join('');
}

const ages = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
];
const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto' });

function age(iso) {
  const seconds = (Date.now() - Date.parse(iso)) / 1_000;
  const [unit, size] = ages.find(([, each]) => seconds >= each) ?? [];
  return unit === undefined ? 'just now' : relative.format(-Math.floor(seconds / size), unit);
}

/* Changes */

function say(place, text, tone) {
  // The same text again would be read out again.
  if (place.textContent !== text) place.textContent = text;
  place.dataset.tone = tone;
  place.hidden = false;
}

function wrote({ writtenTo }) {
  generation += 1;
  if (writtenTo) page.writtenTo.textContent = writtenTo;
  return writtenTo ? ` Written to ${writtenTo}.` : '';
}

async function add(event) {
  event.preventDefault();
  const { form } = page;
  const wanted = { name: form.elements.name.value, email: form.elements.email.value };
  const button = form.querySelector('button');
  clearFieldErrors();
  button.disabled = true;
  try {
    const answer = await request('POST', '/api/users', wanted);
    const where = wrote(answer);
    const { writtenTo, ...user } = answer.body;
    users = [user, ...users.filter((each) => each.id !== user.id)];
    render(user.id);
    say(page.notice, `Added ${user.name}.${where}`, 'good');
    form.reset();
    form.elements.name.focus();
  } catch (error) {
    generation += 1;
    if (!showFieldErrors(error)) say(page.notice, explain(error, `“${wanted.name}” was not added.`), 'error');
    else page.notice.hidden = true;
  } finally {
    button.disabled = false;
  }
  await refresh();
}

async function remove(user, row, button) {
  button.disabled = true;
  row.setAttribute('aria-busy', 'true');
  try {
    const where = wrote(await request('DELETE', `/api/users/${user.id}`));
    say(page.notice, `Removed ${user.name}.${where}`, 'good');
    takeAway(user, row);
  } catch (error) {
    generation += 1;
    if (error.status === 404) {
      say(page.notice, `${user.name} had been removed already.`, 'good');
      takeAway(user, row);
    } else {
      say(page.notice, explain(error, `${user.name} was not removed.`), 'error');
      button.disabled = false;
      row.removeAttribute('aria-busy');
    }
  }
  await refresh();
}

function takeAway(user, row) {
  // The focus goes to the neighbour, not back to the top of the page.
  const neighbour = row.nextElementSibling ?? row.previousElementSibling;
  (neighbour?.querySelector('.remove') ?? page.title).focus();
  users = users.filter((each) => each.id !== user.id);
  render();
}

/** What to say about a change that failed. Only some failures mean that nothing happened. */
function explain(error, nothingHappened) {
  if (error.status === 0 || error.type === '/problems/outcome-unknown' || [502, 504].includes(error.status)) {
    return 'The answer was lost, so the change may have been made or not. The list below shows what is there now.';
  }
  return `${nothingHappened} ${error.message}`;
}

function clearFieldErrors() {
  for (const input of page.form.querySelectorAll('input')) {
    input.removeAttribute('aria-invalid');
    element(`${input.name}-error`).textContent = '';
  }
}

/** True when each error belongs to a field and is shown there. */
function showFieldErrors(error) {
  const inputs = error.errors.map(({ pointer }) => page.form.elements.namedItem(pointer.slice(2)));
  if (inputs.length === 0 || inputs.includes(null)) return false;
  error.errors.forEach(({ detail }, index) => {
    const input = inputs[index];
    input.setAttribute('aria-invalid', 'true');
    element(`${input.name}-error`).textContent = `${detail[0].toUpperCase()}${detail.slice(1)}.`;
  });
  inputs[0].focus();
  return true;
}

async function showMore() {
  page.more.disabled = true;
  try {
    const { body } = await request('GET', next);
    const known = new Set(users.map((user) => user.id));
    users = [...users, ...body.users.filter((user) => !known.has(user.id))];
    next = body.next;
    render();
  } catch (error) {
    say(page.notice, error.message, 'error');
  } finally {
    page.more.disabled = false;
  }
}

page.form.addEventListener('submit', add);
page.more.addEventListener('click', showMore);
document.addEventListener('visibilitychange', () => {
  if (document.visibilityState === 'visible') refresh();
  else clearTimeout(timer);
});
refresh();
