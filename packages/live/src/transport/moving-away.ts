import { CommitcastError } from '@commitcast/events'

/**
 * The node goes away: the stream ends, and its client reconnects to another one with its cursor. Named `AbortError`, because
 * that is what tRPC ends an SSE stream after without a word: neither `return`, after which its client would stay away, nor
 * an error.
 */
export class MovingAway extends CommitcastError {
  override readonly name = 'AbortError'
  readonly code = 'MOVING_AWAY'

  constructor() {
    super('This node is stopping. Reconnect.')
  }
}
