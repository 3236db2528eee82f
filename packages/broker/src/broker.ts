import type { Message } from '@commitcast/events'
import type { Hints } from './hints.ts'

export type { Message }

/**
 * A message system, seen as partitioned, append-only logs. An adapter implements this interface and passes the contract's tests
 * (docs/adding-a-broker.md). The rest of Commitcast does not know which adapter it uses.
 */
export interface Broker {
  /** The adapter's name: `memory`, `nats`, `postgres`. */
  readonly name: string
  readonly traits: Traits
  /** Left out where the broker has no messages that are not stored. */
  readonly hints?: Hints
  /**
   * Creates what is missing of a topic, idempotently, and checks what is there. Throws `TopicMismatch` where something
   * exists with settings that would break a promise.
   */
  topic(options: TopicOptions): Promise<Topic>
  /**
   * Looks for a topic and creates nothing. `undefined` where nothing of it is there. Checks what is there, as `topic` does;
   * a partition that is missing rejects with `BrokerUnavailable` when it is asked for.
   */
  find(options: TopicOptions): Promise<Topic | undefined>
  /** Ends every read and closes what this broker opened. Idempotent. Waiting calls reject with `BrokerUnavailable`. */
  close(): Promise<void>
}

/** In what adapters differ. All else is promised by every one of them. */
export interface Traits {
  /** Whether what was acknowledged is still there after the server was killed and started again. */
  readonly durable: boolean
}

export interface TopicOptions {
  /** Letters, digits, `-` and `_`: `shop-events`. */
  readonly name: string
  /** The topic's incarnation; part of its names on the broker, so nothing of an old one lands in a new one. */
  readonly epoch: number
  readonly partitions: number
  /**
   * Whose topic it is. A topic is bound to the owner that creates it; `topic` and `find` throw `TopicMismatch` for another
   * one. Default: it is not checked.
   */
  readonly owner?: Owner
}

/** The database that assigns a topic's offsets. */
export interface Owner {
  /** Without spaces; what is compared. */
  readonly id: string
  /** For people. */
  readonly name: string
}

/** One incarnation of a topic: `partitions` logs with gapless offsets, from 1 or from where `begin` had them begin. */
export interface Topic extends TopicOptions {
  /**
   * The largest message that is surely taken, in bytes on the wire, where key and headers count, too. `undefined` where
   * the broker takes whatever the outbox takes. As the broker said it when the topic was opened.
   */
  readonly maxMessageBytes: number | undefined
  /**
   * The newest message of a partition, or `undefined` where there was never one. Its id is empty where the log holds no
   * message: none is kept any more, or none was stored since `begin`.
   */
  last(partition: number): Promise<Position | undefined>
  /** The oldest offset that can still be read; `last + 1` where nothing is kept. */
  first(partition: number): Promise<number>
  /**
   * Has a log that holds no message begin after offset `after`, as if everything up to there had been stored once and were
   * no longer kept: `last` is at `after`, the first append follows it, and readers of earlier offsets get `OffsetGone`.
   * Nothing changes where the log is at `after` already.
   *
   * Rejects with `AppendConflict` where the log holds a message or ended behind `after`, with `BrokerUnavailable` when the
   * outcome is unknown. Then ask `last`.
   */
  begin(partition: number, after: number): Promise<void>
  /**
   * Compare-and-append: stores all of `messages` right after offset `after`, or a prefix of them, or nothing. Resolves
   * when the broker calls all of them stored; at once where there are none. The next call may be made before this one
   * resolves; it is stored only if this one is.
   *
   * Rejects with `AppendConflict` where the log is not at `after`, with `MessageRefused` where one of them can never be
   * stored (those before it may be; where only the broker knows, a refusal in mid-chunk may show as a conflict, so send
   * that message alone), with `BrokerUnavailable` when the outcome is unknown or the broker can't store anything now.
   *
   * After a rejection, ask `last`. Messages whose own place was the end of the log when they arrived may have been stored,
   * and two writers' messages may alternate, which does no harm: an offset is assigned to one event for ever, so every
   * writer has the same message for it. Any other message breaks the log, and readers report it (`Diverged`).
   */
  append(partition: number, after: number, messages: readonly Message[]): Promise<void>
  /**
   * The messages after offset `after`, oldest first, from history into the live tail; ends when the signal aborts. A
   * batch is what is there, at most `maxBatch` and `maxBytes`. Waits out outages (`onOutage` says so) and continues without a gap. Throws `OffsetGone` where
   * `after + 1` is no longer kept, `Diverged` where the log is not what its writer made of it.
   */
  read(partition: number, after: number, options: ReadOptions): AsyncIterable<readonly Message[]>
}

export interface Position {
  readonly offset: number
  readonly id: string
}

export interface ReadOptions {
  readonly signal: AbortSignal
  /** Default 1,000 messages. Also bounds what is read ahead. */
  readonly maxBatch?: number
  /**
   * A batch ends with the message that brings its bodies to so many bytes, roughly; a larger message comes alone. Also bounds
   * what is read ahead. Default 1,000,000.
   */
  readonly maxBytes?: number
  /**
   * Called with the error at each try that an outage makes fail, and without one when it reads again, also where nothing
   * follows. Must not throw.
   */
  readonly onOutage?: (error?: unknown) => void
}

/** What a reader takes unless it says otherwise. */
export const readDefaults = { maxBatch: 1_000, maxBytes: 1_000_000 }
