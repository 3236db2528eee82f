import { pathText, type Unkept } from './check-value.ts'
import { CommitcastError } from './commitcast-error.ts'

/** A value that would not be read back unchanged, so it is not written. */
export class InvalidValue extends CommitcastError {
  override readonly name = 'InvalidValue'
  readonly code = 'INVALID_VALUE'
  /** Where in the value it is: property names, indices and keys. */
  readonly path: readonly string[]
  /** What is there: `a Buffer`. */
  readonly what: string

  /** `root` is what the caller calls the value. */
  constructor({ path, what }: Unkept, { root = 'the value', ...options }: ErrorOptions & { root?: string } = {}) {
    super(explainValue(root, { path, what }), options)
    this.path = path
    this.what = what
  }

  /** The same, said of what the caller calls `root`: `data.photo is a Buffer, …`. */
  describe(root: string): string {
    return explainValue(root, this)
  }
}

function explainValue(root: string, { path, what }: Unkept): string {
  const fix =
    what === 'a Buffer'
      ? 'give its bytes as a text (base64) or as a Uint8Array'
      : 'give plain values, Dates, Maps, Sets, BigInts, RegExps, URLs or typed arrays'
  return `${pathText(root, path)} is ${what}, which would not be read back unchanged: ${fix}.`
}

/** An event that can't be appended: unknown type, data that its schema refuses, too large. Nothing was written. */
export class InvalidEvent extends CommitcastError {
  override readonly name = 'InvalidEvent'
  readonly code = 'INVALID_EVENT'
}

/**
 * An event that can't be read: its data or its headers are nothing that `append` writes, so they came by SQL or from an older
 * release. Every reader skips it.
 */
export class UnreadableEvent extends CommitcastError {
  override readonly name = 'UnreadableEvent'
  readonly code = 'UNREADABLE_EVENT'
  /** The event's id. */
  readonly id: string
  /** The event's type. */
  readonly type: string

  constructor(why: string, { id, type, ...options }: ErrorOptions & { id: string; type: string }) {
    super(`Event ${id} ("${type}") can't be read: ${why}`, options)
    this.id = id
    this.type = type
  }
}

/** What an application gave as a channel is no text, or an empty one. */
export class InvalidChannel extends CommitcastError {
  override readonly name = 'InvalidChannel'
  readonly code = 'INVALID_CHANNEL'
}

/** A hint that can't be sent: unknown type, data that its schema refuses. */
export class InvalidHint extends CommitcastError {
  override readonly name = 'InvalidHint'
  readonly code = 'INVALID_HINT'
}

/** An event of a newer schema version than the catalogue knows: a writer was deployed before this reader. Deploy it, too. */
export class NewerVersion extends CommitcastError {
  override readonly name = 'NewerVersion'
  readonly code = 'NEWER_VERSION'
  /** The event's id. */
  readonly id: string
  /** The event's type. */
  readonly type: string
  /** The event's schema version. */
  readonly version: number
  /** The newest version that the catalogue knows. */
  readonly known: number

  constructor(
    message: string,
    { id, type, version, known }: { id: string; type: string; version: number; known: number },
  ) {
    super(message)
    this.id = id
    this.type = type
    this.version = version
    this.known = known
  }
}

/** An old event can't be made into one of the present version: its step threw (`cause`), or its version is no version. */
export class UpcastFailed extends CommitcastError {
  override readonly name = 'UpcastFailed'
  readonly code = 'UPCAST_FAILED'
  /** The event's id. */
  readonly id: string
  /** The event's type. */
  readonly type: string
  /** The version that could not be made into the next; `NaN` for what is no number. */
  readonly version: number

  constructor(
    message: string,
    { id, type, version, ...options }: ErrorOptions & { id: string; type: string; version: number },
  ) {
    super(message, options)
    this.id = id
    this.type = type
    this.version = version
  }
}
