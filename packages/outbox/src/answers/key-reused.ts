import { CommitcastError } from '@commitcast/events'

/** An idempotency key was used again for another command; nothing was done. */
export class KeyReused extends CommitcastError {
  override readonly name = 'KeyReused'
  readonly code = 'KEY_REUSED'
}
