import type { CommittedEvent } from '@commitcast/events'
import type { GroupOptions } from '../groups/group.ts'

/** How a handler goes about its work. */
export interface HandlerOptions extends GroupOptions {
  /** How many events of a partition are handled at the same time. Default 8. */
  readonly concurrency?: number
  /** Whether events of one key come one after the other. Default true. */
  readonly isOrdered?: boolean
  /** How long one try may take before it counts as failed, in milliseconds. Default 30,000. */
  readonly timeoutMs?: number
}

/** What one try gets. */
export interface Try {
  /**
   * Aborts when the try has taken `timeoutMs`, when the worker stops, and when its lease is lost or may have run out. Pass it on:
   * a try that continues regardless may overlap the next.
   */
  readonly signal: AbortSignal
  /** 1 for the first one since this worker has the event. */
  readonly attempt: number
}

/**
 * Does something outside of the database for one event: a mail, a webhook. At least once: a worker that dies may have done
 * it and not have said so. `event.id` stays the same, so the receiver knows it.
 */
export type Handle<TEvent = CommittedEvent> = (event: TEvent, attempt: Try) => Promise<void> | void

/** What is done for which type of event; others are passed over. */
export type Handles = Readonly<Record<string, Handle<never> | undefined>>
