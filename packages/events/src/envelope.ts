import type { EventPlace } from './event.ts'
import type { EventCatalog, LiveEventOf } from './event-catalog.ts'

/**
 * Why a cursor could not be continued: it is no cursor of this topic, the topic has a new epoch, what follows it is no longer
 * kept, or the database has failed over since its state was read, which may have shown what the new primary never had.
 */
export type ResyncReason = 'cursor' | 'epoch' | 'retention' | 'failover'

/** An event that can't be read, as subscribers get it: which one it is, and nothing of what it holds. */
export interface Unreadable extends EventPlace {
  readonly id: string
  readonly type: string
  readonly key: string
  readonly code: 'UNREADABLE_EVENT'
}

/** What a subscription sends. Every one is tracked: its id is the cursor to continue with. */
export type Envelope<TEvent = unknown, TState = never, THint = unknown> =
  /** The state as of this cursor; the events that follow are exactly those that it does not show yet. */
  | { readonly kind: 'state'; readonly state: TState }
  /** One event of the followed channels. */
  | { readonly kind: 'event'; readonly event: TEvent }
  /** One event of the followed channels that can't be read or sent. Skip it, or read the state again. */
  | { readonly kind: 'unreadable'; readonly event: Unreadable }
  /** What may get lost, sent to the clients that follow now. Its cursor is the position that the client has reached, and no further. */
  | { readonly kind: 'hint'; readonly hint: THint }
  /** The client is caught up; what follows is as it happens. */
  | { readonly kind: 'live' }
  /** Nothing happened on the client's channels up to here; continue with this newer cursor. */
  | { readonly kind: 'checkpoint' }
  /** The cursor you came with can't be continued: forget what you have, the state (or the present) follows. */
  | { readonly kind: 'resync'; readonly reason: ResyncReason }

/** The envelope of a catalogue's live events. */
export type EnvelopeOf<TCatalog extends EventCatalog, TMetadata = unknown, TState = never, THint = never> = Envelope<
  LiveEventOf<TCatalog, TMetadata>,
  TState,
  THint
>
