/** What of a step of the decision core is worth telling others: the occasions of hooks. Pure. */
import { standbyOf } from '#src/ha/keys.ts';
import type { Event, State } from '#src/ha/state.ts';
import type { HookName } from '#src/spec/schema/database.ts';

export interface Announcement {
  readonly hook: HookName;
  readonly epoch: number;
  /** Beside what every hook is told. */
  readonly details: Readonly<Record<string, string>>;
}

/** `promoted`: the epoch for which `onPromote` was announced last. */
export function announcements(
  before: State,
  event: Event,
  after: State,
  promoted: number,
): readonly Announcement[] {
  const [old, now] = [before.cluster?.value.sync ?? null, after.cluster?.value.sync ?? null];
  const { self } = after.config;
  const found: Announcement[] = [];
  const announce = (hook: HookName, epoch: number, details: Announcement['details'] = {}): void => {
    found.push({ hook, epoch, details });
  };
  if (old?.leader === self && now !== null && now.leader !== self) {
    announce('onDemote', now.epoch, { primary: now.leader });
  }
  if (old?.leader === self && now?.leader === self && old.epoch === now.epoch) {
    const [lost, gained] = [standbyOf(old), standbyOf(now)];
    if (lost !== null && gained === null) announce('onDegrade', now.epoch, { lost });
    if (lost === null && gained !== null) announce('onSync', now.epoch, { standby: gained });
  }
  if (event.type !== 'done' || event.outcome !== 'ok' || now === null) return found;
  const { effect } = event;
  if (effect.kind === 'openServer' && now.leader === self && now.epoch !== promoted) {
    announce('onPromote', now.epoch);
  }
  if (effect.kind === 'clone') announce('onClone', now.epoch, { donor: effect.donor });
  return found;
}
