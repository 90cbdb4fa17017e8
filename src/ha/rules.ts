/** The table: every decision that an agent can take, in order; the first row whose condition holds is taken. */
import { candidateRules } from './candidate.ts';
import { demotionRules } from './demotion.ts';
import { failoverPossible } from './failover-possible.ts';
import { degradeRules, membershipRules } from './membership.ts';
import { storeProblem } from './problems.ts';
import { promotionRules } from './promotion.ts';
import { rejoinRules } from './rejoin.ts';
import { switchoverRules } from './switchover.ts';
import { type Rule, type View, wait } from './view.ts';

const storeRules: readonly Rule[] = [
  {
    number: 1,
    name: 'Unseen',
    comment: 'Nothing is decided before both etcd and the server were read once.',
    when: (v) => v.cluster === null || v.serverState === 'unseen',
    build: (v) =>
      wait(v.cluster === null ? 'etcd has not been read yet' : 'the server has not been seen yet'),
  },
  {
    number: 2,
    name: 'StoreNotOurs',
    comment:
      'etcd was wiped, restored from a backup, or holds another stack: what runs goes on running, nothing is promoted, demoted, cloned or recorded until a person has looked.',
    when: (v) => storeProblem(v) !== null && v.serverState !== 'down',
    build: (v) => wait(`${storeProblem(v)?.sentence}; nothing is changed`),
  },
];

const leadingRules: readonly Rule[] = [
  {
    number: 59,
    name: 'Lead',
    comment: 'The primary in order; the sentence says whether a failover would succeed now.',
    when: (v) => v.recorded,
    build: (v) => wait(leadSentence(v)),
  },
];

function leadSentence(view: View): string {
  const possible = failoverPossible(view.cluster, view.config.mode);
  const closed = view.server === null || view.server.readOnly ? ', closed for writes' : '';
  const ending = possible.possible
    ? `a failover to ${possible.to} would succeed`
    : `a failover would not succeed: ${possible.reason}`;
  const holding = view.leads ? 'leads' : 'goes on without the leader key';
  return `${holding} in epoch ${view.sync?.epoch}${closed}; ${ending}`;
}

/** All rules, in order of evaluation, which is the order of their numbers but for 59, which stands last of its kind. */
export const rules: readonly Rule[] = [
  ...storeRules,
  ...demotionRules,
  ...degradeRules,
  ...promotionRules,
  ...switchoverRules,
  ...membershipRules,
  ...candidateRules,
  ...leadingRules,
  ...rejoinRules,
];
