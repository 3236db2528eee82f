import { CommitcastError } from '@commitcast/events'

/** The subject was erased, for ever: nothing can be encrypted for it, or decrypted. Nothing was written. */
export class SubjectErased extends CommitcastError {
  override readonly name = 'SubjectErased'
  readonly code = 'SUBJECT_ERASED'
  readonly subject: string

  constructor(subject: string) {
    super(
      `The subject ${JSON.stringify(subject.slice(0, 80))} was erased, for ever: nothing is encrypted or decrypted for it any more. ` +
        'Give a new person a new id.',
    )
    this.subject = subject
  }
}

/** The key provider failed to wrap or unwrap a key (`cause`). It counts as an outage: workers wait, and an append can be tried again. */
export class KeyUnavailable extends CommitcastError {
  override readonly name = 'KeyUnavailable'
  readonly code = 'KEY_UNAVAILABLE'
  override readonly retryable = true
}
