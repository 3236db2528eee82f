import { CommitcastError } from '@commitcast/events'

/**
 * The broker can't be reached, did not answer, or can't do it now (no leader, no room, no rights): what was asked may or may
 * not have happened. The message says how to fix it, where waiting alone does not help. Wait, then look again.
 */
export class BrokerUnavailable extends CommitcastError {
  override readonly name = 'BrokerUnavailable'
  readonly code = 'BROKER_UNAVAILABLE'
  override readonly retryable = true
  /** What an operator has to end, where that is known: it has no room; or it runs, and its logs don't answer. */
  readonly because: 'full' | 'unresponsive' | undefined

  constructor(
    message: string,
    { because, ...options }: ErrorOptions & Pick<Partial<BrokerUnavailable>, 'because'> = {},
  ) {
    super(message, options)
    this.because = because
  }
}

/** The log did not end at the offset that the writer named: another writer appended, or an earlier chunk was not stored. */
export class AppendConflict extends CommitcastError {
  override readonly name = 'AppendConflict'
  readonly code = 'APPEND_CONFLICT'

  static at(topic: string, partition: number, after: number, options?: ErrorOptions): AppendConflict {
    return new AppendConflict(`${topic}, partition ${partition}, does not end at offset ${after}.`, options)
  }

  static begun(topic: string, partition: number, after: number): AppendConflict {
    return new AppendConflict(
      `${topic}, partition ${partition}, can't begin after offset ${after}: it holds messages, or ended behind that.`,
    )
  }
}

/** The broker will never take this message: too large, a type that can't name a subject, or a header that it can't keep. The others of its append may. */
export class MessageRefused extends CommitcastError {
  override readonly name = 'MessageRefused'
  readonly code = 'MESSAGE_REFUSED'
  readonly offset: number

  constructor(offset: number, message: string, options?: ErrorOptions) {
    super(message, options)
    this.offset = offset
  }

  static tooLarge({ id, offset }: { id: string; offset: number }, bytes: number, limit: number): MessageRefused {
    return new MessageRefused(
      offset,
      `Event ${id} takes ${bytes} bytes on the wire; this broker takes at most ${limit}. Raise that limit.`,
    )
  }

  static badHeader({ id, offset }: { id: string; offset: number }, name: string): MessageRefused {
    return new MessageRefused(
      offset,
      `Event ${id} holds a NUL character or half of a surrogate pair in the header "${name}", which no broker keeps.`,
    )
  }

  static badType({ id, offset, type }: { id: string; offset: number; type: string }): MessageRefused {
    return new MessageRefused(offset, `Event ${id} has the type ${JSON.stringify(type)}, which can't name a subject.`)
  }
}

/** The offset asked for is no longer kept by the broker. Read it from the outbox, or read the state again. */
export class OffsetGone extends CommitcastError {
  override readonly name = 'OffsetGone'
  readonly code = 'OFFSET_GONE'
}

/**
 * The log is not what its writer made of it: a message stands where its own offset says it should not, one inside was
 * deleted, or the whole log was and begins anew. Offsets that hold something else need a new epoch.
 */
export class Diverged extends CommitcastError {
  override readonly name = 'Diverged'
  readonly code = 'DIVERGED'
  /** The first offset that is known to hold something else, where one is known. */
  readonly offset: number | undefined

  constructor(message: string, { offset, ...options }: ErrorOptions & { readonly offset?: number } = {}) {
    super(message, options)
    this.offset = offset
  }
}

/** Something of that name exists on the broker with settings that would break a promise, or belongs to another database. */
export class TopicMismatch extends CommitcastError {
  override readonly name = 'TopicMismatch'
  readonly code: 'TOPIC_MISMATCH' | 'OTHER_DATABASE' = 'TOPIC_MISMATCH'

  constructor(message: string, { code, ...options }: ErrorOptions & Pick<Partial<TopicMismatch>, 'code'> = {}) {
    super(message, options)
    if (code) this.code = code
  }
}

/** A hint has more bytes than every broker takes. */
export class HintTooLarge extends CommitcastError {
  override readonly name = 'HintTooLarge'
  readonly code = 'HINT_TOO_LARGE'
}
