import type { Message } from '@commitcast/events'
import { type Erasures, isPersonal, type KeyReader, type Keys, noKeys } from '@commitcast/outbox'
import { sleep } from '@commitcast/worker'

/** How a hub reads personal fields. */
export interface PersonalOptions {
  /** Reads keys afresh: one from a memory may be older than the first snapshot. */
  readonly keyReader: KeyReader
  /** The subjects that were erased since a snapshot of the database; without one the present snapshot and no subject. */
  readonly erasedSince: (snapshot?: string) => Promise<Erasures>
}

export interface PersonalKeysOptions {
  /** Without it personal fields are read as erased. */
  readonly personal: PersonalOptions | undefined
  /** Called soon after subjects were erased: what was made of their fields has to go. */
  readonly onErased: (subjects: ReadonlySet<string>) => void
  readonly signal: AbortSignal
}

/** The keys of the personal fields that a hub holds, and which of them it may not use any more. */
export interface PersonalKeys {
  /** The keys of a batch's messages; `undefined` where none of them has personal fields. Rejects in an outage. */
  keysOf(messages: readonly Message[]): Promise<Keys> | undefined
  /** Those that the hub knows to be erased: a key of theirs that was read before does not count. */
  readonly erased: ReadonlySet<string>
  readonly done: Promise<unknown>
}

/** How often the database is asked whom it erased, once an event with personal fields was read. */
const lookMs = 2_000
/** A key is read afresh, so those of long ago are not read again. */
const mostErased = 100_000
/** Shows nothing: everyone was erased since. */
const beforeAll = '1:1:'

export function createPersonalKeys({ personal, onErased, signal }: PersonalKeysOptions): PersonalKeys {
  const erased = new Set<string>()
  let watching: Promise<unknown> | undefined
  let first: Promise<string> | undefined

  const look = async (since: string): Promise<string> => {
    const { snapshot, subjects } = await personal!.erasedSince(since)
    if (subjects.length > 0) {
      for (const subject of subjects) erased.add(subject)
      for (const oldest of erased) {
        if (erased.size <= mostErased) break
        erased.delete(oldest)
      }
      onErased(new Set(subjects))
    }
    // A database that fell behind may have erased under ids that the snapshot before had as older ones.
    return xminOf(snapshot) < xminOf(since) ? beforeAll : snapshot
  }
  const watch = async (start: string) => {
    for (let since = start; ; ) {
      await sleep(lookMs, signal)
      if (signal.aborted) return
      // The watch of the epoch says in the log that the database is away.
      since = await look(since).catch(() => since)
    }
  }
  /** Before any key is read: who is erased from then on is noticed. */
  const begin = async ({ erasedSince }: PersonalOptions) => {
    first ??= erasedSince().then(({ snapshot }) => snapshot)
    try {
      const snapshot = await first
      watching ??= watch(snapshot)
    } catch (error) {
      first = undefined
      throw error
    }
  }
  const read = async (messages: readonly Message[]) => {
    if (!personal) return noKeys
    await begin(personal)
    return personal.keyReader.keysOf(messages)
  }
  return {
    keysOf: (messages) => (messages.some(isPersonal) ? read(messages) : undefined),
    erased,
    get done() {
      return Promise.resolve(watching)
    },
  }
}

function xminOf(snapshot: string): bigint {
  return BigInt(snapshot.slice(0, snapshot.indexOf(':')))
}
