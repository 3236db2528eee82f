import { Buffer } from 'node:buffer'
import { HintTooLarge } from './errors.ts'

/** What a broker has for what may get lost (presence, typing). Nothing that must arrive goes this way. */
export interface Hints {
  /**
   * Sends to every listener that this name has now, to each at most once, in no promised order. `name` as a topic's; `text` has
   * at most `maxHintBytes`. Resolves when it is on its way. Rejects with `HintTooLarge`, and with `BrokerUnavailable` where
   * it surely or probably got lost: don't try again.
   */
  send(name: string, text: string): Promise<void>
  /**
   * Calls `onHint` for each hint of this name, this broker's own too, until the signal aborts or the broker is closed;
   * then it resolves. An outage is waited out, and what is sent meanwhile is lost. Rejects with `BrokerUnavailable` where it
   * can't begin, or may not continue.
   */
  listen(name: string, options: ListenOptions): Promise<void>
}

export interface ListenOptions {
  readonly signal: AbortSignal
  /** Never throws. */
  readonly onHint: (text: string) => void
}

/** The largest hint, in bytes of UTF-8; the same on every broker, so that another one can be chosen later. */
export const maxHintBytes = 7_500

/** Throws `HintTooLarge` for a text that some broker would not take. */
export function checkHint(name: string, text: string): void {
  const bytes = Buffer.byteLength(text)
  if (bytes > maxHintBytes) {
    throw new HintTooLarge(
      `A hint of "${name}" has ${bytes} bytes; at most ${maxHintBytes} are taken. Send less, or make it an event.`,
    )
  }
}
