import type { EventCatalog } from './define-events.ts'
import type { LiveEventOf } from './event.ts'

/** Why a cursor could not be continued. */
export type ResyncReason = 'cursor' | 'epoch' | 'retention'

/** What a subscription sends. Every one is tracked: its id is the cursor to come back with. */
export type Envelope<TEvent = unknown, TState = never, THint = unknown> =
  /** The state as of this cursor; the events that follow are exactly those that it does not show yet. */
  | { readonly kind: 'state'; readonly state: TState }
  /** One event of the followed channels. */
  | { readonly kind: 'event'; readonly event: TEvent }
  /** What may get lost, told to whoever follows now. Its cursor is the place that you have come to, and no further. */
  | { readonly kind: 'hint'; readonly hint: THint }
  /** The past is told; what follows is as it happens. */
  | { readonly kind: 'live' }
  /** Nothing of yours happened up to here; come back with this newer cursor. */
  | { readonly kind: 'checkpoint' }
  /** The cursor you came with can't be continued: forget what you have, the state (or the present) follows. */
  | { readonly kind: 'resync'; readonly reason: ResyncReason }

/** The envelope of a catalogue's live events. */
export type EnvelopeOf<TCatalog extends EventCatalog, TMetadata = unknown, TState = never, THint = never> = Envelope<
  LiveEventOf<TCatalog, TMetadata>,
  TState,
  THint
>
