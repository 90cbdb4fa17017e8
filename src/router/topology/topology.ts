/** What the router knows of the database: who is the primary, in which epoch, and how the members are. */

export interface Member {
  readonly name: string;
  readonly address: MemberAddress;
  readonly role: 'primary' | 'replica';
  /** The newest epoch whose transactions it has; undefined is unknown. Positions of different epochs don't compare. */
  readonly historyEpoch: number | undefined;
  /** Behind the primary; undefined is unknown, which is not zero. */
  readonly lagSeconds: number | undefined;
  /** GTID position that reads on it are sure to see; undefined is unknown. */
  readonly appliedPosition: string | undefined;
  /** Whether statements may be sent to it. */
  readonly ok: boolean;
}

export type MemberAddress =
  | { readonly host: string; readonly port: number }
  | { readonly socketPath: string };

export interface TopologyView {
  /** Undefined while there is none. */
  readonly primary: Member | undefined;
  /** Of the primary; higher is newer. */
  readonly epoch: number;
  readonly members: readonly Member[];
}

export interface Topology {
  readonly view: TopologyView;
  /** Called after each change; the return value ends it. */
  onChange(listener: (view: TopologyView) => void): () => void;
}

/** Told by whoever holds it. */
export class StaticTopology implements Topology {
  #view: TopologyView;
  readonly #listeners = new Set<(view: TopologyView) => void>();

  constructor(view: TopologyView) {
    this.#view = view;
  }

  get view(): TopologyView {
    return this.#view;
  }

  set(view: TopologyView): void {
    // An older epoch than a known one is old news, whoever brings it.
    if (view.epoch < this.#view.epoch) return;
    this.#view = view;
    for (const listener of this.#listeners) listener(view);
  }

  onChange(listener: (view: TopologyView) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
